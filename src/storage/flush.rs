//! Writes the differences of the identity map to the tables and the index.

use std::sync::Arc;

use convodb_core::{Change, ChangeKind, Difference, ProviderIdState, Result};

use super::directory::Removal;
use super::provider_ids::Matched;
use super::unit_of_work::UnitOfWork;
use super::{consumers, conversations, events, idempotency, messages, provider_ids};

impl UnitOfWork<'_> {
    /// Writes what became of the identity map; the counts of the index stay in memory.
    pub(super) fn flush(&mut self) -> Result<()> {
        let (rows, hashes) = (&mut self.rows, self.known.hashes);
        for saved in self.state.assignees.take_differences() {
            // A removal is wide: it has written its redirect.
            if let Some(assignee) = saved.after {
                let directory = Arc::make_mut(&mut self.known.directory);
                directory.save(rows, &mut self.known.head, assignee)?;
            }
        }
        let directory = &self.known.directory;
        for Difference { key, before, after } in self.state.conversations.take_differences() {
            let stored = before.map(|before| {
                let redirected = self
                    .redirected
                    .remove(&key)
                    .map(|redirected| redirected.owner);
                self.drained.extend(redirected);
                let owner = redirected.map_or_else(|| directory.owner_of(before.assignee_id()), Ok);
                owner.map(|owner| (before, owner))
            });
            let after = after.map(|after| {
                let owner = directory.owner_of(after.assignee_id());
                owner.map(|owner| (after, owner))
            });
            let (stored, after) = (stored.transpose()?, after.transpose()?);
            conversations::save(rows, &mut self.index, stored.as_ref(), after.as_ref())?;
        }
        for Difference { key, after, .. } in self.state.threads.take_differences() {
            conversations::save_thread(rows, key.0, &key.1, after)?;
        }
        for message in self.state.messages.take_differences() {
            if let Some(message) = message.after {
                messages::save(rows, &message)?;
            }
        }
        for note in self.state.notes.take_differences() {
            if let Some(note) = note.after {
                messages::save_note(rows, &note)?;
            }
        }
        for Difference { key, after, .. } in self.state.provider_ids.take_differences() {
            if let Some(known) = after {
                provider_ids::save(rows, hashes, key.0, &key.1, &known)?;
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
                Some(position) => consumers::save(rows, &key, position)?,
                None => {
                    self.removed_consumer = true;
                    consumers::remove(rows, &key)?;
                }
            }
        }
        for event in self.events.drain(..) {
            events::append(rows, &mut self.known.head, event)?;
        }
        let totals = Arc::make_mut(&mut self.known.totals);
        self.index.report(|stream, total| totals.set(stream, total));
        self.forget_drained()
    }

    /// What a wide change does to entities that were not loaded.
    pub(super) fn write_wide(&mut self, change: &Change) -> Result<()> {
        let (rows, hashes) = (&mut self.rows, self.known.hashes);
        match &change.kind {
            ChangeKind::ConversationDeleted { conversation } => {
                // Found by a change's keys, or by its decision.
                if let Some(Some(known)) = self.state.conversations.get(conversation) {
                    let inbox = known.channel.into();
                    let mut ids = Vec::new();
                    messages::each(rows, *conversation, |message| {
                        ids.extend(message.provider_id);
                        Ok(())
                    })?;
                    // The messages must not come back.
                    for id in &ids {
                        provider_ids::save(rows, hashes, inbox, id, &ProviderIdState::Tombstone)?;
                    }
                }
                messages::remove_all(rows, *conversation)?;
                events::remove_audit_log(rows, *conversation)
            }
            ChangeKind::ConversationImported(imported) => {
                let inbox = imported.conversation.channel.into();
                for message in &imported.messages {
                    messages::save(rows, message)?;
                    provider_ids::save_message(rows, hashes, inbox, message)?;
                }
                let mut matched = Matched::default();
                matched.arrived(hashes, inbox, &imported.messages);
                matched.remove(rows)?;
                imported
                    .notes
                    .iter()
                    .try_for_each(|note| messages::save_note(rows, note))
            }
            ChangeKind::UnmatchedPurged { before } => provider_ids::purge_unmatched(rows, *before),
            ChangeKind::KeysPurged { before } => {
                idempotency::forget_all(rows, &mut self.known.forgotten, *before)
            }
            ChangeKind::EventsPurged { before } => {
                events::purge(rows, &mut self.known.head, *before)
            }
            ChangeKind::AssigneeRemoved {
                assignee,
                successor,
            } => {
                let removal = Removal {
                    successor: successor.clone(),
                    at: change.at,
                    actor: change.actor.clone(),
                };
                let directory = Arc::make_mut(&mut self.known.directory);
                self.drained
                    .insert(directory.remove(rows, assignee, removal)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
