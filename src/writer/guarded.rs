//! Commands that say what their giver saw of the conversation.

use convodb_core::decide::{self, Appending};
use convodb_core::{
    AssigneeId, Channel, Conversation, ConversationId, Message, Outcome, Provided, Reply, Result,
};

use super::Transaction;

impl Transaction<'_> {
    /// As [`Store::assign_if`](crate::Store::assign_if).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn assign_if(
        &mut self,
        id: ConversationId,
        assignee: &AssigneeId,
        expected: Option<&AssigneeId>,
    ) -> Result<Outcome<Conversation>> {
        let command = self.command(("assign_if", id, assignee, expected));
        self.once(command, |tx, now| {
            let reader = tx.writer.reader();
            let state = reader.state(id)?;
            reader.assignee(assignee)?;
            let facts = decide::assign_if(&state, assignee, expected)?;
            tx.settle(id, now, facts)
        })
    }

    /// As [`Store::resolve_if`](crate::Store::resolve_if).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn resolve_if(
        &mut self,
        id: ConversationId,
        revision: u64,
    ) -> Result<Outcome<Conversation>> {
        let command = self.command(("resolve_if", id, revision));
        self.once(command, |tx, now| {
            let state = tx.writer.reader().state(id)?;
            decide::check_revision(&state, revision)?;
            tx.settle(id, now, decide::resolve(&state))
        })
    }

    /// As [`Store::reply_if`](crate::Store::reply_if).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn reply_if(
        &mut self,
        id: ConversationId,
        revision: u64,
        reply: impl Into<Reply>,
    ) -> Result<Outcome<Message>> {
        let reply = reply.into();
        let command = self.command(("reply_if", id, revision, &reply));
        self.once(command, |tx, now| {
            let state = tx.writer.reader().state(id)?;
            let appending = Appending::replied(now, reply, &state)?;
            // A reply that is given again may have moved the revision itself, by reopening.
            if !tx.is_stored(state.channel, &appending)? {
                decide::check_revision(&state, revision)?;
            }
            let address = (state.contact_id.clone(), state.channel);
            tx.append(now, Some(&state), address, appending)
        })
    }

    /// R10: whether the message was stored before, under its provider's id.
    fn is_stored(&self, channel: Channel, appending: &Appending) -> Result<bool> {
        let Some(id) = &appending.provider_id else {
            return Ok(false);
        };
        let known = self.writer.reader().provided(channel, id)?;
        Ok(matches!(known, Provided::Stored(_)))
    }

    /// As [`Store::mark_read`](crate::Store::mark_read).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn mark_read(&mut self, id: ConversationId, seen: u64) -> Result<Outcome<Conversation>> {
        let command = self.command(("mark_read", id, seen));
        self.once(command, |tx, now| {
            let state = tx.writer.reader().state(id)?;
            let facts = decide::mark_read(&state, seen)?;
            tx.settle(id, now, facts)
        })
    }
}
