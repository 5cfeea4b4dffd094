//! Every read, on a snapshot or within a write transaction.

use convodb_core::{
    Assignee, AssigneeId, Channel, ConsumerName, ConsumerPosition, ContactId, Conversation,
    ConversationId, Cursor, EntityKind, Error, Event, EventSeq, Filter, Message, MessageRange,
    MessageRef, Note, Page, PagePosition, PageRequest, ProviderIdState, Result, Transcript,
};

use super::lists::{self, Start};
use super::messages::{self, End};
use super::{Resident, consumers, conversations, events, provider_ids};
use crate::kv::Read;

/// Tables, and the state that is cached in memory beside them.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a, R> {
    rows: &'a R,
    known: &'a Resident,
}

impl<'a, R: Read> Reader<'a, R> {
    pub(super) fn new(rows: &'a R, known: &'a Resident) -> Self {
        Self { rows, known }
    }

    /// Whether conversations are stored under owners that were removed.
    pub(crate) fn has_redirects(&self) -> bool {
        self.known.directory.has_redirects()
    }

    /// How many of them there are. O(owners that were removed).
    pub(crate) fn count_redirected(&self) -> Result<u64> {
        lists::count_redirected(self.known)
    }

    /// A conversation that must be there.
    pub(crate) fn conversation(&self, id: ConversationId) -> Result<Conversation> {
        self.try_conversation(id)?
            .ok_or_else(|| Error::not_found(EntityKind::Conversation, id))
    }

    fn try_conversation(&self, id: ConversationId) -> Result<Option<Conversation>> {
        conversations::read_shown(self.rows, &self.known.directory, id)
    }

    pub(crate) fn conversations(
        &self,
        ids: &[ConversationId],
    ) -> Result<Vec<Option<Conversation>>> {
        ids.iter().map(|id| self.try_conversation(*id)).collect()
    }

    /// # Errors
    ///
    /// Not found, where there is no such conversation.
    pub(crate) fn require(&self, id: ConversationId) -> Result<()> {
        self.conversation(id).map(drop)
    }

    pub(crate) fn find_conversation(
        &self,
        contact: &ContactId,
        channel: Channel,
    ) -> Result<Option<Conversation>> {
        let Some(id) = conversations::find(self.rows, channel.into(), contact)? else {
            return Ok(None);
        };
        let missing = || Error::corrupted(format!("the conversation {id} of a contact is missing"));
        self.try_conversation(id)?.ok_or_else(missing).map(Some)
    }

    pub(crate) fn transcript(&self, id: ConversationId) -> Result<Transcript> {
        let conversation = self.conversation(id)?;
        let messages = self.messages(id, &MessageRange::all(), End::Oldest, usize::MAX)?;
        Ok(Transcript::new(conversation, messages))
    }

    /// A message that must be there.
    pub(crate) fn message(&self, message: &MessageRef) -> Result<Message> {
        let (conversation, id) = match message {
            MessageRef::ProviderId {
                channel,
                provider_id,
            } => {
                let (rows, hashes) = (self.rows, self.known.hashes);
                match provider_ids::find(rows, hashes, (*channel).into(), provider_id)? {
                    Some(ProviderIdState::Message(conversation, id)) => (conversation, id),
                    Some(ProviderIdState::Tombstone) => return Err(Error::gone(provider_id)),
                    _ => return Err(Error::not_found(EntityKind::ProviderId, provider_id)),
                }
            }
            MessageRef::Id {
                conversation,
                message,
            } => (*conversation, *message),
            other => return Err(Error::corrupted(format!("{other:?} is no message"))),
        };
        messages::find(self.rows, conversation, id)?
            .ok_or_else(|| Error::not_found(EntityKind::Message, id))
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

    /// How many messages have not arrived that receipts wait for. O(these).
    pub(crate) fn count_unmatched(&self) -> Result<u64> {
        provider_ids::count_unmatched(self.rows, None)
    }

    pub(crate) fn events(&self, after: EventSeq, limit: usize) -> Result<Vec<Event>> {
        events::read(self.rows, &self.known.head, after, limit)
    }

    pub(crate) fn audit_log(&self, id: ConversationId) -> Result<Vec<Event>> {
        self.require(id)?;
        events::audit_log(self.rows, id)
    }

    pub(crate) fn consumers(&self) -> Result<Vec<ConsumerPosition>> {
        consumers::read(self.rows)
    }

    pub(crate) fn find_consumer(&self, name: &ConsumerName) -> Result<Option<EventSeq>> {
        consumers::position(self.rows, name)
    }

    /// The position of a consumer that must be there.
    pub(crate) fn consumer(&self, name: &ConsumerName) -> Result<EventSeq> {
        self.find_consumer(name)?
            .ok_or_else(|| Error::not_found(EntityKind::Consumer, name))
    }

    pub(crate) fn list(
        &self,
        filter: &Filter,
        request: &PageRequest,
    ) -> Result<Page<Conversation>> {
        let limit = request.limit();
        match request.position() {
            PagePosition::Number(number) => {
                let offset = (number - 1).saturating_mul(u64::from(limit));
                let mut page = self.page(filter, Start::Skip(offset), limit)?;
                page.number = Some(number);
                page.offset = Some(offset);
                Ok(page)
            }
            PagePosition::After(cursor) => self.page(filter, Start::After(cursor), limit),
            PagePosition::Around(id) => self.list_around(filter, id, limit),
        }
    }

    /// The rows behind a cursor, or the first.
    pub(super) fn list_from(
        &self,
        filter: &Filter,
        cursor: Option<&Cursor>,
        limit: u32,
    ) -> Result<Page<Conversation>> {
        let start = cursor.map_or(Start::Skip(0), |cursor| Start::After(*cursor));
        self.page(filter, start, limit)
    }

    fn page(&self, filter: &Filter, start: Start, limit: u32) -> Result<Page<Conversation>> {
        lists::page(self.rows, self.known, filter, start, limit)
    }

    /// The rank of a conversation in a list, and how long the list is; nothing where the filter does
    /// not select it.
    fn place(&self, id: ConversationId, filter: &Filter) -> Result<Option<(u64, u64)>> {
        filter.validate()?;
        let conversation = self.conversation(id)?;
        if !filter.selects(&conversation) {
            return Ok(None);
        }
        let place = Cursor::new(conversation.updated_at, id);
        lists::rank(self.rows, self.known, filter, place).map(Some)
    }

    pub(crate) fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>> {
        Ok(self.place(id, filter)?.map(|(rank, _)| rank))
    }

    /// Empty where the filter does not select the conversation.
    fn list_around(
        &self,
        filter: &Filter,
        id: ConversationId,
        limit: u32,
    ) -> Result<Page<Conversation>> {
        let Some((rank, total)) = self.place(id, filter)? else {
            return Ok(Page::new(Vec::new(), self.count(filter)?, None));
        };
        // At either end of the list the page is as full as elsewhere.
        let last = total.saturating_sub(u64::from(limit));
        let offset = rank.saturating_sub(u64::from(limit / 2)).min(last);
        let mut page = self.page(filter, Start::Skip(offset), limit)?;
        page.offset = Some(offset);
        Ok(page)
    }

    pub(crate) fn count(&self, filter: &Filter) -> Result<u64> {
        lists::count(self.known, filter)
    }

    /// A user or team that must be there.
    pub(crate) fn assignee(&self, id: &AssigneeId) -> Result<Assignee> {
        let known = self.known.directory.get(id).cloned();
        known.ok_or_else(|| Error::assignee_not_found(id))
    }

    pub(crate) fn assignees(&self) -> Vec<Assignee> {
        self.known.directory.iter().cloned().collect()
    }
}
