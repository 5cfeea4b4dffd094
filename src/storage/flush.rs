//! Writes the differences of the identity map to the tables and the index.

use std::sync::Arc;

use convodb_core::records::RedirectStep;
use convodb_core::{Change, ChangeKind, Difference, Error, InboxNumber, InboxRef, Result};

use super::Directory;
use super::kinds::{CONSUMERS, IDENTITIES, IMPORTS, NOTES, THREADS, UNMATCHED};
use super::tags::TagEdits;
use super::unit_of_work::UnitOfWork;
use super::{
    aliases, contacts, conversations, directory, events, idempotency, messages, provider_ids,
};

impl UnitOfWork<'_> {
    /// Writes what became of the identity map.
    pub(super) fn flush(&mut self) -> Result<()> {
        let (rows, hashes) = (&mut self.rows, self.known.hashes);
        for saved in self.state.assignees.take_differences() {
            // A removal is wide: it has written its redirect.
            if let Some(assignee) = saved.after {
                let next_owner = &mut self.known.head.next_owner;
                directory::change(&mut self.known.directory, rows, |directory| {
                    directory.save(next_owner, assignee)
                })?;
            }
        }
        for saved in self.state.members.take_differences() {
            if let Some(members) = saved.after {
                directory::change(&mut self.known.directory, rows, |directory| {
                    directory.save_members(&saved.key, &members)
                })?;
            }
        }
        for saved in self.state.inboxes.take_differences() {
            if let Some(inbox) = saved.after {
                directory::change(&mut self.known.directory, rows, |directory| {
                    directory.inboxes.save(inbox);
                    Ok(())
                })?;
            }
        }
        let directory = &self.known.directory;
        let totals = Arc::make_mut(&mut self.known.totals);
        let mut tags = TagEdits::default();
        for Difference { key, before, after } in self.state.conversations.take_differences() {
            let redirected = self.redirected.remove(&key);
            let redirected = redirected.map(|redirected| redirected.owner);
            self.drained.extend(redirected);
            let before = before.map(|known| directory.stored(known, redirected));
            let after = after.map(|known| directory.stored(known, None));
            let (before, after) = (before.transpose()?, after.transpose()?);
            let index = (&mut self.index, &mut *totals, &mut tags);
            let views = &directory.views;
            conversations::save(rows, index, views, before.as_ref(), after.as_ref())?;
        }
        tags.write(rows)?;
        for Difference { key, after, .. } in self.state.threads.take_differences() {
            let key = (key.1, inbox_number(directory, &key.0)?);
            match after {
                Some(conversation) => THREADS.put(rows, &key, &conversation)?,
                None => THREADS.remove(rows, &key)?,
            }
        }
        for Difference { before, after, .. } in self.state.messages.take_differences() {
            if let Some(message) = after {
                if let Some(before) = before {
                    messages::leave(rows, &before, message.position())?;
                }
                messages::save(rows, &message)?;
            }
        }
        for Difference { key, after, .. } in self.state.notes.take_differences() {
            match after {
                Some(note) => messages::save_note(rows, &note)?,
                None => NOTES.remove(rows, &key)?,
            }
        }
        for Difference { key, after, .. } in self.state.provider_ids.take_differences() {
            if let Some(known) = after {
                let key = provider_ids::key(hashes, inbox_number(directory, &key.0)?, &key.1);
                provider_ids::save(rows, &key, &known)?;
            }
        }
        for Difference { key, after, .. } in self.state.idempotency.take_differences() {
            if let Some(record) = after {
                let before = self.forget_before.unwrap_or_default();
                let forgetting = (&mut self.known.forgotten, before);
                idempotency::save(rows, hashes, &key, &record, forgetting)?;
            }
        }
        for Difference { key, after, .. } in self.state.consumers.take_differences() {
            match after {
                Some(position) => CONSUMERS.put(rows, &key, &position)?,
                None => {
                    self.removed_consumer = true;
                    CONSUMERS.remove(rows, &key)?;
                }
            }
        }
        for Difference { key, after, .. } in self.state.imports.take_differences() {
            if let Some(progress) = after {
                IMPORTS.put(rows, &key, &progress)?;
            }
        }
        for Difference { before, after, .. } in self.state.contacts.take_differences() {
            contacts::save(rows, hashes, before.as_ref(), after)?;
        }
        for Difference { key, after, .. } in self.state.identities.take_differences() {
            match after {
                Some(contact) => IDENTITIES.put(rows, &key, &contact)?,
                None => IDENTITIES.remove(rows, &key)?,
            }
        }
        for Difference { key, after, .. } in self.state.contact_aliases.take_differences() {
            if let Some(into) = after {
                aliases::put_contact(rows, hashes, &key, &into)?;
            }
        }
        for Difference { key, after, .. } in self.state.conversation_aliases.take_differences() {
            if let Some(into) = after {
                aliases::put_conversation(rows, key, into)?;
            }
        }
        for event in self.events.drain(..) {
            events::append(rows, hashes, &mut self.known.head, &event)?;
        }
        self.forget_drained()
    }

    /// What a wide change does to entities that were not loaded.
    pub(super) fn write_wide(&mut self, change: &Change) -> Result<()> {
        let (rows, hashes) = (&mut self.rows, self.known.hashes);
        match &change.kind {
            ChangeKind::ConversationDeleted { conversation } => {
                // Found by a change's keys, or by its decision.
                if let Some(Some(known)) = self.state.conversations.get(conversation) {
                    let inbox = self.known.directory.inboxes.number_of(known)?;
                    let messages = messages::all(rows, *conversation)?;
                    for message in messages.collect::<Result<Vec<_>>>()? {
                        provider_ids::bury(rows, hashes, inbox, &message)?;
                    }
                }
                messages::remove_all(rows, *conversation)?;
                aliases::move_conversation(rows, *conversation, None)?;
                events::remove_audit_log(rows, *conversation)
            }
            ChangeKind::ConversationMerged { from, into } => {
                if let Some(Some(known)) = self.state.conversations.get(from) {
                    let inbox = self.known.directory.inboxes.number_of(known)?;
                    messages::move_all(rows, hashes, inbox, (*from, *into))?;
                }
                aliases::move_conversation(rows, *from, Some(*into))?;
                events::remove_audit_log(rows, *from)
            }
            ChangeKind::ContactMerged { from, into } => {
                aliases::move_contact(rows, hashes, from, Some(into)).map(drop)
            }
            ChangeKind::ConversationImported(imported) => {
                let inboxes = &self.known.directory.inboxes;
                let inbox = inboxes.number_of(&imported.conversation)?;
                for message in &imported.messages {
                    messages::save(rows, message)?;
                    for key in provider_ids::save_message(rows, hashes, inbox, message)? {
                        UNMATCHED.remove(rows, &key)?;
                    }
                }
                let mut notes = imported.notes.iter();
                notes.try_for_each(|note| messages::save_note(rows, note))
            }
            ChangeKind::ContactErased { contact } => {
                let aliases = aliases::move_contact(rows, hashes, contact, None)?;
                let mut ids = aliases.iter().chain([contact]);
                ids.try_for_each(|id| events::erase_contact(rows, hashes, id))
            }
            ChangeKind::UnmatchedPurged { before } => provider_ids::purge_unmatched(rows, *before),
            ChangeKind::KeysPurged { before } => {
                idempotency::forget_all(rows, &mut self.known.forgotten, *before)
            }
            ChangeKind::EventsPurged { before } => {
                events::purge(rows, hashes, &mut self.known.head, *before)
            }
            ChangeKind::ViewSaved(_)
            | ChangeKind::ViewRemoved { .. }
            | ChangeKind::ViewBuilt { .. }
            | ChangeKind::ViewRowsRemoved { .. } => self.write_view(&change.kind),
            ChangeKind::AssigneeRemoved {
                assignee,
                successor,
            } => {
                let removed = directory::change(&mut self.known.directory, rows, |directory| {
                    let step = RedirectStep {
                        owner: directory.owner_of(successor.as_ref())?,
                        successor: successor.clone(),
                        at: change.at,
                        actor: change.actor.clone(),
                    };
                    let removed = directory.remove(assignee, &step)?;
                    directory.views.reassign(assignee, successor.as_ref());
                    Ok(removed)
                })?;
                self.drained.insert(removed);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn inbox_number(directory: &Directory, inbox: &InboxRef) -> Result<InboxNumber> {
    let number = directory.inboxes.number(inbox);
    number.ok_or_else(|| Error::corrupted(format!("the inbox `{inbox}` is missing")))
}
