//! Every read, on a view or within a write transaction.

use chrono::{DateTime, Utc};
use convodb_core::{
    Assignee, AssigneeId, Channel, ConsumerName, ConsumerPosition, ContactId, Conversation,
    ConversationId, ConversationState, Cursor, CursorPage, Done, Error, Event, Filter, Hashes,
    IdempotencyKey, Message, MessageId, MessageRange, Note, NoteId, Page, PageRequest, Provided,
    ProviderId, Rejection, Result, Succession, Thread, Window,
};

use super::lists::{self, Start};
use super::messages::{self, End};
use super::{Directory, Resident, commands, consumers, conversations, events, provider_ids};
use crate::kv::Read;

/// Tables, and what is held in memory beside them.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a, R> {
    rows: &'a R,
    known: &'a Resident,
}

impl<'a, R: Read> Reader<'a, R> {
    pub(super) fn new(rows: &'a R, known: &'a Resident) -> Self {
        Self { rows, known }
    }

    /// The state of a conversation that must be there.
    pub(crate) fn state(&self, id: ConversationId) -> Result<ConversationState> {
        self.find_state(id)?
            .ok_or_else(|| Rejection::not_found("conversation", id).into())
    }

    /// The conversation with the greatest id. O(1).
    pub(crate) fn greatest_conversation(&self) -> Result<Option<ConversationId>> {
        conversations::greatest(self.rows)
    }

    pub(crate) fn find_state(&self, id: ConversationId) -> Result<Option<ConversationState>> {
        conversations::read_state(self.rows, &self.known.directory, id)
    }

    /// Whether conversations are filed with somebody who was removed (R11).
    pub(crate) fn has_misfiled(&self) -> bool {
        self.known.directory.has_moved()
    }

    /// How many of them there are. O(those who were removed).
    pub(crate) fn count_misfiled(&self) -> Result<u64> {
        lists::count_misfiled(self.known)
    }

    /// Some of them, at most so many.
    pub(crate) fn misfiled(&self, most: usize) -> Result<Vec<ConversationId>> {
        lists::misfiled(self.rows, self.known, most)
    }

    /// The takeovers that a conversation is not filed by yet, in their order.
    pub(crate) fn successions(&self, id: ConversationId) -> Result<Vec<Succession>> {
        match conversations::read(self.rows, &self.known.directory, id)? {
            Some(filed) => self.known.directory.successions(filed.bucket),
            None => Ok(Vec::new()),
        }
    }

    /// The state of the conversation of a contact and channel (R1).
    pub(crate) fn thread_state(
        &self,
        contact: &ContactId,
        channel: Channel,
    ) -> Result<Option<ConversationState>> {
        self.of_thread(contact, channel, conversations::read_state)
    }

    /// What there is of the conversation of a contact and channel, if there is one.
    fn of_thread<T>(
        &self,
        contact: &ContactId,
        channel: Channel,
        read: impl FnOnce(&R, &Directory, ConversationId) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let Some(id) = conversations::find(self.rows, contact, channel)? else {
            return Ok(None);
        };
        let found = read(self.rows, &self.known.directory, id)?;
        if found.is_none() {
            return Err(Error::corrupted(format!(
                "the conversation {id} of a thread is missing"
            )));
        }
        Ok(found)
    }

    /// A conversation that must be there.
    pub(crate) fn conversation(&self, id: ConversationId) -> Result<Conversation> {
        conversations::read_shown(self.rows, &self.known.directory, id)?
            .ok_or_else(|| Rejection::not_found("conversation", id).into())
    }

    pub(crate) fn get(&self, id: ConversationId) -> Result<Thread> {
        let conversation = self.conversation(id)?;
        let messages = self.messages(id, &MessageRange::all(), End::Oldest, usize::MAX)?;
        Ok(Thread::new(conversation, messages))
    }

    pub(crate) fn find(
        &self,
        contact: &ContactId,
        channel: Channel,
    ) -> Result<Option<Conversation>> {
        self.of_thread(contact, channel, conversations::read_shown)
    }

    /// A message that must be there.
    pub(crate) fn message(&self, conversation: ConversationId, id: MessageId) -> Result<Message> {
        self.find_message(conversation, id)?
            .ok_or_else(|| Rejection::not_found("message", id).into())
    }

    pub(crate) fn find_message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>> {
        messages::find(self.rows, conversation, id)
    }

    /// What is known of a provider's id (R10).
    pub(crate) fn provided(&self, channel: Channel, id: &ProviderId) -> Result<Provided> {
        provider_ids::find(self.rows, self.known.hashes, channel, id)
    }

    /// What the command with this key did, if it is still known.
    pub(crate) fn done(&self, key: &IdempotencyKey) -> Result<Option<Done>> {
        commands::find(self.rows, self.known.hashes, key)
    }

    /// How many commands with keys were done before a time. O(these).
    pub(crate) fn count_done(&self, before: DateTime<Utc>) -> Result<u64> {
        let mut older = commands::older(self.rows, self.known.forgotten.as_ref(), before)?;
        older.try_fold(0, |count, row| row.map(|_| count + 1))
    }

    /// The keyed hashes of the file.
    pub(crate) fn hashes(&self) -> Hashes {
        self.known.hashes
    }

    /// How many messages receipts wait for, and how many since before a time. O(parked).
    pub(crate) fn count_parked(&self, before: DateTime<Utc>) -> Result<(u64, u64)> {
        provider_ids::count_parked(self.rows, before)
    }

    pub(crate) fn messages(
        &self,
        id: ConversationId,
        range: &MessageRange,
        from: End,
        limit: usize,
    ) -> Result<Vec<Message>> {
        messages::read(self.rows, id, range, from, limit)
    }

    pub(crate) fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
        ids.iter()
            .map(|id| {
                let last = self.messages(*id, &MessageRange::all(), End::Newest, 1)?;
                Ok(last.into_iter().next())
            })
            .collect()
    }

    pub(crate) fn notes(
        &self,
        id: ConversationId,
        after: Option<&Note>,
        limit: usize,
    ) -> Result<Vec<Note>> {
        messages::read_notes(self.rows, id, after, limit)
    }

    /// A note that must be there.
    pub(crate) fn note(
        &self,
        conversation: ConversationId,
        created_at: DateTime<Utc>,
        id: NoteId,
    ) -> Result<Note> {
        messages::find_note(self.rows, conversation, created_at, id)?
            .ok_or_else(|| Rejection::not_found("note", id).into())
    }

    pub(crate) fn events(&self, after: u64, max: usize) -> Result<Vec<Event>> {
        events::read(self.rows, &self.known.head, after, max)
    }

    /// The first event that is not older than a time. O(log events).
    pub(crate) fn first_event_since(&self, at: DateTime<Utc>) -> Result<u64> {
        events::first_since(self.rows, &self.known.head, at)
    }

    pub(crate) fn history(&self, id: ConversationId) -> Result<Vec<Event>> {
        self.state(id)?;
        events::history(self.rows, id)
    }

    pub(crate) fn consumers(&self) -> Result<Vec<ConsumerPosition>> {
        consumers::read(self.rows)
    }

    pub(crate) fn find_consumer(&self, name: &ConsumerName) -> Result<Option<u64>> {
        consumers::position(self.rows, name)
    }

    /// The position of a consumer that must be there.
    pub(crate) fn consumer(&self, name: &ConsumerName) -> Result<u64> {
        self.find_consumer(name)?
            .ok_or_else(|| Rejection::not_found("consumer", name).into())
    }

    pub(crate) fn list(&self, filter: &Filter, request: PageRequest) -> Result<Page> {
        let start = Start::Skip(request.skip());
        lists::page(self.rows, self.known, filter, start, request.limit())
            .map(|rows| Page::new(request.page(), rows))
    }

    /// The first rows of a list, with the cursor behind them.
    pub(crate) fn list_first(&self, filter: &Filter, limit: u32) -> Result<CursorPage> {
        convodb_core::check_limit(limit)?;
        lists::page(self.rows, self.known, filter, Start::Skip(0), limit)
    }

    pub(crate) fn list_after(
        &self,
        filter: &Filter,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<CursorPage> {
        convodb_core::check_limit(limit)?;
        let start = Start::After(*cursor);
        lists::page(self.rows, self.known, filter, start, limit)
    }

    /// Where a conversation stands in a list, and how long the list is; nothing where the filter
    /// does not select it.
    fn standing(&self, id: ConversationId, filter: &Filter) -> Result<Option<(u64, u64)>> {
        filter.validate()?;
        let state = self.state(id)?;
        if !filter.selects(&state) {
            return Ok(None);
        }
        let place = Cursor::new(state.updated_at, id);
        lists::rank(self.rows, self.known, filter, place).map(Some)
    }

    pub(crate) fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>> {
        Ok(self.standing(id, filter)?.map(|(rank, _)| rank))
    }

    pub(crate) fn list_around(
        &self,
        id: ConversationId,
        filter: &Filter,
        limit: u32,
    ) -> Result<Option<Window>> {
        convodb_core::check_limit(limit)?;
        let Some((rank, total)) = self.standing(id, filter)? else {
            return Ok(None);
        };
        // At either end of the list the window is as full as elsewhere.
        let last = total.saturating_sub(u64::from(limit));
        let offset = rank.saturating_sub(u64::from(limit / 2)).min(last);
        let start = Start::Skip(offset);
        lists::page(self.rows, self.known, filter, start, limit)
            .map(|rows| Some(Window::new(offset, rows)))
    }

    pub(crate) fn count(&self, filter: &Filter) -> Result<u64> {
        lists::count(self.known, filter)
    }

    pub(crate) fn find_assignee(&self, id: &AssigneeId) -> Option<&'a Assignee> {
        self.known.directory.get(id)
    }

    /// A user or team that must be there.
    pub(crate) fn assignee(&self, id: &AssigneeId) -> Result<Assignee> {
        let what = match id {
            AssigneeId::User(_) => "user",
            AssigneeId::Team(_) => "team",
        };
        self.find_assignee(id)
            .cloned()
            .ok_or_else(|| Rejection::not_found(what, id).into())
    }

    pub(crate) fn assignees(&self) -> Vec<Assignee> {
        self.known.directory.iter().cloned().collect()
    }
}

impl<R> std::fmt::Debug for Reader<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}
