//! The webhooks of Messenger and Instagram.

mod content;

use chrono::{DateTime, Utc};
use convodb_core::commands::{Edit, React, RecordDelivery, RecordWatermark, Revoke, WatermarkOf};
use convodb_core::{
    Author, Channel, Content, DeliveryStatus, InboxRef, MessageRef, ProviderId, Receipt, Reference,
    Story,
};
use serde_json::value::RawValue;

use crate::Item;
use crate::account::Account;
use crate::frame::{Frame, Sent};
use crate::ids::{composed_id, message_id};
use crate::json::{Object, text};
use crate::metadata::Values;
use crate::party::Party;

const MAX_EMOJI_BYTES: usize = 64;
const MAX_STORY_BYTES: usize = 4_096;

/// The fields of a change that is an event, as Instagram's own login has them.
const EVENTS: [&str; 12] = [
    "messages",
    "message_deliveries",
    "message_echoes",
    "message_edit",
    "message_edits",
    "message_reactions",
    "message_reads",
    "messaging_postbacks",
    "messaging_referral",
    "messaging_referrals",
    "messaging_seen",
    "standby",
];

/// Reads one entry: the events of one page or account.
pub(crate) fn entry(channel: Channel, entry: &Object<'_>, items: &mut Vec<Item>) {
    let known = items.len();
    let account = entry.id("id").unwrap_or_default();
    for raw in entry
        .list("messaging")
        .into_iter()
        .chain(entry.list("standby"))
    {
        read(channel, &account, raw, items);
    }
    for change in entry.list("changes") {
        let Some(change) = Object::of(change) else {
            items.push(Item::ignored("change", "is no object"));
            continue;
        };
        let field = change.text("field").unwrap_or_default();
        match change.get("value") {
            Some(value) if EVENTS.contains(&&*field) => read(channel, &account, value, items),
            _ => items.push(Item::ignored(&field, "has nothing for a thread")),
        }
    }
    if items.len() == known {
        items.push(Item::ignored("entry", "has no event"));
    }
}

/// An event, and the two it is between.
struct Event<'a> {
    object: Object<'a>,
    inbox: InboxRef,
    party: Party,
    /// Whether the account did it, and not the contact.
    is_sent: bool,
    time: Option<DateTime<Utc>>,
}

fn read(channel: Channel, account: &str, raw: &RawValue, items: &mut Vec<Item>) {
    let Some(object) = Object::of(raw) else {
        return items.push(Item::ignored("event", "is no object"));
    };
    let kind = kind(&object);
    let party = |name| object.object(name).and_then(|party| party.id("id"));
    let (Some(sender), Some(recipient)) = (party("sender"), party("recipient")) else {
        return items.push(Item::ignored(kind, "has no sender or no recipient"));
    };
    let message = object.object("message");
    let is_echo = message.is_some_and(|message| message.is_true("is_echo"));
    let is_sent = is_echo || sender == account;
    let (own, user) = match is_sent {
        true => (sender, recipient),
        false => (recipient, sender),
    };
    let mut party = Party::new(channel);
    party.add([Some(user)]);
    if !party.is_named() {
        return items.push(Item::ignored(kind, "has no valid sender or recipient"));
    }
    let account = Account {
        channel,
        name: own.clone(),
        id: own,
    };
    let time = object.time("timestamp");
    let event = Event {
        object,
        inbox: account.inbox(),
        party,
        is_sent,
        time,
    };
    let known = items.len();
    event.read(kind, items);
    account.introduce(items, known);
}

/// The part of an event that says what it is.
fn kind(object: &Object<'_>) -> &'static str {
    const KINDS: [&str; 7] = [
        "message",
        "message_edit",
        "postback",
        "reaction",
        "read",
        "delivery",
        "referral",
    ];
    let kind = KINDS.into_iter().find(|kind| object.has(kind));
    kind.unwrap_or("event")
}

impl Event<'_> {
    fn read(&self, kind: &'static str, items: &mut Vec<Item>) {
        let Some(part) = self.object.object(kind) else {
            return items.push(Item::ignored(kind, "has nothing for a thread"));
        };
        match kind {
            "message" => items.push(self.message(&part)),
            "message_edit" => items.push(self.edit(&part)),
            "postback" => items.push(self.postback(&part)),
            "reaction" => items.push(self.reaction(&part)),
            "read" => self.seen(&part, items),
            "delivery" => self.delivered(&part, items),
            _ => items.push(self.referral(&part)),
        }
    }

    fn by(&self) -> Author {
        match self.is_sent {
            true => Author::external(),
            false => Author::contact(),
        }
    }

    /// The message that a part names by its `mid`.
    fn target(&self, part: &Object<'_>) -> Option<MessageRef> {
        let id = part.id("mid").and_then(|id| message_id(&id))?;
        Some(MessageRef::from((self.inbox.clone(), id)))
    }

    fn frame(&self, kind: &str, id: ProviderId) -> Frame<'_> {
        let address = (self.party.clone(), self.inbox.clone());
        let mut frame = Frame::new(self.object.raw, kind, address, id);
        frame.time = self.time;
        frame
    }

    fn message(&self, message: &Object<'_>) -> Item {
        let Some(id) = message.id("mid").and_then(|id| message_id(&id)) else {
            return Item::ignored("message", "has no id");
        };
        if message.is_true("is_deleted") {
            let mut revocation = Revoke::new((self.inbox.clone(), id));
            (revocation.by, revocation.at) = (self.by(), self.time);
            return Item::Revoke(revocation);
        }
        let (content, kind) = content::of(message, self.time);
        let mut frame = self.frame(kind.unwrap_or("message"), id);
        if self.is_sent {
            frame.sent = Some(Sent::by(message.id("app_id"), message.text("metadata")));
        }
        let mut values = Values::default();
        if kind == Some(content::HEART) {
            values.put("kind", content::HEART.into());
        }
        if let Some(referral) = message
            .object("referral")
            .or_else(|| self.object.object("referral"))
        {
            values.put_object("referral", &referral);
        }
        frame.metadata = values.take();
        frame.reply_to = message.object("reply_to").and_then(|it| reference(&it));
        frame.item(content)
    }

    fn edit(&self, edit: &Object<'_>) -> Item {
        let (Some(target), Some(text)) = (self.target(edit), edit.text("text")) else {
            return Item::ignored("message_edit", "has no id or no text");
        };
        let content = Content::text(text);
        let id = ProviderId::new("edit").map(|id| self.frame("message_edit", id));
        if let Err(error) = id.and_then(|frame| frame.validate(&content)) {
            return Item::ignored("message_edit", error.to_string());
        }
        let mut edit = Edit::new(target, content);
        edit.contact = (!self.is_sent).then(|| self.party.who());
        edit.at = self.time;
        Item::Edit(edit)
    }

    /// A postback of former versions has no id. The same payload is then the same postback.
    fn postback(&self, postback: &Object<'_>) -> Item {
        let known = postback.id("mid").and_then(|id| message_id(&id));
        let Some(id) = known.or_else(|| composed_id("postback", self.object.raw)) else {
            return Item::ignored("postback", "has no id");
        };
        let mut frame = self.frame("postback", id);
        if self.is_sent {
            frame.sent = Some(Sent::by(None, None));
        }
        if let Some(referral) = postback.object("referral") {
            let mut values = Values::default();
            values.put_object("referral", &referral);
            frame.metadata = values.take();
        }
        frame.item(content::postback(postback))
    }

    /// A contact that is known came through a link: no message, and nothing to answer.
    fn referral(&self, referral: &Object<'_>) -> Item {
        let Some(id) = composed_id("referral", self.object.raw) else {
            return Item::ignored("referral", "has no id");
        };
        let mut frame = self.frame("referral", id);
        let mut values = Values::default();
        values.put_object("referral", referral);
        frame.metadata = values.take();
        frame.item(content::referral(referral))
    }

    fn reaction(&self, part: &Object<'_>) -> Item {
        let Some(target) = self.target(part) else {
            return Item::ignored("reaction", "has no id");
        };
        let mut reaction = match part.text("action").as_deref() {
            Some("react") => {
                let name = part.id("reaction");
                let emoji = part.id("emoji").or_else(|| name.as_deref().map(emoji_of));
                let emoji = emoji.filter(|emoji| emoji.len() <= MAX_EMOJI_BYTES);
                match emoji {
                    Some(emoji) => React::new(target, emoji),
                    None => return Item::ignored("reaction", "has no emoji"),
                }
            }
            Some("unreact") => React::none(target),
            _ => return Item::ignored("reaction", "has no known action"),
        };
        (reaction.by, reaction.at) = (self.by(), self.time);
        Item::React(reaction)
    }

    /// Messenger gives a time, and Instagram the latest message that was seen.
    fn seen(&self, read: &Object<'_>, items: &mut Vec<Item>) {
        if self.is_sent {
            return items.push(Item::ignored("read", "is what the team has read"));
        }
        let known = items.len();
        if let Some(message) = self.target(read) {
            // Its own receipt waits for it, if it has not come.
            items.push(self.deliver(message.clone(), Receipt::read()));
            items.push(Item::Watermark(RecordWatermark {
                of: WatermarkOf::UpTo(message),
                status: DeliveryStatus::Read,
            }));
        }
        items.extend(self.watermark(read, DeliveryStatus::Read));
        if items.len() == known {
            items.push(Item::ignored("read", "has no time and no id"));
        }
    }

    fn delivered(&self, delivery: &Object<'_>, items: &mut Vec<Item>) {
        if self.is_sent {
            return items.push(Item::ignored("delivery", "is to the team"));
        }
        let known = items.len();
        let ids = delivery.list("mids").into_iter().filter_map(text);
        items.extend(ids.filter_map(|id| message_id(&id)).map(|id| {
            let message = MessageRef::from((self.inbox.clone(), id));
            self.deliver(message, Receipt::delivered())
        }));
        if items.len() == known {
            items.extend(self.watermark(delivery, DeliveryStatus::Delivered));
        }
        if items.len() == known {
            items.push(Item::ignored("delivery", "has no time and no id"));
        }
    }

    fn deliver(&self, message: MessageRef, receipt: Receipt) -> Item {
        let receipt = match self.time {
            Some(at) => receipt.at(at),
            None => receipt,
        };
        Item::Deliver(RecordDelivery { message, receipt })
    }

    fn watermark(&self, part: &Object<'_>, status: DeliveryStatus) -> Option<Item> {
        let until = part.time("watermark")?;
        let of = WatermarkOf::Contact(self.party.who(), self.inbox.clone(), until);
        Some(Item::Watermark(RecordWatermark { of, status }))
    }
}

/// What a message answers: a message, or a story.
fn reference(part: &Object<'_>) -> Option<Reference> {
    if let Some(id) = part.id("mid").and_then(|id| message_id(&id)) {
        return Some(Reference::from(id));
    }
    let story = part.object("story")?;
    let of = |name| story.id(name).filter(|text| text.len() <= MAX_STORY_BYTES);
    let mut reference = Reference::default();
    reference.story = Some(Story {
        id: of("id"),
        url: of("url"),
    });
    Some(reference)
}

/// The emoji of a reaction's name, for a payload without it.
fn emoji_of(name: &str) -> String {
    let emoji = match name {
        "love" => "❤",
        "smile" | "haha" => "😆",
        "wow" => "😮",
        "sad" => "😢",
        "angry" => "😠",
        "like" => "👍",
        "dislike" => "👎",
        other => other,
    };
    emoji.to_owned()
}
