//! Reads within a transaction.

use convodb_core::{
    Assignee, AssigneeId, Channel, ConsumerPosition, ContactId, Conversation, ConversationId,
    Cursor, CursorPage, Event, Filter, Message, MessageRange, Note, Page, PageRequest, Result,
    Thread,
};

use super::Transaction;
use crate::storage::End;

/// Reads within the transaction: what was committed before, and what it wrote itself.
impl Transaction<'_> {
    /// As [`Store::list`](crate::Store::list).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn list(&self, filter: &Filter, request: PageRequest) -> Result<Page> {
        self.writer.reader().list(filter, request)
    }

    /// As [`Store::list_after`](crate::Store::list_after).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn list_after(&self, filter: &Filter, cursor: &Cursor, limit: u32) -> Result<CursorPage> {
        self.writer.reader().list_after(filter, cursor, limit)
    }

    /// As [`Store::count`](crate::Store::count).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn count(&self, filter: &Filter) -> Result<u64> {
        self.writer.reader().count(filter)
    }

    /// As [`Store::rank`](crate::Store::rank).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>> {
        self.writer.reader().rank(id, filter)
    }

    /// As [`Store::get`](crate::Store::get).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn get(&self, id: ConversationId) -> Result<Thread> {
        self.writer.reader().get(id)
    }

    /// As [`Store::conversation`](crate::Store::conversation).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn conversation(&self, id: ConversationId) -> Result<Conversation> {
        self.writer.reader().conversation(id)
    }

    /// As [`Store::find`](crate::Store::find).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn find(&self, contact: &ContactId, channel: Channel) -> Result<Option<Conversation>> {
        self.writer.reader().find(contact, channel)
    }

    /// As [`Store::messages`](crate::Store::messages), at most `limit` from the oldest on.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn messages(
        &self,
        id: ConversationId,
        range: impl Into<MessageRange>,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let reader = self.writer.reader();
        reader.state(id)?;
        reader.messages(id, &range.into(), End::Oldest, limit)
    }

    /// As [`Store::last_messages`](crate::Store::last_messages).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
        self.writer.reader().last_messages(ids)
    }

    /// As [`Store::notes`](crate::Store::notes), all at once.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn notes(&self, id: ConversationId) -> Result<Vec<Note>> {
        let reader = self.writer.reader();
        reader.state(id)?;
        reader.notes(id, None, usize::MAX)
    }

    /// As [`Store::events`](crate::Store::events).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn events(&self, after: u64, max: usize) -> Result<Vec<Event>> {
        self.writer.reader().events(after, max)
    }

    /// As [`Store::history`](crate::Store::history).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn history(&self, id: ConversationId) -> Result<Vec<Event>> {
        self.writer.reader().history(id)
    }

    /// As [`Store::consumers`](crate::Store::consumers).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn consumers(&self) -> Result<Vec<ConsumerPosition>> {
        self.writer.reader().consumers()
    }

    /// As [`Store::assignee`](crate::Store::assignee).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn assignee(&self, id: &AssigneeId) -> Result<Assignee> {
        self.writer.reader().assignee(id)
    }

    /// As [`Store::assignees`](crate::Store::assignees).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn assignees(&self) -> Result<Vec<Assignee>> {
        Ok(self.writer.reader().assignees())
    }
}
