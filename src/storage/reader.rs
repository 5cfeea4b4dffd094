//! Every read, on a snapshot or within a write transaction.

use std::sync::Arc;

use convodb_core::{
    Assignee, AssigneeId, Channel, CommitSeq, ConsumerName, ConsumerPosition, ContactId,
    Conversation, ConversationId, EntityKind, Error, Event, EventSeq, Hashes, Message,
    MessageRange, MessageRef, ProviderIdState, Result, Transcript,
};

use super::conversations::Stored;
use super::idempotency::Dated;
use super::kinds::CONSUMERS;
use super::messages::{self, End};
use super::{Directory, Head, Totals, conversations, events, meta, provider_ids};
use crate::kv::Read;

/// The state that a snapshot caches in memory beside its tables. Clones share everything until one
/// of them changes it.
#[derive(Clone, Debug)]
pub(crate) struct Resident {
    pub(super) directory: Arc<Directory>,
    pub(super) totals: Arc<Totals>,
    pub(super) head: Head,
    pub(super) hashes: Hashes,
    /// The last command whose key was forgotten, since the file was opened.
    pub(super) forgotten: Option<Dated>,
}

impl Resident {
    /// O(users and teams).
    pub(super) fn read(rows: &impl Read) -> Result<Self> {
        let head = Head::read(rows)?;
        Ok(Self {
            directory: Arc::new(Directory::read(rows, head.next_owner)?),
            totals: Arc::new(Totals::read(rows, head.next_owner)?),
            head,
            hashes: Hashes::new(meta::read_seed(rows)?),
            forgotten: None,
        })
    }
}

/// Tables, and the state that is cached in memory beside them.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a, R> {
    pub(super) rows: &'a R,
    pub(super) known: &'a Resident,
}

impl<'a, R: Read> Reader<'a, R> {
    /// The commit that is read, or the one before the write transaction.
    pub(crate) fn commit_seq(&self) -> CommitSeq {
        self.known.head.commit_seq
    }

    /// Whether conversations are stored under owners that were removed.
    pub(crate) fn has_redirects(&self) -> bool {
        self.known.directory.has_redirects()
    }

    /// A conversation that must be there.
    pub(crate) fn conversation(&self, id: ConversationId) -> Result<Conversation> {
        self.try_conversation(id)?
            .ok_or_else(|| Error::not_found(EntityKind::Conversation, id))
    }

    fn try_conversation(&self, id: ConversationId) -> Result<Option<Conversation>> {
        let shown = |stored: Stored| stored.shown(&self.known.directory);
        self.stored(id)?.map(shown).transpose()
    }

    pub(crate) fn conversations(
        &self,
        ids: &[ConversationId],
    ) -> Result<Vec<Option<Conversation>>> {
        ids.iter().map(|id| self.try_conversation(*id)).collect()
    }

    /// An error where there is no such conversation.
    pub(crate) fn require(&self, id: ConversationId) -> Result<()> {
        self.conversation(id).map(drop)
    }

    pub(crate) fn find_conversation(
        &self,
        contact: &ContactId,
        channel: Channel,
    ) -> Result<Option<Conversation>> {
        let Some(id) = conversations::find(self.rows, &(channel.into(), contact.clone()))? else {
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
                let hashes = self.known.hashes;
                let key = provider_ids::key(hashes, (*channel).into(), provider_id);
                match provider_ids::find(self.rows, &key)? {
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

    pub(crate) fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
        ids.iter()
            .map(|id| {
                let last = self.messages(*id, &MessageRange::all(), End::Newest, 1)?;
                Ok(last.into_iter().next())
            })
            .collect()
    }

    /// How many messages have not arrived that receipts wait for. O(these).
    pub(crate) fn count_unmatched(&self) -> Result<u64> {
        provider_ids::count_unmatched(self.rows, None)
    }

    pub(crate) fn audit_log(&self, id: ConversationId) -> Result<Vec<Event>> {
        self.require(id)?;
        events::audit_log(self.rows, id)?.collect()
    }

    /// All consumers, by their names.
    pub(crate) fn consumers(&self) -> Result<Vec<ConsumerPosition>> {
        let rows = CONSUMERS.all(self.rows)?;
        let read = rows.map(|row| row.map(|(name, known)| ConsumerPosition::new(name, known)));
        read.collect()
    }

    pub(crate) fn find_consumer(&self, name: &ConsumerName) -> Result<Option<EventSeq>> {
        CONSUMERS.get(self.rows, name)
    }

    /// The position of a consumer that must be there.
    pub(crate) fn consumer(&self, name: &ConsumerName) -> Result<EventSeq> {
        self.find_consumer(name)?
            .ok_or_else(|| Error::not_found(EntityKind::Consumer, name))
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
