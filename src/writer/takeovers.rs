//! R11: conversations of one who was removed, filed as those of whoever has them since.
//!
//! Invariant: nothing that is shown changes by it, but for the events that it tells.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use convodb_core::{Change, ConversationId, Error, Result, decide};

use super::Transaction;

impl Transaction<'_> {
    /// Puts the takeovers that a conversation is not filed by yet before the first change of it: what
    /// is decided rests on them.
    pub(super) fn with_takeovers(
        &self,
        now: DateTime<Utc>,
        decided: Vec<Change>,
    ) -> Result<Vec<Change>> {
        let reader = self.writer.reader();
        if !reader.has_misfiled() {
            return Ok(decided);
        }
        let mut met = HashSet::new();
        let mut changes = Vec::with_capacity(decided.len());
        for change in decided {
            if let Some(id) = change.fact.conversation()
                && met.insert(id)
            {
                changes.extend(decide::take_over(id, now, reader.successions(id)?));
            }
            changes.push(change);
        }
        Ok(changes)
    }

    /// A step of filing what was taken over, which is nobody's command.
    pub(crate) fn refile_some(&mut self, most: usize) -> Result<Vec<ConversationId>> {
        let now = self.now();
        self.refile(now, most)
    }

    /// Files some conversations by the takeovers that they have passed through, at most so many;
    /// tells which.
    pub(super) fn refile(
        &mut self,
        now: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<ConversationId>> {
        let reader = self.writer.reader();
        if !reader.has_misfiled() {
            return Ok(Vec::new());
        }
        let refiled = reader.misfiled(most)?;
        let mut changes = Vec::with_capacity(refiled.len());
        for id in &refiled {
            let successions = reader.successions(*id)?;
            if successions.is_empty() {
                return Err(Error::corrupted(format!(
                    "the conversation {id} is not filed where its row is"
                )));
            }
            changes.extend(decide::take_over(*id, now, successions));
        }
        self.write(changes)?;
        Ok(refiled)
    }
}
