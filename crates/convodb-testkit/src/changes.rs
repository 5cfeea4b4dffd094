//! What becomes of a message: reactions, edits, that it was taken back, another attempt, and what becomes
//! known of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use convodb::{
    Attachment, AttachmentUpdate, Content, ConversationId, DeliveryStatus, Direction, ErrorKind,
    EventKind, Extras, Message, MessageId, MetadataChanges, MetadataValue, ProviderId, Reaction,
    Revocation, Version,
};

use super::body::{Body, Said, is_system, is_unsupported};
use super::model::{Entry, Model};
use super::more::{self, By, NAMES};
use super::plan::{When, to_the_microsecond};
use super::provided::{Named, Reported};
use super::rules::{arrival, place, refused_if};
use super::verdict::{Expected, Refusal};

/// So many former contents are kept.
const VERSIONS: usize = 10;

/// So many further ids of the provider a message has.
const ALIASES: usize = 4;

/// What becomes of a message.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    React {
        by: By,
        emoji: u8,
        at: Option<When>,
    },
    Edit {
        /// The contact, for a message that is not known.
        contact: Option<u8>,
        body: Body,
        at: Option<When>,
    },
    Revoke {
        by: By,
        at: Option<When>,
        keep_content: bool,
    },
    /// It is tried again.
    TryAgain,
    Update {
        attachment: Option<AttachmentPlan>,
        /// A name, and its value or none.
        metadata: Option<(u8, Option<u8>)>,
    },
    Fill {
        body: Body,
    },
}

/// What becomes known of an attachment.
#[derive(Clone, Copy, Debug)]
pub struct AttachmentPlan {
    pub index: u8,
    pub what: u8,
}

impl AttachmentPlan {
    pub fn update(self) -> AttachmentUpdate {
        let mut update = AttachmentUpdate {
            index: self.index.into(),
            ..AttachmentUpdate::default()
        };
        match self.what % 3 {
            0 => update.url = Some("https://example.com/kept 1.jpg".to_owned()),
            1 => update.text = Some("A photo of a door.".to_owned()),
            _ => update.file_name = Some("in/voice.jpg".to_owned()),
        }
        update
    }

    fn apply(self, to: &mut Attachment) {
        match self.what % 3 {
            0 => to.url = Some("https://example.com/kept%201.jpg".to_owned()),
            1 => to.text = Some("A photo of a door.".to_owned()),
            _ => to.file_name = Some("in_voice.jpg".to_owned()),
        }
    }
}

pub fn emoji(number: u8) -> Vec<String> {
    let all = ["👍", "❤", "🎉"].map(str::to_owned);
    match number % 5 {
        0 => Vec::new(),
        4 => all[..2].to_vec(),
        number => vec![all[usize::from(number) - 1].clone()],
    }
}

pub fn metadata((number, what): (u8, Option<u8>)) -> MetadataChanges {
    let value = what.map(more::value);
    MetadataChanges(BTreeMap::from([(more::name(number).to_owned(), value)]))
}

/// What is said of a message that is stored or has not come.
#[derive(Clone, Debug)]
pub enum Word {
    Receipt(Reported),
    Id(ProviderId),
    Reaction(Reaction),
    Edit(Version),
    /// Another id of the provider's.
    Alias(ProviderId),
    /// The message comes whose edit came before it, with the time of its place.
    Original(Version, DateTime<Utc>, Extras),
    Revoked(Revocation),
    /// The content comes that was yet to come, alone or with more.
    Filled(Content, Extras),
    Content(Content),
    Metadata(MetadataChanges),
    TriedAgain,
    /// It and all before it were delivered or read.
    UpTo(DeliveryStatus),
}

impl Word {
    /// Whether it can be said of a message that was taken back.
    pub fn is_of_revoked(&self) -> bool {
        matches!(
            self,
            Self::Receipt(_) | Self::UpTo(_) | Self::Id(_) | Self::Alias(_) | Self::Original(..)
        )
    }

    /// A contact's message is not sent to it, and does not fail.
    fn is_of_outbound(&self) -> bool {
        let Self::Receipt(reported) = self else {
            return false;
        };
        matches!(
            reported.status,
            DeliveryStatus::Sent | DeliveryStatus::Failed
        )
    }
}

/// A word as it is said of a message; nothing where it cannot be.
pub fn concerns(message: &Message, word: Word) -> Option<Word> {
    let inbound = message.direction == Direction::Inbound;
    if is_revoked(message) && !word.is_of_revoked() || inbound && word.is_of_outbound() {
        return None;
    }
    Some(match word {
        Word::Edit(version) => {
            let content = in_place_of(version.content, &message.content)?;
            Word::Edit(Version::new(content, version.at))
        }
        Word::Filled(content, extras) => {
            let turns = is_system(&message.content) != is_system(&content);
            let fills = awaits_content(message) && !is_unsupported(&content) && !turns;
            fills.then_some(Word::Filled(content, extras))?
        }
        word => word,
    })
}

pub fn is_revoked(message: &Message) -> bool {
    message
        .extras
        .as_ref()
        .is_some_and(|it| it.revoked.is_some())
}

/// Whether a message has counted as unread by its arrival: not one that asked for nothing.
pub fn counts(message: &Message) -> bool {
    let is_silent = message.extras.as_ref().is_some_and(|it| it.is_silent);
    message.direction == Direction::Inbound && !is_system(&message.content) && !is_silent
}

/// Whether a message may be unread.
pub fn is_counting(message: &Message) -> bool {
    counts(message) && !is_revoked(message)
}

pub fn awaits_content(message: &Message) -> bool {
    let is_placeholder = message.extras.as_ref().is_some_and(|it| it.placeholder);
    is_placeholder || is_unsupported(&message.content)
}

pub fn awaits_original(message: &Message) -> bool {
    message.extras.as_ref().is_some_and(|it| it.awaits_original)
}

fn extras(message: &mut Message) -> &mut Extras {
    message.extras.get_or_insert_default()
}

/// Nothing where there is nothing.
pub fn tidy(message: &mut Message) {
    let is_empty = message.extras.as_deref() == Some(&Extras::default());
    if is_empty {
        message.extras = None;
    }
}

/// A text becomes the caption of media; nothing where the types differ.
fn in_place_of(content: Content, former: &Content) -> Option<Content> {
    let has_caption = matches!(former, Content::Media { .. } | Content::Template { .. });
    let is_same = content.message_type() == former.message_type();
    match &content {
        // What is not a line of the provider's does not become one.
        _ if is_unsupported(former) => (!is_system(&content)).then_some(content),
        Content::Text { text, .. } if has_caption => Some(former.clone().caption(text.clone())),
        _ => is_same.then_some(content),
    }
}

/// Of one reactor the later counts, and of equal times the later arrival.
pub fn react(reactions: &mut Vec<Reaction>, reaction: &Reaction) {
    let is_theirs = |known: &Reaction| {
        let of_user = known.by.id.is_some() && known.by.id == reaction.by.id;
        known.by.r#type == reaction.by.r#type && (of_user || known.by == reaction.by)
    };
    match reactions.iter_mut().find(|known| is_theirs(known)) {
        Some(known) if known.at > reaction.at => {}
        Some(known) => *known = reaction.clone(),
        None => reactions.push(reaction.clone()),
    }
}

/// The first content comes after edits of it, whose texts are its captions.
fn find(versions: &mut Vec<Version>, first: &Version) {
    for version in versions.iter_mut() {
        let content = in_place_of(version.content.clone(), &first.content);
        version.content = content.unwrap_or(version.content.clone());
    }
    keep(versions, first.clone());
}

/// The former contents in the order of their times, the latest ten.
pub fn keep(versions: &mut Vec<Version>, version: Version) {
    if versions.contains(&version) {
        return;
    }
    versions.push(version);
    versions.sort_by_key(|version| version.at);
    let old = versions.len().saturating_sub(VERSIONS);
    versions.drain(..old);
}

/// All but its place, its ids, its author and its receipts goes.
pub fn revoke(message: &mut Message, revocation: &Revocation) {
    let known = std::mem::take(extras(message));
    let kept = extras(message);
    if revocation.keeps_content {
        *kept = known;
    } else {
        kept.author = known.author;
        kept.client_ref = known.client_ref;
        kept.import_id = known.import_id;
        kept.provider_aliases = known.provider_aliases;
        kept.retries = known.retries;
        kept.awaits_original = known.awaits_original;
        message.content = Content::Revoked(message.content.message_type());
    }
    extras(message).revoked = Some(revocation.clone());
}

/// What a word makes of a message.
pub fn hear(message: &mut Message, word: &Word) {
    match word {
        Word::Receipt(reported) => reported.merge_into(message),
        Word::Id(id) => message.provider_id = Some(id.clone()),
        Word::Reaction(reaction) => react(&mut extras(message).reactions, reaction),
        Word::Edit(version) => edit(message, version),
        Word::Alias(id) => add_alias(extras(message), id.clone()),
        Word::Original(original, order_time, brought) => {
            (message.created_at, message.order_time) = (original.at, *order_time);
            let is_erased = matches!(message.content, Content::Revoked(_));
            let content = in_place_of(message.content.clone(), &original.content);
            message.content = match is_erased {
                true => Content::Revoked(original.content.message_type()),
                false => content.unwrap_or(message.content.clone()),
            };
            let own = extras(message);
            own.awaits_original = false;
            own.client_ref = brought.client_ref.clone();
            if !is_erased {
                own.identity.clone_from(&brought.identity);
                own.reply_to = brought.reply_to.clone();
                own.forwarded = brought.forwarded;
                own.raw = brought.raw.clone();
                for (name, value) in brought.metadata.iter() {
                    own.metadata.set(name, value.clone());
                }
                own.placeholder = brought.placeholder || is_unsupported(&original.content);
                if !own.placeholder {
                    find(&mut own.versions, original);
                }
            }
        }
        Word::Revoked(revocation) => revoke(message, revocation),
        Word::Filled(content, brought) => {
            let former = std::mem::replace(&mut message.content, content.clone());
            let at = message.created_at;
            let is_edited = message
                .extras
                .as_ref()
                .is_some_and(|it| it.edited_at.is_some());
            if is_edited {
                // Of what was a preview the words count.
                let former = match former {
                    Content::Media {
                        caption: Some(words),
                        ..
                    } => Content::text(words),
                    former => former,
                };
                let edited = in_place_of(former, content);
                message.content = edited.unwrap_or(content.clone());
                let first = Version::new(content.clone(), at);
                find(&mut extras(message).versions, &first);
            }
            let own = extras(message);
            own.placeholder = false;
            own.raw = brought.raw.clone();
            for (name, value) in brought.metadata.iter() {
                own.metadata.set(name, value.clone());
            }
        }
        Word::Content(content) => message.content = content.clone(),
        Word::Metadata(MetadataChanges(changes)) => {
            let own = extras(message);
            let known = own.metadata.iter();
            let known = known.filter(|(name, _)| !changes.contains_key(*name));
            let known = known.map(|(name, value)| (name.to_owned(), value.clone()));
            let new = changes.iter();
            let new = new.filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
            let all: Vec<(String, MetadataValue)> = known.chain(new).collect();
            own.metadata = convodb::Metadata::new();
            for (name, value) in all {
                own.metadata.set(name, value);
            }
        }
        Word::TriedAgain => {
            message.status = DeliveryStatus::Pending;
            let deliveries = &mut message.deliveries;
            (deliveries.sent_at, deliveries.failed_at) = (None, None);
            deliveries.failure = None;
            let former = message.provider_id.take();
            let own = extras(message);
            own.retries += 1;
            former.into_iter().for_each(|id| add_alias(own, id));
        }
        Word::UpTo(_) => {}
    }
    tidy(message);
}

/// The latest four.
fn add_alias(own: &mut Extras, id: ProviderId) {
    if !own.provider_aliases.contains(&id) {
        own.provider_aliases.push(id);
    }
    let old = own.provider_aliases.len().saturating_sub(ALIASES);
    own.provider_aliases.drain(..old);
}

/// The latest counts, and the others are former contents.
fn edit(message: &mut Message, version: &Version) {
    let edited_at = message.extras.as_ref().and_then(|it| it.edited_at);
    let is_latest = edited_at.is_none_or(|edited_at| edited_at <= version.at);
    let is_present = edited_at == Some(version.at) && message.content == version.content;
    let is_former = |extras: &Extras| extras.versions.contains(version);
    if is_present || message.extras.as_deref().is_some_and(is_former) {
        return;
    }
    let awaited = awaits_content(message);
    let former = match is_latest {
        true => {
            let at = edited_at.unwrap_or(message.created_at);
            extras(message).edited_at = Some(version.at);
            extras(message).placeholder |= awaited;
            let content = std::mem::replace(&mut message.content, version.content.clone());
            if awaited && edited_at.is_none() {
                return;
            }
            Version::new(content, at)
        }
        false => version.clone(),
    };
    keep(&mut extras(message).versions, former);
}

impl Entry {
    /// Whether a message is among those that are unread: the last ones that count and are there yet, in
    /// the order of their arrival.
    fn is_unread(&self, id: MessageId) -> bool {
        let counting = self.counting();
        let mut unread = counting.iter().rev().take(self.unread() as usize);
        unread.any(|one| one.id == id)
    }

    /// The messages that may be unread, in the order of their arrival.
    fn counting(&self) -> Vec<&Message> {
        let counting = self.messages.iter().filter(|one| is_counting(one));
        let mut counting: Vec<&Message> = counting.collect();
        counting.sort_by_key(|one| self.arrived(one));
        counting
    }

    pub fn arrived(&self, message: &Message) -> (u128, (DateTime<Utc>, MessageId)) {
        (self.arrival_of(message), place(message))
    }

    /// How many of these arrived after a message.
    pub fn counting_after(&self, id: MessageId) -> u64 {
        let message = self.messages.iter().find(|one| one.id == id);
        let at = message.map(|message| self.arrived(message));
        let later = self.counting().into_iter();
        later.filter(|one| Some(self.arrived(one)) > at).count() as u64
    }

    /// One that was stored here carries the number of its arrival; one that was imported came in the
    /// order of the list.
    fn arrival_of(&self, message: &Message) -> u128 {
        match self.imported.contains(&message.id) {
            true => 0,
            false => arrival(message.id),
        }
    }
}

impl Model {
    pub(super) fn message_mut(&mut self, (of, id): (ConversationId, MessageId)) -> &mut Message {
        let known = self.entry_mut(of).messages.iter_mut();
        let mut known = known.filter(|message| message.id == id);
        known.next().expect("it was just found")
    }

    /// What is said of a stored message, one after another; whether it changed it.
    pub fn say(&mut self, of: (ConversationId, MessageId), words: Vec<Word>) -> bool {
        let (mut receipts, mut others) = (Vec::new(), Vec::new());
        let mut advances = Vec::new();
        let mut changed = false;
        for word in words {
            let before = self.message_mut(of).clone();
            if let Word::UpTo(status) = word {
                advances.push(status);
            }
            let Some(word) = concerns(&before, word) else {
                continue;
            };
            let mut after = before.clone();
            hear(&mut after, &word);
            if after == before {
                continue;
            }
            changed = true;
            self.follow_from(&word, &before, &after);
            *self.message_mut(of) = after;
            self.entry_mut(of.0).messages.sort_by_key(place);
            if let Word::Receipt(reported) = &word {
                receipts.extend(reported.event(&before));
            }
            others.extend(event(&word, &before));
        }
        for status in advances {
            let until = self.message_mut(of).created_at;
            changed |= self.advance(of.0, status, until);
        }
        for kind in receipts.into_iter().chain(others) {
            self.tell(of.0, kind);
        }
        if changed {
            self.add_reassignment_events(of.0);
        }
        self.touched |= changed;
        changed
    }

    /// What a change of a message means to its conversation and its ids.
    fn follow_from(&mut self, word: &Word, before: &Message, after: &Message) {
        let id = before.conversation_id;
        let entry = self.entry_mut(id);
        let inbox = entry.inbox;
        match word {
            Word::Revoked(_) => entry.read_count += u64::from(entry.is_unread(before.id)),
            Word::Original(original, ..) => entry.created_at = entry.created_at.min(original.at),
            Word::TriedAgain | Word::Alias(_) => {
                let kept: Vec<_> = super::provided::ids(after).collect();
                let gone = super::provided::ids(before).filter(|id| !kept.contains(id));
                self.tombstones.extend(gone.map(|id| (inbox, id)));
            }
            _ => {}
        }
    }

    /// What a command on a message answers, and what it changes of a stored one.
    fn said(&mut self, named: &Named, words: Vec<Word>) -> Expected<Message> {
        let message = self.stored(named).expect("the store found it");
        let of = (message.conversation_id, message.id);
        let changed = self.say(of, words);
        Expected::plain(self.answer(of), changed)
    }

    fn time_of(&self, at: Option<When>) -> DateTime<Utc> {
        let at = at.map(|at| to_the_microsecond(at.time(self.clock.get())));
        at.map_or(self.newest, |at| at.min(self.newest))
    }

    /// A contact edits messages of its own.
    fn refused_editor(
        &self,
        named: &Named,
        message: &Message,
        contact: Option<u8>,
    ) -> Option<Refusal> {
        let of = self
            .entry(message.conversation_id)
            .map(|entry| entry.contact_id.clone());
        let inbound = message.direction == Direction::Inbound;
        let meant = |it| self.contact_meant(&super::op::contact(it));
        let is_own = contact.is_none_or(|it| inbound && of == Some(meant(it)));
        let refusal = match named {
            Named::Provided(..) => Refusal::of(ErrorKind::ProviderIdConflict),
            _ => Refusal::invalid("contact_id"),
        };
        refused_if(!is_own, refusal)
    }

    pub fn refused_change(&self, named: &Named, change: Change) -> Vec<Refusal> {
        let mut refusals: Vec<_> = self.refused_name(named).into_iter().collect();
        let stored = self.stored(named);
        let unknown = stored.is_none() && refusals.is_empty();
        let revoked = stored.is_some_and(is_revoked);
        let missing = refused_if(unknown, Refusal::of(ErrorKind::NotFound));
        let revoked = refused_if(revoked, Refusal::of(ErrorKind::Revoked));
        let bad_time = |at: Option<When>| {
            let refused = at.is_some_and(When::is_refused);
            refused_if(refused, Refusal::invalid("at"))
        };
        match change {
            Change::React { by, at, .. } | Change::Revoke { by, at, .. } => {
                refusals.extend(bad_time(at));
                refusals.extend(self.stranger(by, "by"));
            }
            Change::Edit { contact, body, at } => {
                refusals.extend(bad_time(at));
                match stored {
                    Some(message) => {
                        refusals.extend(self.refused_editor(named, message, contact));
                        refusals.extend(revoked);
                        refusals.extend(refused_edit(message, body));
                    }
                    None => {
                        let flaw = body.flaw(Said::Fact);
                        refusals.extend(flaw.map(Refusal::invalid));
                        // A bad time is that of a message then.
                        let late = bad_time(at).filter(|_| contact.is_some());
                        refusals.extend(late.map(|_| Refusal::invalid("sent_at")));
                    }
                }
            }
            Change::TryAgain => {
                refusals.extend(missing);
                refusals.extend(revoked);
                let status = stored.map(|message| message.status);
                let has_failed = matches!(
                    status,
                    None | Some(DeliveryStatus::Failed | DeliveryStatus::Pending)
                );
                refusals.extend(refused_if(!has_failed, Refusal::of(ErrorKind::NotFailed)));
            }
            Change::Update {
                attachment,
                metadata,
            } => {
                refusals.extend(missing);
                refusals.extend(revoked);
                let has = |plan: AttachmentPlan| {
                    let count = stored.map_or(0, |message| message.content.attachments().len());
                    usize::from(plan.index) < count
                };
                let no_such = attachment.is_some_and(|plan| !has(plan));
                let no_such = refused_if(no_such, Refusal::invalid("attachments[0].index"));
                refusals.extend(no_such);
                let sets_bad_name = metadata.is_some_and(|(n, what)| n >= NAMES && what.is_some());
                refusals.extend(refused_if(sets_bad_name, Refusal::invalid("metadata")));
            }
            Change::Fill { body } => {
                refusals.extend(body.flaw(Said::Fact).map(Refusal::invalid));
                let fills = stored.is_some_and(|it| awaits_content(it) && !is_revoked(it));
                let turns = stored.is_some_and(|it| is_system(&it.content) != body.is_system());
                let refused = fills && turns && !matches!(body, Body::Unsupported { .. });
                refusals.extend(refused_if(refused, Refusal::invalid("type")));
            }
        }
        refusals
    }

    /// What waits where the message has not come.
    pub fn change_or_wait(&mut self, named: &Named, change: Change) -> Expected<Option<Message>> {
        let Named::Provided(inbox, id) = named else {
            return self.change(named, change).map(Some);
        };
        if self.stored(named).is_some() {
            return self.change(named, change).map(Some);
        }
        let word = match change {
            Change::Edit { body, at, .. } => {
                Word::Edit(Version::new(body.stored(), self.time_of(at)))
            }
            Change::Fill { body } => Word::Filled(body.stored(), Extras::default()),
            other => self.word(other).expect("it may wait"),
        };
        let changed = self.wait(*inbox, id, &word);
        Expected::plain(None, changed)
    }

    /// What is said alike of a message that is there and of one that has not come.
    fn word(&self, change: Change) -> Option<Word> {
        match change {
            Change::React {
                by,
                emoji: what,
                at,
            } => Some(Word::Reaction(Reaction::new(
                by.author(),
                emoji(what),
                self.time_of(at),
            ))),
            Change::Revoke {
                by,
                at,
                keep_content,
            } => {
                let revocation = Revocation::new(self.time_of(at), by.author(), keep_content);
                Some(Word::Revoked(revocation))
            }
            _ => None,
        }
    }

    /// A change of a message that is there.
    pub fn change(&mut self, named: &Named, change: Change) -> Expected<Message> {
        let message = self.stored(named).expect("the store found it").clone();
        let words = match change {
            Change::Edit { body, at, .. } => {
                let content = in_place_of(body.stored(), &message.content);
                let content = content.expect("the store took it");
                vec![Word::Edit(Version::new(content, self.time_of(at)))]
            }
            Change::TryAgain => vec![Word::TriedAgain],
            Change::Update {
                attachment,
                metadata: changes,
            } => {
                let mut words = Vec::new();
                if let Some(plan) = attachment {
                    words.push(Word::Content(with_more(message.content, plan)));
                }
                words.extend(changes.map(|changes| Word::Metadata(metadata(changes))));
                words
            }
            Change::Fill { body } => {
                let content = body.stored();
                let fills = awaits_content(&message) && !is_unsupported(&content);
                match fills {
                    true => vec![Word::Filled(content, Extras::default())],
                    false => Vec::new(),
                }
            }
            other => self.word(other).into_iter().collect(),
        };
        self.said(named, words)
    }
}

/// The type stays, and what is to be sent says something.
fn refused_edit(message: &Message, body: Body) -> Vec<Refusal> {
    let said = match message.direction {
        Direction::Inbound => Said::Fact,
        Direction::Outbound => Said::Request,
    };
    let becomes_caption = matches!(message.content, Content::Media { .. })
        && matches!(body, Body::Text(_) | Body::TextWithLink(_));
    let flaw = match body.flaw(said) {
        Some("content") if becomes_caption => Some("caption"),
        flaw => flaw,
    };
    let other_type = in_place_of(body.stored(), &message.content).is_none();
    let other_type = refused_if(other_type, Refusal::invalid("type"));
    let flaw = flaw.map(Refusal::invalid);
    flaw.into_iter().chain(other_type).collect()
}

fn with_more(mut content: Content, plan: AttachmentPlan) -> Content {
    match &mut content {
        Content::Text { attachments, .. }
        | Content::Template { attachments, .. }
        | Content::Media { attachments, .. }
        | Content::Unsupported { attachments, .. } => {
            plan.apply(&mut attachments[usize::from(plan.index)]);
        }
        other => panic!("{other:?} has no attachments"),
    }
    content
}

/// The event of a word that is no receipt, or of one that says that the contact heard the message.
fn event(word: &Word, before: &Message) -> Option<EventKind> {
    let message_id = before.id;
    Some(match word {
        Word::Receipt(reported) => {
            let is_first = reported.played && before.deliveries.played_at.is_none();
            return is_first.then_some(EventKind::MessagePlayed { message_id });
        }
        Word::Id(_) | Word::Alias(_) | Word::UpTo(_) => return None,
        Word::Reaction(reaction) if reaction.emoji.is_empty() => {
            EventKind::MessageUnreacted { message_id }
        }
        Word::Reaction(_) => EventKind::MessageReacted { message_id },
        Word::Edit(_) | Word::Original(..) => EventKind::MessageEdited { message_id },
        Word::Revoked(_) => EventKind::MessageRevoked { message_id },
        Word::Filled(..) | Word::Content(_) | Word::Metadata(_) => {
            EventKind::MessageUpdated { message_id }
        }
        Word::TriedAgain => EventKind::MessageRetried { message_id },
    })
}

/// What two messages say, as people read it.
pub fn says(content: &Content) -> (convodb::MessageType, Option<String>, usize) {
    let caption = match content {
        Content::Media { caption, .. } => caption.clone(),
        content => content.as_text().map(str::to_owned),
    };
    (content.message_type(), caption, content.attachments().len())
}
