//! What each command does to the model, after the rules, and nothing else. Providers' ids are in
//! [`provided`](super::provided), removed assignees in [`removals`](super::removals), events and their
//! consumers in [`events`](super::events).
//!
//! Each comes in two parts: the refusals that the rules demand, of which the store may give any,
//! and the effect where there is none. New ids are the store's: the effect gets them.

mod bulk;
mod imports;

use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    Assignee, AssigneeId, AssigneeKind, Channel, ContactId, Content, Conversation, ConversationId,
    DeliveryStatus, Direction, ErrorKind, EventKind, Message, MessageId, Note, NoteId, ProviderId,
    Status,
};

use super::model::{Entry, Model};
use super::op::{Address, Body};
use super::plan::{When, to_the_microsecond};
use super::provided::ProviderPlan;
use super::verdict::{Expected, Refusal};

/// A message that is to be stored.
#[derive(Clone, Debug)]
pub struct Appending {
    pub direction: Direction,
    pub contact_id: ContactId,
    pub channel: Channel,
    pub content: Content,
    pub sent_at: Option<DateTime<Utc>>,
    pub provider_id: Option<ProviderId>,
    pub reopen: bool,
}

/// The bits of a message's id that have the number of its arrival.
const ARRIVAL: u128 = (1 << 80) - 1;

fn id_at(time: DateTime<Utc>, arrival: u128) -> MessageId {
    MessageId::from_parts(time.timestamp_millis().unsigned_abs(), arrival)
}

pub(super) fn place(message: &Message) -> (DateTime<Utc>, MessageId) {
    (message.order_time, message.id)
}

/// Whether a message stands within what a provider's time means: the whole second where it has no
/// fraction.
pub(super) fn is_within(message: &Message, sent_at: DateTime<Utc>) -> bool {
    let is_whole = sent_at.timestamp_subsec_nanos() == 0;
    let same_second = message.order_time.timestamp() == sent_at.timestamp();
    message.order_time == sent_at || is_whole && same_second
}

/// The time of the place behind the last of some messages, for one whose id follows from that. Where
/// the id would not be above the last one's, it is a microsecond later. None without a message.
pub(super) fn place_behind<'a>(
    known: impl Iterator<Item = &'a Message>,
    own_id: impl Fn(DateTime<Utc>) -> MessageId,
) -> Option<DateTime<Utc>> {
    let (time, id) = known.map(place).max()?;
    let is_above = own_id(time) > id;
    Some(if is_above {
        time
    } else {
        time + TimeDelta::microseconds(1)
    })
}

pub(super) fn refused_if(refused: bool, refusal: Refusal) -> Option<Refusal> {
    refused.then_some(refusal)
}

impl Model {
    /// Something happens now, whatever its own time is.
    fn active(&mut self, id: ConversationId) {
        let now = self.newest;
        let entry = self.entry_mut(id);
        entry.created_at = entry.created_at.min(now);
        entry.updated_at = now;
    }

    /// A repair is a commit, and nothing stays in the future.
    pub fn repair(&mut self) {
        self.read_clock();
        self.sequence += 1;
        let now = self.newest;
        for entry in &mut self.entries {
            entry.created_at = entry.created_at.min(now);
            entry.updated_at = entry.updated_at.min(now);
            let mut next = now;
            for message in &mut entry.messages {
                let deliveries = &mut message.deliveries;
                let reported = [
                    &mut deliveries.sent_at,
                    &mut deliveries.delivered_at,
                    &mut deliveries.read_at,
                    &mut deliveries.failed_at,
                ];
                for at in reported.into_iter().flatten() {
                    *at = now.min(*at);
                }
                message.created_at = now.min(message.created_at);
                // Messages keep their order.
                if message.order_time > now {
                    message.order_time = next;
                    self.newest = self.newest.max(next);
                    next += TimeDelta::microseconds(1);
                }
            }
            for note in &mut entry.notes {
                note.created_at = note.created_at.min(now);
            }
            entry.messages.sort_by_key(place);
            entry.notes.sort_by_key(|note| (note.created_at, note.id));
        }
    }

    pub fn entry_mut(&mut self, id: ConversationId) -> &mut Entry {
        self.entries
            .iter_mut()
            .find(|entry| entry.id == id)
            .expect("the store found a conversation that is not in the model")
    }

    pub(super) fn shown(&self, id: ConversationId) -> Conversation {
        self.show(self.entry(id).expect("it was just changed"))
    }

    pub fn missing(&self, id: ConversationId) -> Option<Refusal> {
        refused_if(self.entry(id).is_none(), Refusal::of(ErrorKind::NotFound))
    }

    /// Only a user or team of the directory has conversations.
    pub fn unknown(&self, assignee: &AssigneeId) -> Option<Refusal> {
        let unknown = self.name(assignee).is_none();
        refused_if(unknown, Refusal::of(ErrorKind::NotFound))
    }

    /// What is out of bounds in a message.
    pub fn refused_message(
        body: Body,
        sent_at: Option<When>,
        provider_id: Option<ProviderPlan>,
        direction: Direction,
    ) -> Vec<Refusal> {
        let late = sent_at.filter(|at| at.is_refused()).map(|_| "sent_at");
        let provider_id = provider_id.filter(|id| id.id().is_none());
        let provider_id = provider_id.map(|_| "provider_id");
        let fields = body
            .flaw(direction)
            .into_iter()
            .chain(late)
            .chain(provider_id);
        fields.map(Refusal::invalid).collect()
    }

    /// A reply goes to the conversation's own contact on its own channel.
    pub fn misaddressed(&self, id: ConversationId, address: Option<Address>) -> Vec<Refusal> {
        let (Some(entry), Some(address)) = (self.entry(id), address) else {
            return Vec::new();
        };
        let contact = address.contact_id() != entry.contact_id;
        let channel = address.channel != entry.channel;
        [(contact, "contact_id"), (channel, "channel")]
            .into_iter()
            .filter_map(|(wrong, field)| refused_if(wrong, Refusal::invalid(field)))
            .collect()
    }

    /// Stores a message under the ids that the store gave it, unless it is stored already: in the one
    /// conversation of its contact and channel, at its own time. That is activity now, and reopens.
    pub fn append(
        &mut self,
        ids: (ConversationId, MessageId),
        appending: Appending,
    ) -> Expected<Message> {
        let now = self.newest;
        if let Some(id) = &appending.provider_id
            && let Some(stored) = self.provided(appending.channel, id)
        {
            return Expected {
                is_duplicate: true,
                ..Expected::plain(stored.clone(), false)
            };
        }
        let created_at = appending
            .sent_at
            .map_or(now, |time| to_the_microsecond(time).min(now));
        let known = self.thread(&appending.contact_id, appending.channel);
        let created = known.is_none();
        let id = known.map_or(ids.0, |entry| entry.id);
        if created {
            self.create(id, &appending, created_at);
        }
        let arrival = ids.1.raw() & ARRIVAL;
        self.take_arrival(arrival);
        let known = self.entry_mut(id).messages.iter();
        let known = known.filter(|message| is_within(message, created_at));
        let place_of_its_second = place_behind(known, |time| id_at(time, arrival));
        let order_time = match appending.sent_at {
            Some(_) => place_of_its_second.unwrap_or(created_at),
            None => created_at,
        };
        assert_eq!(
            ids.1,
            id_at(order_time, arrival),
            "a message's id carries the time of its place"
        );
        let mut message = Message::new(
            ids.1,
            id,
            appending.direction,
            appending.content,
            created_at,
        );
        message.status = match appending.direction {
            Direction::Inbound => DeliveryStatus::Delivered,
            Direction::Outbound => DeliveryStatus::Sent,
        };
        message.provider_id = appending.provider_id;
        message.order_time = order_time;
        let entry = self.entry_mut(id);
        let repeated = entry.messages.iter().any(|known| known.id == message.id);
        assert!(!repeated, "{} was given out twice", message.id);
        entry.messages.push(message.clone());
        entry.messages.sort_by_key(place);
        entry.created_at = entry.created_at.min(created_at);
        let reopened = appending.reopen && entry.status == Status::Resolved;
        self.active(id);
        let message_id = message.id;
        self.tell(
            id,
            match message.direction {
                Direction::Inbound => EventKind::MessageReceived { message_id },
                Direction::Outbound => EventKind::MessageSent { message_id },
            },
        );
        if reopened {
            let entry = self.entry_mut(id);
            entry.status = Status::Open;
            entry.revision += 1;
            self.active(id);
            self.tell(id, EventKind::ConversationReopened);
        }
        self.add_unmatched_events((id, message_id));
        self.touched = true;
        let message = self.message(id, message_id).expect("it was just stored");
        Expected {
            created,
            reopened,
            ..Expected::plain(message.clone(), true)
        }
    }

    fn create(&mut self, id: ConversationId, appending: &Appending, created_at: DateTime<Utc>) {
        let known = self.entry(id).is_some() || self.gone.contains(&id);
        assert!(!known, "{id} was given out twice");
        self.take_id(id.raw());
        let contact = appending.contact_id.clone();
        let created = Conversation::new(id, contact, appending.channel, created_at);
        self.entries.push(Entry::new(&created));
        self.tell(
            id,
            EventKind::ConversationCreated {
                status: Status::Open,
                assigned_to: None,
            },
        );
    }

    /// Assigning reopens.
    pub fn assign(&mut self, id: ConversationId, assignee: &AssigneeId) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let reopened = entry.status == Status::Resolved;
        let before = entry.assignee.replace(assignee.clone());
        let moved = before.as_ref() != Some(assignee);
        let changed = reopened || moved;
        entry.revision += u64::from(reopened) + u64::from(moved);
        entry.status = Status::Open;
        if moved {
            self.add_move_event(id, before);
        }
        if reopened {
            self.tell(id, EventKind::ConversationReopened);
        }
        self.settle(id, changed, reopened)
    }

    /// Unassigning does not reopen.
    pub fn unassign(&mut self, id: ConversationId) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let before = entry.assignee.take();
        let changed = before.is_some();
        entry.revision += u64::from(changed);
        if changed {
            self.add_move_event(id, before);
        }
        self.settle(id, changed, false)
    }

    /// Resolving a resolved conversation changes nothing.
    pub fn resolve(&mut self, id: ConversationId) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let changed = entry.status == Status::Open;
        entry.status = Status::Resolved;
        entry.revision += u64::from(changed);
        if changed {
            self.tell(id, EventKind::ConversationResolved);
        }
        self.settle(id, changed, false)
    }

    /// It has another assignee than before, or none.
    fn add_move_event(&mut self, id: ConversationId, before: Option<AssigneeId>) {
        let kind = match (self.entry_mut(id).assignee.clone(), before) {
            (Some(assigned_to), previously_assigned_to) => EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to,
            },
            (None, Some(previously_assigned_to)) => EventKind::ConversationUnassigned {
                previously_assigned_to,
            },
            (None, None) => panic!("{id} was unassigned before"),
        };
        self.tell(id, kind);
    }

    /// What changes a conversation is activity.
    fn settle(
        &mut self,
        id: ConversationId,
        changed: bool,
        reopened: bool,
    ) -> Expected<Conversation> {
        if changed {
            self.active(id);
            self.touched = true;
        }
        Expected {
            reopened,
            ..Expected::plain(self.shown(id), changed)
        }
    }

    /// The giver of the command is the author. A note is activity and does not reopen.
    pub fn add_note(
        &mut self,
        id: ConversationId,
        note: NoteId,
        content: String,
    ) -> Expected<Note> {
        let now = self.newest;
        self.take_id(note.raw());
        let mut note = Note::new(note, id, content, now);
        note.author.clone_from(&self.actor);
        let entry = self.entry_mut(id);
        entry.notes.push(note.clone());
        entry.notes.sort_by_key(|note| (note.created_at, note.id));
        self.active(id);
        self.tell(id, EventKind::NoteAdded { note_id: note.id });
        self.touched = true;
        Expected::plain(note, true)
    }

    /// A name shows at once.
    pub fn save_assignee(&mut self, id: &AssigneeId, name: String) -> Expected<Assignee> {
        let known = self.name(id);
        let created = known.is_none();
        let changed = known != Some(&name);
        self.set_name(id, name);
        self.touched |= changed;
        let assignee = self.assignee(id).expect("it was just saved");
        Expected {
            created,
            ..Expected::plain(assignee, changed)
        }
    }

    /// Users and teams in the directory.
    pub fn assignees_of(&self, kind: AssigneeKind) -> u64 {
        let of_kind = |(id, _): &&(AssigneeId, String)| id.kind() == kind;
        self.directory.iter().filter(of_kind).count() as u64
    }
}
