//! Lines of an import: what they are, and what each does to the model.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use convodb::{
    ContactId, Content, ConversationId, DeliveryStatus, Direction, ErrorKind, EventKind, Extras,
    Identity, ImportConversation, ImportLine, ImportMessage, ImportNote, InboxRef, LineAnswer,
    LineResult, Message, MessageId, Note, NoteId, Priority, Result, Status, Who,
};

use super::backend::{Backend, Queries};
use super::bytes::Bytes;
use super::changes::{self, Word};
use super::contacts::{self, IDENTITIES};
use super::model::Model;
use super::op::Address;
use super::plan::{When, first_moment, to_the_microsecond};
use super::provided::{self, PROVIDED, Reported, provider_id};
use super::rules::{Appending, Meeting, arrival, id_at, is_within, place, place_behind};

/// What a line has.
#[derive(Clone, Copy, Debug)]
pub struct LinePlan {
    to: Address,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Message {
        inbound: bool,
        at: When,
        provided: Option<u8>,
        import_id: Option<u8>,
        is_read: bool,
        /// An identity of the contact.
        identity: Option<u8>,
    },
    Conversation {
        is_open: bool,
        unread: u8,
        is_dated: bool,
        is_high: bool,
        tag: Option<u8>,
        /// Whether a snooze is yet to end, where it has one.
        snooze: Option<bool>,
    },
    Note {
        at: When,
        id: Option<u8>,
    },
}

impl LinePlan {
    pub(crate) fn from_bytes(bytes: &mut Bytes<'_>) -> Self {
        let to = bytes.address();
        let kind = match bytes.byte() {
            0..=169 => Kind::Message {
                inbound: !bytes.once_in(3),
                at: bytes.when(),
                provided: bytes.sometimes(2, |bytes| bytes.below(PROVIDED)),
                import_id: bytes.sometimes(3, |bytes| bytes.below(3)),
                is_read: bytes.once_in(4),
                identity: bytes.sometimes(3, |bytes| bytes.below(IDENTITIES)),
            },
            170..=219 => {
                let is_open = bytes.once_in(2);
                Kind::Conversation {
                    is_open,
                    unread: bytes.below(3),
                    is_dated: bytes.once_in(2),
                    is_high: bytes.once_in(2),
                    tag: bytes.sometimes(2, |bytes| bytes.below(3)),
                    snooze: bytes
                        .sometimes(2, |bytes| bytes.once_in(2))
                        .filter(|_| is_open),
                }
            }
            _ => Kind::Note {
                at: bytes.when(),
                id: bytes.sometimes(2, |bytes| bytes.below(3)),
            },
        };
        Self { to, kind }
    }

    fn inbox(self) -> InboxRef {
        self.to.inbox.into()
    }

    fn build(self, index: usize, clock: DateTime<Utc>) -> ImportLine {
        let contact = self.to.contact_id();
        match self.kind {
            Kind::Message {
                inbound,
                at,
                provided,
                import_id,
                is_read,
                identity,
            } => {
                let direction = direction(inbound);
                let content = Content::text(text(index));
                let at = time(at, clock);
                let who = Who::with_identities(contact, identity.map(contacts::identity));
                let mut line = ImportMessage::new(who, self.inbox(), direction, content, at);
                line.id = import_id.map(foreign_id);
                line.message.provider_id = provided.map(provider_id);
                if is_read && !inbound {
                    line.message.status = DeliveryStatus::Read;
                }
                ImportLine::Message(Box::new(line))
            }
            Kind::Conversation {
                is_open,
                unread,
                is_dated,
                is_high,
                tag,
                snooze,
            } => {
                let mut line = ImportConversation::new(contact, self.to.inbox.channel());
                let of = &mut line.import.conversation;
                of.inbox_id = self.to.inbox.id();
                if is_open {
                    of.status = Status::Open;
                }
                let mut attributes = convodb::Attributes::default();
                attributes.priority = is_high.then_some(Priority::High);
                attributes.tags = tag.map(self::tag).into_iter().collect();
                attributes.snoozed_until = snooze.map(|is_future| snoozed_until(is_future, clock));
                let has_some = attributes != convodb::Attributes::default();
                of.attributes = has_some.then(|| Box::new(attributes));
                if is_dated {
                    (of.created_at, of.updated_at) = (dated(), dated());
                    line.is_undated = false;
                }
                line.unread = unread.into();
                ImportLine::Conversation(Box::new(line))
            }
            Kind::Note { at, id } => {
                let at = time(at, clock);
                let mut note = ImportNote::new(contact, self.inbox(), text(index), at);
                note.id = id.map(foreign_id);
                ImportLine::Note(Box::new(note))
            }
        }
    }
}

fn snoozed_until(is_future: bool, clock: DateTime<Utc>) -> DateTime<Utc> {
    match is_future {
        true => to_the_microsecond(clock) + chrono::TimeDelta::hours(1),
        false => dated(),
    }
}

fn direction(inbound: bool) -> Direction {
    match inbound {
        true => Direction::Inbound,
        false => Direction::Outbound,
    }
}

/// What a line says, which no other of its import says.
fn text(index: usize) -> String {
    format!("line {index}")
}

fn foreign_id(number: u8) -> String {
    format!("old-{number}")
}

fn tag(number: u8) -> String {
    format!("tag {number}")
}

fn dated() -> DateTime<Utc> {
    first_moment() + chrono::TimeDelta::days(10_000)
}

/// Imports take times from 1970 on.
fn time(at: When, clock: DateTime<Utc>) -> DateTime<Utc> {
    at.time(clock)
        .clamp(first_moment(), clock + chrono::TimeDelta::days(1))
}

/// Imports lines into both, and compares what becomes of each.
pub(super) fn import(backend: &impl Backend, model: &mut Model, plans: &[LinePlan]) -> Result<()> {
    let mut draft = model.clone();
    draft.read_clock();
    let clock = draft.clock.get();
    let lines = plans.iter().enumerate();
    let lines = lines
        .map(|(index, plan)| plan.build(index, clock))
        .collect();
    let answers = backend.import_lines(lines)?;
    assert_eq!(answers.len(), plans.len(), "each line has an answer");
    let mut messages = BTreeMap::new();
    for ((index, plan), answer) in plans.iter().enumerate().zip(&answers) {
        assert_eq!(answer.line, index as u64 + 1);
        let mut line = Line {
            backend,
            model: &mut draft,
            plan: *plan,
            text: text(index),
            clock,
            answer,
            messages: &mut messages,
        };
        line.import()?;
    }
    for (of, count) in messages {
        draft.tell(of, EventKind::ConversationImported { messages: count });
    }
    model.commit(draft);
    Ok(())
}

/// A line, with what the store answered.
struct Line<'a, B> {
    backend: &'a B,
    model: &'a mut Model,
    plan: LinePlan,
    text: String,
    clock: DateTime<Utc>,
    answer: &'a LineAnswer,
    messages: &'a mut BTreeMap<ConversationId, u64>,
}

impl<B: Backend> Line<'_, B> {
    fn import(&mut self) -> Result<()> {
        let is_known = self.model.has_inbox(self.plan.to.inbox);
        match self.plan.kind {
            Kind::Message {
                inbound,
                at,
                provided,
                import_id,
                is_read,
                identity,
            } => {
                if !is_known {
                    self.refused(ErrorKind::InvalidInput);
                    return Ok(());
                }
                let mut message = Appending {
                    direction: direction(inbound),
                    contact_id: self.contact(),
                    inbox: self.plan.to.inbox,
                    content: Content::text(self.text.clone()),
                    sent_at: Some(time(at, self.clock)),
                    provider_id: provided.map(provider_id),
                    reopen: true,
                    identities: Vec::new(),
                    extras: Extras::default(),
                    pending: false,
                    echo: false,
                };
                if let Some(named) = identity.map(contacts::identity) {
                    let channel = self.plan.to.inbox.channel();
                    message.identities = Identity::new(channel, &named).into_iter().collect();
                    message.extras.identity = Some(named);
                }
                if let Some(id) = import_id.map(foreign_id) {
                    message.extras.metadata.set("import_id", id.as_str());
                    message.extras.import_id = Some(id);
                }
                self.message(message, is_read && !inbound)
            }
            Kind::Conversation { .. } => self.conversation(),
            Kind::Note { at, id } => {
                if !is_known {
                    self.refused(ErrorKind::InvalidInput);
                    return Ok(());
                }
                self.note(time(at, self.clock), id)
            }
        }
    }

    #[track_caller]
    fn refused(&self, kind: ErrorKind) {
        let got = self.answer.result.as_ref().map_err(convodb::Error::kind);
        assert_eq!(got, Err(kind), "{:?}", self.plan);
    }

    #[track_caller]
    fn did(&self, expected: LineResult) {
        match &self.answer.result {
            Ok(result) => assert_eq!(*result, expected, "{:?}", self.plan),
            Err(error) => panic!("{error} of {:?}", self.plan),
        }
    }

    /// The conversation that the store has now.
    fn stored(&self) -> Result<ConversationId> {
        let found = Queries::find_conversation(
            self.backend,
            &self.plan.to.contact_id(),
            &self.plan.inbox(),
        )?;
        Ok(found.expect("the line made it").id)
    }

    /// The contact that the line means.
    fn contact(&self) -> ContactId {
        self.model.contact_meant(&self.plan.to.contact_id())
    }

    fn thread(&self) -> Option<ConversationId> {
        let known = self.model.thread(&self.contact(), self.plan.to.inbox);
        known.map(|entry| entry.id)
    }

    /// The conversation, a new one if there is none.
    fn made(&mut self, created_at: DateTime<Utc>) -> Result<ConversationId> {
        if let Some(known) = self.thread() {
            self.model.add_reassignment_events(known);
            return Ok(known);
        }
        let id = self.stored()?;
        let appending = Appending {
            direction: Direction::Inbound,
            contact_id: self.contact(),
            inbox: self.plan.to.inbox,
            content: Content::text(""),
            sent_at: None,
            provider_id: None,
            reopen: false,
            identities: Vec::new(),
            extras: Extras::default(),
            pending: false,
            echo: false,
        };
        self.model
            .create(id, &appending, (created_at, Status::Resolved));
        let entry = self.model.entry_mut(id);
        entry.timeline = convodb::Timeline::default();
        entry.history = Some(false);
        Ok(id)
    }

    fn message(&mut self, mut message: Appending, is_read: bool) -> Result<()> {
        let known = match self.model.meeting(&message) {
            Meeting::Refused(kind) => {
                self.refused(kind);
                return Ok(());
            }
            Meeting::Known(of, id) => Some((of, id)),
            Meeting::New { .. } => self.of_import(&message),
        };
        let sent_at = to_the_microsecond(message.sent_at.expect("lines have a time"));
        let created_at = sent_at.min(self.model.newest);
        if let Some(of) = known {
            let stored = self.model.message(of.0, of.1).expect("it is there").clone();
            let fills = changes::awaits_content(&stored);
            if stored.direction != message.direction && !fills {
                // It has its foreign id, and went the other way.
                self.refused(ErrorKind::InvalidInput);
                return Ok(());
            }
            let first = match (message.direction, is_read) {
                (_, true) => DeliveryStatus::Read,
                (Direction::Inbound, false) => DeliveryStatus::Delivered,
                (Direction::Outbound, false) => DeliveryStatus::Sent,
            };
            let events = self.model.events.len();
            message.sent_at = Some(sent_at);
            let mut changed = false;
            if message.provider_id.is_some() && stored.provider_id.is_none() {
                // Its id comes before what it says of its delivery.
                changed |= self.model.meet(of, message.clone()).changed;
            }
            if first > stored.status {
                let receipt = Reported {
                    status: first,
                    at: created_at,
                    failure: None,
                    played: false,
                };
                changed |= self.model.say(of, vec![Word::Receipt(receipt)]);
            }
            changed |= self.model.meet(of, message).changed;
            // What a line brings has no event: but that of a reassignment, which comes first.
            let is_own = |kind: &EventKind| {
                let assigns = matches!(
                    kind,
                    EventKind::ConversationAssigned { .. }
                        | EventKind::ConversationUnassigned { .. }
                );
                !assigns
            };
            let kept = self.model.events.iter().skip(events);
            let kept = kept.take_while(|event| !is_own(&event.kind)).count();
            self.model.events.truncate(events + kept);
            self.did(if changed {
                LineResult::Merged
            } else {
                LineResult::Duplicate
            });
            return Ok(());
        }
        self.did(LineResult::Created);
        self.model.learn(&message.contact_id, &message.identities);
        let of = self.made(created_at)?;
        let id = self.id_of_message(of)?;
        let number = arrival(id);
        let entry = self.model.entry(of).expect("it is there");
        let same = entry
            .messages
            .iter()
            .filter(|known| is_within(known, created_at));
        let order_time = place_behind(same, |time| id_at(time, number)).unwrap_or(created_at);
        assert_eq!(
            id,
            id_at(order_time, number),
            "an id carries the time of its place"
        );
        let mut stored = Message::new(id, of, message.direction, message.content, created_at);
        stored.order_time = order_time;
        stored.provider_id = message.provider_id;
        stored.extras = Some(Box::new(message.extras));
        if is_read {
            stored.status = DeliveryStatus::Read;
        }
        changes::tidy(&mut stored);
        for provided in provided::ids(&stored.clone()) {
            for word in self.model.take_waiting(self.plan.to.inbox, &provided) {
                if let Word::UpTo(status) = word {
                    let entry = self.model.entry_mut(of);
                    let until = match status {
                        DeliveryStatus::Read => &mut entry.read_until,
                        _ => &mut entry.delivered_until,
                    };
                    *until = (*until).max(Some(created_at));
                }
                if let Some(word) = changes::concerns(&stored, word) {
                    changes::hear(&mut stored, &word);
                }
            }
        }
        let is_revoked = changes::is_revoked(&stored);
        let is_inbound = stored.direction == Direction::Inbound;
        let named = stored.extras.as_ref().and_then(|it| it.identity.clone());
        let entry = self.model.entry_mut(of);
        let is_latest = entry.timeline.last_message_at <= Some(created_at);
        if is_inbound && named.is_some() && (is_latest || entry.identity.is_none()) {
            entry.identity = named;
        }
        entry.messages.push(stored);
        entry.messages.sort_by_key(place);
        entry.imported.push(id);
        let mut is_unread = false;
        if is_inbound && !is_revoked && entry.unread_to_come > 0 {
            entry.unread_to_come -= 1;
            is_unread = true;
        }
        if let Some(is_undated) = &mut entry.history {
            if std::mem::take(is_undated) {
                (entry.created_at, entry.updated_at) = (created_at, created_at);
            }
            entry.updated_at = entry.updated_at.max(created_at);
        }
        let latest = entry.timeline.last_message_at;
        entry.timeline.last_message_at = latest.max(Some(created_at));
        entry.read_count += u64::from(is_inbound && !is_unread);
        entry.created_at = entry.created_at.min(created_at);
        *self.messages.entry(of).or_default() += 1;
        self.model.touched = true;
        Ok(())
    }

    /// The message of the conversation that has the foreign id.
    fn of_import(&self, message: &Appending) -> Option<(ConversationId, MessageId)> {
        let own = message.extras.import_id.as_ref()?;
        let entry = self.model.entry(self.thread()?)?;
        let has_id = |known: &&Message| {
            let extras = known.extras.as_ref();
            extras.is_some_and(|extras| extras.import_id.as_ref() == Some(own))
        };
        let found = entry.messages.iter().find(has_id)?;
        Some((entry.id, found.id))
    }

    /// The id that the store gave, by what the line says.
    fn id_of_message(&self, of: ConversationId) -> Result<MessageId> {
        let stored = Queries::transcript(self.backend, of)?.messages;
        let known = self.model.entry(of);
        let is_known = |id: MessageId| {
            known.is_some_and(|entry| entry.messages.iter().any(|message| message.id == id))
        };
        let provided = match self.plan.kind {
            Kind::Message { provided, .. } => provided.map(provider_id),
            _ => None,
        };
        let is_own = |message: &&Message| {
            let says = message.content.as_text() == Some(&*self.text);
            let is_provided = provided.is_some() && message.provider_id == provided;
            (says || is_provided) && !is_known(message.id)
        };
        Ok(stored.iter().find(is_own).expect("the line was stored").id)
    }

    fn conversation(&mut self) -> Result<()> {
        let Kind::Conversation {
            is_open,
            unread,
            is_dated,
            is_high,
            tag,
            snooze,
        } = self.plan.kind
        else {
            panic!("{:?} is of no conversation", self.plan);
        };
        let tag = tag.map(self::tag);
        if let Some(id) = self.thread() {
            let entry = self.model.entry_mut(id);
            let mut merged = entry.attributes.clone();
            if is_high && merged.priority.is_none() {
                merged.priority = Some(Priority::High);
            }
            if let Some(tag) = &tag {
                merged.tags.insert(tag.as_str());
            }
            if merged.tags.len() > 32 {
                self.refused(ErrorKind::InvalidInput);
                return Ok(());
            }
            let changes = [
                merged.priority != entry.attributes.priority,
                merged.tags != entry.attributes.tags,
            ];
            let count = changes.into_iter().filter(|changed| *changed).count() as u64;
            entry.attributes = merged;
            entry.revision += count;
            if count == 0 {
                self.did(LineResult::Duplicate);
                return Ok(());
            }
            self.model.add_reassignment_events(id);
            self.model.touched = true;
            self.did(LineResult::Merged);
            return Ok(());
        }
        self.did(LineResult::Created);
        let inbox = self.plan.to.inbox;
        let now = self.model.newest;
        let id = self.stored()?;
        let at = if is_dated { dated().min(now) } else { now };
        if !self.model.has_inbox(inbox) {
            let own = inbox.id().expect("every channel has its own");
            self.model.inboxes.push((inbox, own.to_string()));
        }
        let status = if is_open {
            Status::Open
        } else {
            Status::Resolved
        };
        let appending = Appending {
            direction: Direction::Inbound,
            contact_id: self.contact(),
            inbox,
            content: Content::text(""),
            sent_at: None,
            provider_id: None,
            reopen: false,
            identities: Vec::new(),
            extras: Extras::default(),
            pending: false,
            echo: false,
        };
        self.model.create(id, &appending, (at, status));
        let entry = self.model.entry_mut(id);
        entry.timeline = convodb::Timeline::default();
        entry.history = Some(!is_dated);
        entry.unread_to_come = unread.into();
        if is_high {
            entry.attributes.priority = Some(Priority::High);
        }
        entry.attributes.tags = tag.into_iter().collect();
        // One that was due before the line came is over.
        let until = snooze.map(|is_future| snoozed_until(is_future, self.clock));
        entry.attributes.snoozed_until = until.filter(|until| *until > now);
        self.model.touched = true;
        Ok(())
    }

    fn note(&mut self, at: DateTime<Utc>, id: Option<u8>) -> Result<()> {
        let at = to_the_microsecond(at).min(self.model.newest);
        let thread = self.thread();
        // The id of a note follows from its foreign one and its time.
        if let (Some(id), Some(of)) = (id, thread) {
            let entry = self.model.entry(of).expect("it is there");
            if entry.foreign_notes.contains(&(id, at)) {
                self.did(LineResult::Duplicate);
                return Ok(());
            }
        }
        self.did(LineResult::Created);
        let of = self.made(at)?;
        let known: Vec<NoteId> = {
            let entry = self.model.entry(of).expect("it is there");
            entry.notes.iter().map(|note| note.id).collect()
        };
        let stored = Queries::notes(self.backend, of)?;
        let is_own = |note: &&Note| note.content == self.text && !known.contains(&note.id);
        let stored = stored.iter().find(is_own).expect("the line was stored").id;
        let note = Note::new(stored, of, self.text.clone(), at);
        let entry = self.model.entry_mut(of);
        entry.notes.push(note);
        entry.notes.sort_by_key(|note| (note.created_at, note.id));
        entry.foreign_notes.extend(id.map(|id| (id, at)));
        self.model.touched = true;
        Ok(())
    }
}
