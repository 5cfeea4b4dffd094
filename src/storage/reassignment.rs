//! Reassignment: the changes that store the conversations of a removed assignee under its successor.

use chrono::{DateTime, Utc};
use convodb_core::{Change, ChangeKind, ConversationId, Error, Key, Result};

use super::{UnitOfWork, directory};

/// A conversation that is stored under an owner that was removed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Redirected {
    /// The number of that owner.
    pub(super) owner: u32,
    /// Whether the changes that store it under the successor are applied.
    pub(super) is_reassigned: bool,
}

impl UnitOfWork<'_> {
    /// Puts the changes that store a conversation under its successor before the first change of it:
    /// what is decided rests on them.
    pub(super) fn with_reassignments(&mut self, decided: Vec<Change>) -> Result<Vec<Change>> {
        if self.replays || !self.known.directory.has_redirects() {
            return Ok(decided);
        }
        let mut changes = Vec::with_capacity(decided.len() + 1);
        for change in decided {
            for id in change.conversations() {
                // A command about a message has not loaded its conversation.
                self.load(&[Key::Conversation(id)])?;
                self.reassignments(id, change.at, &mut changes)?;
            }
            changes.push(change);
        }
        Ok(changes)
    }

    /// Shows a conversation as it is stored, if the changes that store it under its successor are due.
    /// Returns the number of its owner then.
    pub(super) fn show_stored(&mut self, id: ConversationId) -> Option<u32> {
        let redirected = self.redirected.get_mut(&id)?;
        if std::mem::replace(&mut redirected.is_reassigned, true) {
            return None;
        }
        self.state.conversations.show_stored(&id);
        Some(redirected.owner)
    }

    /// Adds the changes that store a conversation under its successor. Returns whether they are due.
    fn reassignments(
        &mut self,
        id: ConversationId,
        now: DateTime<Utc>,
        changes: &mut Vec<Change>,
    ) -> Result<bool> {
        let Some(owner) = self.show_stored(id) else {
            return Ok(false);
        };
        let steps = self.known.directory.steps(owner);
        let successors = steps.iter().filter_map(|step| step.successor.clone());
        // A successor may have been removed since.
        let keys: Vec<_> = successors.map(Key::Assignee).collect();
        changes.extend(steps.into_iter().map(|step| Change {
            at: now,
            actor: step.actor,
            kind: ChangeKind::Reassigned {
                conversation: id,
                assignee: step.successor,
                since: step.at,
            },
        }));
        self.load(&keys).map(|()| true)
    }

    /// Stores some conversations of removed assignees under their successors. Returns which.
    pub(crate) fn reassign_some(
        &mut self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        self.whole(|unit| {
            let now = unit.read_clock(now);
            unit.reassign(now, limit)
        })
    }

    pub(super) fn reassign(
        &mut self,
        now: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        if limit == 0 || !self.known.directory.has_redirects() {
            return Ok(Vec::new());
        }
        self.flush()?;
        let ids = self.reader().redirected(limit)?;
        let mut changes = Vec::with_capacity(ids.len());
        for id in &ids {
            self.load(&[Key::Conversation(*id)])?;
            if !self.reassignments(*id, now, &mut changes)? {
                return Err(Error::corrupted(format!(
                    "the conversation {id} is not stored under the owner of its index entry"
                )));
            }
        }
        if !changes.is_empty() {
            self.apply(changes)?;
        }
        Ok(ids)
    }

    /// Forgets the redirects of owners under which nothing is stored any longer.
    pub(super) fn forget_drained(&mut self) -> Result<()> {
        for owner in std::mem::take(&mut self.drained) {
            let known = &mut self.known;
            let inboxes = &known.directory.inboxes;
            if known.directory.is_redirected(owner) && known.totals.of_bucket(owner, inboxes)? == 0
            {
                directory::change(&mut known.directory, &mut self.rows, |directory| {
                    directory.forget(owner);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}
