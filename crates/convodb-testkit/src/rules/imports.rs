//! Whole conversations: those that are imported, and those that are deleted.

use chrono::TimeDelta;
use convodb::{Conversation, ConversationId, ErrorKind, EventKind, Import, Message, Status};

use super::{is_within, place, place_behind, refused_if};
use crate::model::{Entry, Model};
use crate::op::InboxPick;
use crate::plan::{first_moment, is_blank};
use crate::provided::ids;
use crate::verdict::{Expected, Refusal};

impl Model {
    /// One conversation for one id, and one for a contact and inbox.
    pub fn refused_import(&self, import: &Import, flaw: Option<String>) -> Vec<Refusal> {
        let of = &import.conversation;
        let inbox = InboxPick::of(of);
        let exists = self.entry(of.id).is_some() || self.thread(&of.contact_id, inbox).is_some();
        let merged = self.contact_meant(&of.contact_id) != of.contact_id;
        let ids: Vec<_> = import.messages.iter().flat_map(ids).collect();
        let taken = ids.iter().any(|id| self.provided(inbox, id).is_some());
        let gone = ids.iter().any(|id| self.is_tombstone(inbox, id));
        let is_repeated = |message: &Message| {
            let own = message.extras.as_ref()?.client_ref.as_deref()?;
            self.referenced(inbox, message.direction, own)
        };
        let referenced = import.messages.iter().any(|it| is_repeated(it).is_some());
        let name = of.assigned_to.as_ref().map(|assignee| &*assignee.name);
        let bad_name = name.is_some_and(|name| is_blank(name) || name.len() > 256);
        [
            flaw.map(Refusal::invalid),
            refused_if(bad_name, Refusal::invalid("assigned_to.name")),
            refused_if(exists, Refusal::of(ErrorKind::AlreadyExists)),
            refused_if(merged, Refusal::invalid("contact_id")),
            refused_if(taken, Refusal::of(ErrorKind::ProviderIdConflict)),
            refused_if(referenced, Refusal::of(ErrorKind::ClientRefConflict)),
            refused_if(gone, Refusal::of(ErrorKind::Gone)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Every id and time stays; a name that the directory has stays too.
    pub fn import(&mut self, import: Import) -> Expected<Conversation> {
        let mut of = import.conversation;
        let inbox = InboxPick::of(&of);
        if !self.has_inbox(inbox) {
            let id = inbox.id().expect("every channel has its own");
            self.inboxes.push((inbox, id.to_string()));
        }
        if let Some(assignee) = &of.assigned_to
            && self.name(&assignee.id).is_none()
        {
            self.set_name(&assignee.id, assignee.name.to_string());
        }
        let (mut messages, mut notes) = (import.messages, import.notes);
        for message in &mut messages {
            self.merge_unmatched(&mut of, message);
        }
        // In the order of the list, as if they came one after another.
        let mut placed: Vec<Message> = Vec::new();
        for mut message in messages {
            let at = message.created_at;
            let same = placed
                .iter()
                .filter(|before| is_within(before, at) || before.created_at == at);
            message.order_time = place_behind(same, |_| message.id).unwrap_or(at);
            placed.push(message);
        }
        let mut messages = placed;
        messages.sort_by_key(place);
        notes.sort_by_key(|note| (note.created_at, note.id));
        self.gone.retain(|gone| *gone != of.id);
        let mut entry = Entry {
            messages,
            notes,
            ..Entry::new(&of)
        };
        entry.imported = entry.messages.iter().map(|message| message.id).collect();
        entry.read_count = entry.inbound() - of.unread_count;
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

    /// All that belongs to a conversation goes with it; the providers' ids of its messages stay taken.
    pub fn remove(&mut self, selects: impl Fn(&Entry) -> bool) -> u64 {
        let (mut removed, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition(selects);
        self.entries = kept;
        removed.sort_by_key(|entry| self.number_of(entry.inbox));
        for entry in &removed {
            for reassignment in &entry.reassignments {
                self.add_reassignment_event(entry.id, reassignment.clone());
            }
            self.tell(entry.id, EventKind::ConversationDeleted);
            let ids = entry.messages.iter().flat_map(ids);
            self.tombstones.extend(ids.map(|id| (entry.inbox, id)));
        }
        self.gone.extend(removed.iter().map(|entry| entry.id));
        // What meant them means nothing.
        let is_gone = |id: ConversationId| removed.iter().any(|entry| entry.id == id);
        let aliases = std::mem::take(&mut self.conversation_aliases).into_iter();
        let (gone, kept) = aliases.partition::<Vec<_>, _>(|(_, into)| is_gone(*into));
        self.gone.extend(gone.into_iter().map(|(from, _)| from));
        self.conversation_aliases = kept;
        self.touched |= !removed.is_empty();
        removed.len() as u64
    }

    pub fn delete(&mut self, id: ConversationId) -> Expected<()> {
        let id = self.conversation_meant(id);
        let removed = self.remove(|entry| entry.id == id);
        Expected::plain((), removed > 0)
    }

    /// The oldest resolved conversations, of which these are old enough.
    pub fn delete_resolved(&mut self, older_ms: u32, limit: u8) -> Expected<u64> {
        let before = self.newest - TimeDelta::milliseconds(older_ms.into());
        let before = before.max(first_moment());
        let resolved = self.entries.iter();
        let resolved = resolved.filter(|entry| entry.status == Status::Resolved);
        let mut stale: Vec<_> = resolved.map(|entry| (entry.updated_at, entry.id)).collect();
        stale.sort();
        stale.truncate(limit.into());
        stale.retain(|(updated_at, _)| *updated_at < before);
        for (_, id) in &stale {
            self.delete(*id);
        }
        Expected::plain(stale.len() as u64, !stale.is_empty())
    }
}
