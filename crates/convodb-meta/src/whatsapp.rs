//! The webhooks of the WhatsApp Cloud API.

mod content;

use convodb_core::commands::{Edit, Fill, React, RecordDelivery, Revoke, SetProviderId};
use convodb_core::{
    Author, Channel, Content, DeliveryStatus, Direction, Failure, MessageRef, Receipt, Reference,
    Who,
};
use serde_json::value::RawValue;

use crate::Item;
use crate::account::Account;
use crate::frame::{Frame, Sent, cut, unsupported};
use crate::ids::message_id;
use crate::json::{Object, text};
use crate::metadata::Values;
use crate::party::Party;

const MAX_FAILURE_BYTES: usize = 2_048;
const MAX_EMOJI_BYTES: usize = 64;
const MAX_REFERENCE_BYTES: usize = 128;

/// Reads one entry: the changes of one business account.
pub(crate) fn entry(entry: &Object<'_>, items: &mut Vec<Item>) {
    for change in entry.list("changes") {
        let Some(change) = Object::of(change) else {
            items.push(Item::ignored("change", "is no object"));
            continue;
        };
        let field = change.text("field").unwrap_or_default();
        match change.object("value") {
            Some(value) => read(&field, entry, &value, items),
            None => items.push(Item::ignored(&field, "has no value")),
        }
    }
}

fn read(field: &str, entry: &Object<'_>, value: &Object<'_>, items: &mut Vec<Item>) {
    let known = items.len();
    let number = Number::new(entry, value);
    for error in value.objects("errors") {
        let reason = error.text("title").or_else(|| error.text("message"));
        items.push(Item::ignored("error", reason.unwrap_or_default()));
    }
    let way = match field {
        "history" => Way::History {
            thread: Party::new(Channel::Whatsapp),
        },
        _ => Way::Live,
    };
    let mut introduced = None;
    for raw in value.list("messages") {
        let asked = message(raw, &number, value, &way);
        push(asked, &mut introduced, items);
    }
    for raw in value.list("message_echoes") {
        let asked = message(raw, &number, value, &Way::Echo);
        push(asked, &mut introduced, items);
    }
    for raw in value.list("statuses") {
        status(raw, &number, items);
    }
    for chunk in value.objects("history") {
        history(&chunk, &number, items);
    }
    for entry in value.objects("state_sync") {
        items.push(address_book(&entry));
    }
    if items.len() == known {
        items.push(Item::ignored(field, "has nothing for a thread"));
    }
    number.account.introduce(items, known);
}

/// The number of the business.
struct Number {
    account: Account,
    shown: String,
}

impl Number {
    fn new(entry: &Object<'_>, value: &Object<'_>) -> Self {
        let metadata = value.object("metadata");
        let of = |name| metadata.as_ref().and_then(|it| it.id(name));
        let shown = of("display_phone_number").unwrap_or_default();
        let id = of("phone_number_id").or_else(|| entry.id("id"));
        Self {
            shown: digits(&shown),
            account: Account {
                channel: Channel::Whatsapp,
                id: id.unwrap_or_else(|| shown.clone()),
                name: shown,
            },
        }
    }

    /// Whether a message was sent by the business.
    fn sent(&self, message: &Object<'_>) -> bool {
        let from = message.text("from").unwrap_or_default();
        let from_me = message.object("history_context");
        let from_me = from_me.is_some_and(|context| context.is_true("from_me"));
        from_me || !self.shown.is_empty() && digits(&from) == self.shown
    }
}

fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// Adds what a message asks. What is said of a contact is said once of the messages behind each other.
fn push(asked: Vec<Item>, introduced: &mut Option<Item>, items: &mut Vec<Item>) {
    for item in asked {
        if matches!(item, Item::Contact(_)) {
            if introduced.as_ref() == Some(&item) {
                continue;
            }
            *introduced = Some(item.clone());
        }
        items.push(item);
    }
}

/// An entry of the address book of the business's phone: what the business calls a number.
fn address_book(entry: &Object<'_>) -> Item {
    const KIND: &str = "state_sync";
    let contact = entry.object("contact").filter(|_| {
        let is_removed = entry.text("action").as_deref() == Some("remove");
        entry.text("type").as_deref() == Some("contact") && !is_removed
    });
    let Some(contact) = contact else {
        return Item::ignored(KIND, "adds no contact");
    };
    let mut party = Party::new(Channel::Whatsapp);
    let number = contact.id("phone_number").map(|number| digits(&number));
    party.add([number.filter(|number| !number.is_empty())]);
    party.set_name(contact.id("full_name").or_else(|| contact.id("first_name")));
    let named = party.named_by_the_business();
    named.unwrap_or_else(|| Item::ignored(KIND, "has no number or no name"))
}

/// How a message comes.
enum Way {
    Live,
    /// Another application of the business sent it.
    Echo,
    /// It is old, and of this contact where that is known.
    History {
        thread: Party,
    },
}

fn history(chunk: &Object<'_>, number: &Number, items: &mut Vec<Item>) {
    for error in chunk.objects("errors") {
        let reason = error.text("title").or_else(|| error.text("message"));
        items.push(Item::ignored("history", reason.unwrap_or_default()));
    }
    for thread in chunk.objects("threads") {
        let context = thread.object("context");
        let of = |name| context.as_ref().and_then(|it| it.id(name));
        let mut party = Party::new(Channel::Whatsapp);
        party.add([thread.id("id"), of("wa_id"), of("user_id")]);
        let way = Way::History { thread: party };
        let mut introduced = None;
        for raw in thread.list("messages") {
            let asked = message(raw, number, &thread, &way);
            push(asked, &mut introduced, items);
        }
    }
}

/// What one message asks. `beside` has the contacts.
fn message(raw: &RawValue, number: &Number, beside: &Object<'_>, way: &Way) -> Vec<Item> {
    let Some(object) = Object::of(raw) else {
        return vec![Item::ignored("message", "is no object")];
    };
    let kind = object.text("type").unwrap_or_default();
    let is_sent = matches!(way, Way::Echo) || number.sent(&object);
    let Some(id) = object.id("id").and_then(|id| message_id(&id)) else {
        return vec![Item::ignored(&kind, "has no id")];
    };
    let profile = profile(&object, beside, is_sent);
    let party = party(&object, profile.as_ref(), way, is_sent);
    // Both have the same identities: the older contact is the one that stays.
    let renamed = renamed(&object, &kind, &party);
    let (known, party) = renamed.unwrap_or_else(|| (party.clone(), party));
    let inbox = number.account.inbox();
    if !party.is_named() {
        // The medium of an old message may come without its recipient.
        let content = content::of(&object, &kind);
        let is_medium = matches!(content, Content::Media { .. });
        return vec![match is_sent && is_medium {
            true => Item::Fill(Fill {
                message: MessageRef::from((inbox, id)),
                content,
            }),
            false => Item::ignored(&kind, "names no contact"),
        }];
    }
    let mut frame = Frame::new(raw, &kind, (party, inbox), id);
    frame.time = object.time("timestamp");
    frame.reopens = matches!(way, Way::Echo) || matches!(way, Way::Live) && !is_sent;
    if is_sent {
        let client_ref = object.text("biz_opaque_callback_data");
        let mut sent = Sent::by(None, client_ref);
        sent.is_echo = matches!(way, Way::Echo);
        frame.sent = Some(sent);
    }
    surround(&mut frame, &object, profile.as_ref());
    let about = about(&object, &kind, &frame);
    if let Some(item) = about {
        let stores = matches!(&item, Item::Edit(edit) if edit.contact.is_some());
        let introduction = known.introduction().filter(|_| stores);
        return introduction.into_iter().chain([item]).collect();
    }
    if kind == "media_placeholder" {
        frame.is_placeholder = true;
    }
    let item = frame.item(content::of(&object, &kind));
    let is_stored = !matches!(item, Item::Ignored(_));
    let introduction = known.introduction().filter(|_| is_stored);
    let mut items: Vec<_> = introduction.into_iter().chain([item]).collect();
    if is_sent && let Some(receipt) = old_receipt(&object, &frame) {
        items.push(receipt);
    }
    items
}

/// The fields of a message that name its contact: by the number, and by the user id.
const fn names(is_sent: bool) -> (&'static str, &'static str) {
    match is_sent {
        true => ("to", "to_user_id"),
        false => ("from", "from_user_id"),
    }
}

/// The profile of the contact that a message is from or to: the one that has an id of it, or the only one
/// where the message itself has no id of it.
fn profile<'a>(message: &Object<'_>, beside: &Object<'a>, is_sent: bool) -> Option<Object<'a>> {
    let mut contacts = beside.objects("contacts");
    let (number, user) = names(is_sent);
    let (number, user) = (message.id(number), message.id(user));
    let is_of = |contact: &Object<'_>| {
        let is_same = |own: &Option<String>, name| own.is_some() && *own == contact.id(name);
        is_same(&number, "wa_id") || is_same(&user, "user_id")
    };
    match contacts.iter().position(is_of) {
        Some(place) => Some(contacts.swap_remove(place)),
        None if number.is_none() && user.is_none() && contacts.len() == 1 => contacts.pop(),
        None => None,
    }
}

/// What the contact is called: the number first, where there is one. An old message is of the contact of its
/// thread.
fn party(message: &Object<'_>, profile: Option<&Object<'_>>, way: &Way, is_sent: bool) -> Party {
    let (number, user) = names(is_sent);
    let (number, user) = (message.id(number), message.id(user));
    let of_profile = |name| profile.and_then(|profile| profile.id(name));
    let mut party = Party::new(Channel::Whatsapp);
    party.add([number, of_profile("wa_id"), user, of_profile("user_id")]);
    if let Way::History { thread } = way
        && thread.is_named()
    {
        party = match party.shares(thread) {
            true => party.behind(thread),
            false => thread.clone(),
        };
    }
    let person = profile.and_then(|profile| profile.object("profile"));
    party.set_name(person.and_then(|person| person.text("name")));
    party
}

/// What a contact was called and what it is called now, of a line that says so: first by the former, and
/// first by the latter, where an answer goes.
fn renamed(message: &Object<'_>, kind: &str, party: &Party) -> Option<(Party, Party)> {
    let line = message.object("system").filter(|_| kind == "system")?;
    let change = line.text("type")?;
    let is_change = change.starts_with("user_changed_") || change.starts_with("customer_changed_");
    is_change.then_some(())?;
    let mut new = Party::new(Channel::Whatsapp);
    new.add([
        line.id("new_wa_id").or_else(|| line.id("wa_id")),
        line.id("user_id"),
    ]);
    new.is_named().then_some(())?;
    let former = [line.id("customer"), line.id("previous_user_id")];
    let old = party.former(former, &new);
    Some((new.behind(&old), old.behind(&new)))
}

/// Adds what a message answers, where it came through, and who its sender is.
fn surround(frame: &mut Frame<'_>, message: &Object<'_>, profile: Option<&Object<'_>>) {
    let mut values = Values::default();
    if let Some(profile) = profile {
        let person = profile.object("profile");
        let of = |name| person.as_ref().and_then(|person| person.text(name));
        values.put_text("contact.username", of("username"));
    }
    values.put_text("group_id", message.text("group_id"));
    if let Some(referral) = message.object("referral") {
        values.put_object("referral", &referral);
    }
    if let Some(context) = message.object("context") {
        let answered = context.id("id").and_then(|id| message_id(&id));
        frame.reply_to = answered.map(Reference::from);
        frame.is_forwarded =
            context.is_true("forwarded") || context.is_true("frequently_forwarded");
        if let Some(product) = context.object("referred_product") {
            values.put_object("referral.product", &product);
        }
    }
    frame.metadata = values.take();
}

/// What is no message, but about one. Without what it needs, it is a message that is not understood.
fn about(message: &Object<'_>, kind: &str, frame: &Frame<'_>) -> Option<Item> {
    let by = match frame.sent {
        None => Author::contact(),
        Some(_) => Author::external(),
    };
    let about = message.object(kind)?;
    let target = |name| {
        let id = about.id(name).and_then(|id| message_id(&id))?;
        Some(MessageRef::from((frame.inbox.clone(), id)))
    };
    match kind {
        "reaction" => {
            let emoji = about.text("emoji").filter(|emoji| !emoji.is_empty());
            let mut reaction = match emoji {
                Some(emoji) if emoji.len() > MAX_EMOJI_BYTES => return None,
                Some(emoji) => React::new(target("message_id")?, emoji),
                None => React::none(target("message_id")?),
            };
            (reaction.by, reaction.at) = (by, frame.time);
            Some(Item::React(reaction))
        }
        "revoke" => {
            let mut revocation = Revoke::new(target("original_message_id")?);
            (revocation.by, revocation.at) = (by, frame.time);
            Some(Item::Revoke(revocation))
        }
        "edit" => {
            let edited = about.object("message")?;
            let content = content::of(&edited, &edited.text("type")?);
            let is_understood = !matches!(content, Content::Unsupported { .. });
            let is_taken = is_understood && frame.validate(&content).is_ok();
            is_taken.then_some(())?;
            let mut edit = Edit::new(target("original_message_id")?, content);
            edit.contact = inbound(frame);
            edit.at = frame.time;
            Some(Item::Edit(edit))
        }
        _ => None,
    }
}

/// The contact of a message that is stored if its edit comes first.
fn inbound(frame: &Frame<'_>) -> Option<Who> {
    frame.sent.is_none().then(|| frame.party.who())
}

/// The status that an old message has by now.
fn old_receipt(message: &Object<'_>, frame: &Frame<'_>) -> Option<Item> {
    let context = message.object("history_context")?;
    let receipt = match context.text("status")?.to_ascii_lowercase().as_str() {
        "delivered" => Receipt::delivered(),
        "read" => Receipt::read(),
        "played" => Receipt::played(),
        "error" | "failed" => Receipt::new(DeliveryStatus::Failed),
        _ => return None,
    };
    Some(deliver(frame.reference(), receipt, frame.time))
}

fn deliver(
    message: MessageRef,
    receipt: Receipt,
    at: Option<chrono::DateTime<chrono::Utc>>,
) -> Item {
    let receipt = match at {
        Some(at) => receipt.at(at),
        None => receipt,
    };
    Item::Deliver(RecordDelivery { message, receipt })
}

fn status(raw: &RawValue, number: &Number, items: &mut Vec<Item>) {
    let Some(object) = Object::of(raw) else {
        return items.push(Item::ignored("status", "is no object"));
    };
    let status = object.text("status").unwrap_or_default();
    let Some(id) = object.id("id").and_then(|id| message_id(&id)) else {
        return items.push(Item::ignored(&status, "has no id"));
    };
    let receipt = match status.as_str() {
        "sent" => Receipt::sent(),
        "delivered" => Receipt::delivered(),
        "read" => Receipt::read(),
        "played" => Receipt::played(),
        "failed" => {
            let receipt = Receipt::new(DeliveryStatus::Failed);
            match object.objects("errors").first() {
                Some(error) => receipt.failure(failure(error)),
                None => receipt,
            }
        }
        _ => return items.push(Item::ignored(&status, "is no status of a message")),
    };
    // The store may know the message by its reference alone: it was not answered yet.
    let reference = object.text("biz_opaque_callback_data");
    let reference = reference.filter(|text| (1..=MAX_REFERENCE_BYTES).contains(&text.len()));
    items.extend(reference.map(|client_ref| {
        Item::Identify(SetProviderId {
            message: MessageRef::ClientRef {
                inbox: number.account.inbox(),
                direction: Direction::Outbound,
                client_ref,
            },
            provider_id: id.clone(),
        })
    }));
    let message = MessageRef::from((number.account.inbox(), id));
    items.push(deliver(message, receipt, object.time("timestamp")));
}

fn failure(error: &Object<'_>) -> Failure {
    let short = |text: String| cut(&text, MAX_FAILURE_BYTES).to_owned();
    let of = |name| error.text(name).map(short);
    let message = of("title").or_else(|| of("message"));
    let mut failure = Failure::new(of("code").unwrap_or_default(), message.unwrap_or_default());
    let data = error.object("error_data");
    failure.details = data.and_then(|data| data.text("details")).map(short);
    failure.url = of("href");
    failure
}

/// The first error of a message that the provider does not deliver: its code and its words.
fn first_error(message: &Object<'_>) -> (Option<String>, Option<String>) {
    let errors = message.objects("errors");
    let Some(error) = errors.first() else {
        return (None, None);
    };
    let details = error
        .object("error_data")
        .and_then(|data| data.text("details"));
    let words = details
        .or_else(|| error.text("title"))
        .or_else(|| error.text("message"));
    (error.text("code"), words)
}

/// A text that is JSON, or the JSON of that text.
fn json_of(raw: &RawValue) -> Option<Box<RawValue>> {
    let text = text(raw)?;
    RawValue::from_string(text)
        .ok()
        .or_else(|| RawValue::from_string(raw.get().to_owned()).ok())
}

fn not_understood(kind: &str) -> Content {
    unsupported(Some(kind), Some("is not understood"))
}
