//! What each command does to the model, after the rules R1 to R9 and R11 to R16, and nothing else;
//! R10 is in [`provided`](super::provided).
//!
//! Each comes in two parts: the refusals that the rules demand, of which the store may give any,
//! and the effect where there is none. New ids are the store's: the effect is told them.

use chrono::{DateTime, Utc};
use convodb::{
    Actor, Assignee, AssigneeId, AssigneeKind, Channel, ContactId, Content, Conversation,
    ConversationId, DeliveryStatus, Direction, ErrorKind, EventKind, Import, Message, MessageId,
    Note, NoteId, ProviderId, Status,
};

use super::keys::EachOf;
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

pub(super) fn refused_if(refused: bool, refusal: Refusal) -> Option<Refusal> {
    refused.then_some(refusal)
}

impl Model {
    fn active(&mut self, id: ConversationId, at: DateTime<Utc>) {
        let entry = self.entry_mut(id);
        entry.updated_at = entry.updated_at.max(at);
    }

    pub fn entry_mut(&mut self, id: ConversationId) -> &mut Entry {
        self.entries
            .iter_mut()
            .find(|entry| entry.id == id)
            .expect("the store found a conversation that is not in the model")
    }

    fn shown(&self, id: ConversationId) -> Conversation {
        self.show(self.entry(id).expect("it was just changed"))
    }

    pub fn missing(&self, id: ConversationId) -> Option<Refusal> {
        refused_if(self.entry(id).is_none(), Refusal::of(ErrorKind::NotFound))
    }

    /// R11: only who is in the directory.
    pub fn unknown(&self, assignee: &AssigneeId) -> Option<Refusal> {
        let unknown = self.name(assignee).is_none();
        refused_if(unknown, Refusal::of(ErrorKind::NotFound))
    }

    /// R14, of a message.
    pub fn refused_message(
        body: Body,
        sent_at: Option<When>,
        provider_id: Option<ProviderPlan>,
    ) -> Vec<Refusal> {
        let late = sent_at.filter(|at| at.is_refused()).map(|_| "sent_at");
        let provider_id = provider_id.filter(|id| id.id().is_none());
        let provider_id = provider_id.map(|_| "provider_id");
        let fields = body.flaw().into_iter().chain(late).chain(provider_id);
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

    /// R1, R2, R5, R7, R8 and R9: stores a message under the ids that the store gave it; R10: but
    /// one that is stored already.
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
                duplicate: true,
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
        let of_its_time = u64::try_from(created_at.timestamp_millis()) == Ok(ids.1.timestamp_ms());
        assert!(of_its_time, "a message's id carries its time");
        // One that is late takes its place among ids of its own time, and one with a provider's id
        // has an id that follows from that.
        if created_at == now && appending.provider_id.is_none() {
            self.take_id(&ids.1);
        }
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
        let entry = self.entry_mut(id);
        let repeated = entry.messages.iter().any(|known| known.id == message.id);
        assert!(!repeated, "{} was given out twice", message.id);
        entry.messages.push(message.clone());
        entry.messages.sort_by_key(|one| (one.created_at, one.id));
        entry.created_at = entry.created_at.min(created_at);
        let reopened = appending.reopen && entry.status == Status::Resolved;
        self.active(id, created_at);
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
            self.active(id, now);
            self.tell(id, EventKind::ConversationReopened);
        }
        self.tell_parked((id, message_id));
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
        self.take_id(&id);
        self.entries.push(Entry {
            id,
            contact_id: appending.contact_id.clone(),
            channel: appending.channel,
            status: Status::Open,
            assignee: None,
            created_at,
            updated_at: created_at,
            messages: Vec::new(),
            notes: Vec::new(),
            revision: 0,
            seen: 0,
            history: Vec::new(),
            takeovers: Vec::new(),
        });
        self.tell(
            id,
            EventKind::ConversationCreated {
                status: Status::Open,
                assigned_to: None,
            },
        );
    }

    /// R4: assigning reopens.
    pub fn assign(&mut self, id: ConversationId, assignee: &AssigneeId) -> Expected<Conversation> {
        let now = self.newest;
        let entry = self.entry_mut(id);
        let reopened = entry.status == Status::Resolved;
        let before = entry.assignee.replace(assignee.clone());
        let moved = before.as_ref() != Some(assignee);
        let changed = reopened || moved;
        entry.revision += u64::from(reopened) + u64::from(moved);
        entry.status = Status::Open;
        if moved {
            self.tell_move(id, before);
        }
        if reopened {
            self.tell(id, EventKind::ConversationReopened);
        }
        self.settle(id, changed, now, reopened)
    }

    /// R15: only who is expected to have it loses it, and who has it already keeps it.
    pub fn taken(
        &self,
        id: ConversationId,
        assignee: &AssigneeId,
        expected: Option<&AssigneeId>,
    ) -> Option<Refusal> {
        let present = self.entry(id)?.assignee.as_ref();
        let mut refusal = Refusal::of(ErrorKind::Conflict);
        refusal.winner = present.cloned();
        refused_if(present != expected && present != Some(assignee), refusal)
    }

    /// Whether the status or the assignee changed since somebody saw them.
    pub fn revised(&self, id: ConversationId, seen: u64) -> Option<Refusal> {
        let present = self.entry(id)?.revision;
        let mut refusal = Refusal::of(ErrorKind::Conflict);
        refusal.revision = Some(present);
        refused_if(present != seen, refusal)
    }

    pub fn refused_mark(&self, id: ConversationId, seen: u64) -> Option<Refusal> {
        let inbound = self.entry(id)?.inbound();
        refused_if(seen > inbound, Refusal::invalid("seen"))
    }

    /// A mark never goes back; it is no activity.
    pub fn mark_read(&mut self, id: ConversationId, seen: u64) -> Expected<Conversation> {
        let entry = self.entry_mut(id);
        let changed = seen > entry.seen;
        entry.seen = entry.seen.max(seen);
        if changed {
            self.tell_takeovers(id);
        }
        self.touched |= changed;
        Expected::plain(self.shown(id), changed)
    }

    /// R4: unassigning does not reopen.
    pub fn unassign(&mut self, id: ConversationId) -> Expected<Conversation> {
        let now = self.newest;
        let entry = self.entry_mut(id);
        let before = entry.assignee.take();
        let changed = before.is_some();
        entry.revision += u64::from(changed);
        if changed {
            self.tell_move(id, before);
        }
        self.settle(id, changed, now, false)
    }

    /// R3.
    pub fn resolve(&mut self, id: ConversationId) -> Expected<Conversation> {
        let now = self.newest;
        let entry = self.entry_mut(id);
        let changed = entry.status == Status::Open;
        entry.status = Status::Resolved;
        entry.revision += u64::from(changed);
        if changed {
            self.tell(id, EventKind::ConversationResolved);
        }
        self.settle(id, changed, now, false)
    }

    /// Each for itself.
    fn each(
        &mut self,
        ids: &[ConversationId],
        command: impl Fn(&mut Self, ConversationId) -> Expected<Conversation>,
    ) -> Expected<Vec<EachOf>> {
        let each = ids.iter().map(|id| match self.entry(*id) {
            Some(_) => (*id, Ok(command(self, *id))),
            None => (*id, Err(ErrorKind::NotFound)),
        });
        let each: Vec<EachOf> = each.collect();
        let done = || each.iter().filter_map(|(_, done)| done.as_ref().ok());
        let (changed, reopened) = (
            done().any(|done| done.changed),
            done().any(|done| done.reopened),
        );
        Expected {
            reopened,
            ..Expected::plain(each, changed)
        }
    }

    pub fn assign_all(
        &mut self,
        ids: &[ConversationId],
        assignee: &AssigneeId,
    ) -> Expected<Vec<EachOf>> {
        self.each(ids, |model, id| model.assign(id, assignee))
    }

    pub fn resolve_all(&mut self, ids: &[ConversationId]) -> Expected<Vec<EachOf>> {
        self.each(ids, Self::resolve)
    }

    /// Another has it than before, or nobody.
    fn tell_move(&mut self, id: ConversationId, before: Option<AssigneeId>) {
        let kind = match (self.entry_mut(id).assignee.clone(), before) {
            (Some(assigned_to), previously_assigned_to) => EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to,
            },
            (None, Some(previously_assigned_to)) => EventKind::ConversationUnassigned {
                previously_assigned_to,
            },
            (None, None) => panic!("{id} was nobody's before"),
        };
        self.tell(id, kind);
    }

    /// R8: what changes a conversation is activity.
    fn settle(
        &mut self,
        id: ConversationId,
        changed: bool,
        now: DateTime<Utc>,
        reopened: bool,
    ) -> Expected<Conversation> {
        if changed {
            self.active(id, now);
            self.touched = true;
        }
        Expected {
            reopened,
            ..Expected::plain(self.shown(id), changed)
        }
    }

    /// R6.
    pub fn add_note(
        &mut self,
        id: ConversationId,
        note: NoteId,
        content: String,
        author: Option<Actor>,
    ) -> Expected<Note> {
        let now = self.newest;
        self.take_id(&note);
        let mut note = Note::new(note, id, content, now);
        note.author.clone_from(&author);
        let entry = self.entry_mut(id);
        entry.notes.push(note.clone());
        entry.notes.sort_by_key(|note| (note.created_at, note.id));
        self.active(id, now);
        self.tell_by(author, id, EventKind::NoteAdded { note_id: note.id });
        self.touched = true;
        Expected::plain(note, true)
    }

    /// R16.
    pub fn remove(&mut self, selects: impl Fn(&Entry) -> bool) -> u64 {
        let (mut removed, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition(selects);
        self.entries = kept;
        removed.sort_by_key(|entry| entry.channel);
        for entry in &removed {
            for handover in &entry.takeovers {
                self.tell_handover(entry.id, handover.clone());
            }
            self.tell(entry.id, EventKind::ConversationDeleted);
            let ids = entry.messages.iter();
            let ids = ids.filter_map(|message| message.provider_id.clone());
            self.erased.extend(ids.map(|id| (entry.channel, id)));
        }
        self.gone.extend(removed.iter().map(|entry| entry.id));
        self.touched |= !removed.is_empty();
        removed.len() as u64
    }

    pub fn delete(&mut self, id: ConversationId) -> Expected<()> {
        let removed = self.remove(|entry| entry.id == id);
        Expected::plain((), removed > 0)
    }

    pub fn erase_contact(&mut self, contact: u8) -> Expected<u64> {
        let contact = super::op::contact(contact);
        let removed = self.remove(|entry| entry.contact_id == contact);
        Expected::plain(removed, removed > 0)
    }

    /// R11: a name shows at once, and is put once.
    pub fn put_assignee(&mut self, id: &AssigneeId, name: String) -> Expected<Assignee> {
        let known = self.name(id);
        let created = known.is_none();
        let changed = known != Some(&name);
        self.set_name(id, name);
        self.touched |= changed;
        let assignee = self.assignee(id).expect("it was just put");
        Expected {
            created,
            ..Expected::plain(assignee, changed)
        }
    }

    /// One conversation for one id, and one for a contact and channel (R1).
    pub fn refused_import(&self, import: &Import, flaw: Option<String>) -> Vec<Refusal> {
        let of = &import.conversation;
        let exists =
            self.entry(of.id).is_some() || self.thread(&of.contact_id, of.channel).is_some();
        let ids = import.messages.iter();
        let mut ids = ids.filter_map(|message| message.provider_id.as_ref());
        let taken = ids
            .clone()
            .any(|id| self.provided(of.channel, id).is_some());
        let erased = ids.any(|id| self.is_erased(of.channel, id));
        let name = of.assigned_to.as_ref().map(|assignee| &*assignee.name);
        let bad_name = name.is_some_and(|name| name.trim().is_empty() || name.len() > 256);
        [
            flaw.map(Refusal::invalid),
            refused_if(bad_name, Refusal::invalid("assigned_to.name")),
            refused_if(exists || taken, Refusal::of(ErrorKind::Conflict)),
            refused_if(erased, Refusal::of(ErrorKind::Erased)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Every id and time stays; a name that the directory has stays too.
    pub fn import(&mut self, import: Import) -> Expected<Conversation> {
        let of = import.conversation;
        if let Some(assignee) = &of.assigned_to
            && self.name(&assignee.id).is_none()
        {
            self.set_name(&assignee.id, assignee.name.to_string());
        }
        let (mut messages, mut notes) = (import.messages, import.notes);
        for message in &mut messages {
            self.merge_parked(of.channel, message);
        }
        messages.sort_by_key(|message| (message.created_at, message.id));
        notes.sort_by_key(|note| (note.created_at, note.id));
        self.gone.retain(|gone| *gone != of.id);
        let mut entry = Entry {
            id: of.id,
            contact_id: of.contact_id,
            channel: of.channel,
            status: of.status,
            assignee: of.assigned_to.map(|assignee| assignee.id),
            created_at: of.created_at,
            updated_at: of.updated_at,
            messages,
            notes,
            revision: of.revision,
            seen: 0,
            history: Vec::new(),
            takeovers: Vec::new(),
        };
        entry.seen = entry.inbound() - of.unread_count;
        self.entries.push(entry);
        let entry = self.entry_mut(of.id);
        let created = EventKind::ConversationCreated {
            status: entry.status,
            assigned_to: entry.assignee.clone(),
        };
        self.tell(of.id, created);
        self.touched = true;
        Expected {
            created: true,
            ..Expected::plain(self.shown(of.id), true)
        }
    }

    /// Users and teams in the directory.
    pub fn assignees_of(&self, kind: AssigneeKind) -> u64 {
        let of_kind = |(id, _): &&(AssigneeId, String)| id.kind() == kind;
        self.directory.iter().filter(of_kind).count() as u64
    }
}
