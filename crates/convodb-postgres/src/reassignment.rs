//! Reassignment: the changes that store the conversations of a removed assignee under its successor.

use std::sync::Arc;

use convodb_core::directory::placement::Partition;
use convodb_core::{Change, ChangeKind, ConversationId, Error, Key};

use crate::fault::Done;
use crate::keys;
use crate::session::Statement;
use crate::stream;
use crate::unit::Unit;

impl Unit {
    /// Puts the changes that store a conversation under its successor before the first change of it: what is
    /// decided rests on them.
    pub(crate) async fn with_reassignments(&mut self, decided: Vec<Change>) -> Done<Vec<Change>> {
        if !self.directory.has_redirects() {
            return Ok(decided);
        }
        let mut changes = Vec::with_capacity(decided.len() + 1);
        for change in decided {
            let ids: Vec<_> = change.conversations().collect();
            for id in ids {
                // A command about a message has not loaded its conversation.
                self.load(&[Key::Conversation(id)]).await?;
                self.reassignments(id, &mut changes).await?;
            }
            changes.push(change);
        }
        Ok(changes)
    }

    /// Shows a conversation as it is stored, if the changes that store it under its successor are due.
    /// Returns the number of its owner then.
    pub(crate) fn show_stored(&mut self, id: ConversationId) -> Option<u32> {
        let redirected = self.redirected.get_mut(&id)?;
        if std::mem::replace(&mut redirected.is_reassigned, true) {
            return None;
        }
        self.state.conversations.show_stored(&id);
        Some(redirected.owner)
    }

    /// Adds the changes that store a conversation under its successor. Returns whether they are due.
    async fn reassignments(&mut self, id: ConversationId, changes: &mut Vec<Change>) -> Done<bool> {
        let Some(owner) = self.show_stored(id) else {
            return Ok(false);
        };
        let steps = self.directory.steps(owner);
        let successors = steps.iter().filter_map(|step| step.successor.clone());
        // A successor may have been removed since.
        let keys: Vec<_> = successors.map(Key::Assignee).collect();
        let at = self.now;
        changes.extend(steps.into_iter().map(|step| Change {
            at,
            actor: step.actor,
            kind: ChangeKind::Reassigned {
                conversation: id,
                assignee: step.successor,
                since: step.at,
            },
        }));
        self.load(&keys).await?;
        Ok(true)
    }

    /// Stores some conversations of removed assignees under their successors. Returns which. Exclusive.
    pub(crate) async fn reassign(&mut self, limit: usize) -> Done<Vec<ConversationId>> {
        if limit == 0 || !self.directory.has_redirects() {
            return Ok(Vec::new());
        }
        self.flush().await?;
        let mut streams = Vec::new();
        for owner in self.directory.redirected() {
            let partitions = Partition::of_bucket(owner, &self.directory.inboxes);
            streams.extend(partitions.map(stream::of_partition));
        }
        let sql = "SELECT key FROM convodb.conversation WHERE ws = $1 AND by_owner = ANY($2) \
                   ORDER BY by_owner, place LIMIT $3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = Statement::new(sql).bind(self.ws).bind(streams).bind(limit);
        let rows = self.query(found).await?;
        let ids = rows.iter().map(|row| keys::conversation_of(row.get(0)));
        let ids: Vec<ConversationId> = ids.collect::<Result<_, _>>()?;
        let loaded: Vec<_> = ids.iter().copied().map(Key::Conversation).collect();
        self.load(&loaded).await?;
        let mut changes = Vec::with_capacity(ids.len());
        for id in &ids {
            if !self.reassignments(*id, &mut changes).await? {
                let message =
                    format!("the conversation {id} is not stored under the owner of its list");
                return Err(Error::corrupted(message).into());
            }
        }
        if !changes.is_empty() {
            self.apply(changes).await?;
        }
        Ok(ids)
    }

    /// Forgets the redirects of owners under which nothing is stored any longer. Exclusive.
    pub(crate) async fn forget_drained(&mut self) -> Done<()> {
        for owner in std::mem::take(&mut self.drained) {
            if !self.directory.is_redirected(owner) {
                continue;
            }
            let partitions = Partition::of_bucket(owner, &self.directory.inboxes);
            let streams: Vec<i64> = partitions.map(stream::of_partition).collect();
            let sql =
                "SELECT 1 FROM convodb.conversation WHERE ws = $1 AND by_owner = ANY($2) LIMIT 1";
            let found = Statement::new(sql).bind(self.ws).bind(streams);
            if self.query(found).await?.is_empty() {
                Arc::make_mut(&mut self.directory).forget(owner);
                self.raises_epoch = true;
            }
        }
        Ok(())
    }
}
