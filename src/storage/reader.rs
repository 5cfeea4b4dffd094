//! Every read, on a snapshot or within a write transaction.

use std::sync::Arc;

use convodb_core::directory::Stored;
use convodb_core::{
    Assignee, AssigneeId, CommitSeq, ConsumerName, ConsumerPosition, ContactId, Conversation,
    ConversationId, EntityKind, Error, Event, EventSeq, Hashes, ImportName, ImportProgress, Inbox,
    InboxId, InboxRef, Message, MessageRange, MessageRef, ProviderIdState, Result, TagCount, Team,
    TeamId, Transcript,
};

use super::idempotency::Dated;
use super::kinds::{COMMANDS, CONSUMERS, CONTACT_ALIASES, CONVERSATION_ALIASES, IMPORTS};
use super::messages::{self, End};
use super::{Directory, Head, Totals, conversations, directory, events, meta, provider_ids, tags};
use convodb_kv::Read;

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
    /// O(users and teams and inboxes).
    pub(super) fn read(rows: &impl Read) -> Result<Self> {
        let head = Head::read(rows)?;
        let directory = directory::read(rows, head.next_owner)?;
        let totals = Totals::read(rows, head.next_owner, &directory)?;
        Ok(Self {
            directory: Arc::new(directory),
            totals: Arc::new(totals),
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

    /// Whether conversations are stored under owners that were removed, or views are yet to be built.
    pub(crate) fn has_backlog(&self) -> bool {
        let directory = &self.known.directory;
        directory.has_redirects() || directory.views.has_work()
    }

    /// A conversation that must be there.
    pub(crate) fn conversation(&self, id: ConversationId) -> Result<Conversation> {
        self.try_conversation(id)?
            .ok_or_else(|| Error::not_found(EntityKind::Conversation, id))
    }

    fn try_conversation(&self, id: ConversationId) -> Result<Option<Conversation>> {
        let mut stored = self.stored(id)?;
        if stored.is_none()
            && let Some(other) = CONVERSATION_ALIASES.get(self.rows, &id)?
        {
            stored = self.stored(other)?;
        }
        let shown = |stored: Stored| stored.shown(&self.known.directory);
        Ok(stored.map(shown).transpose()?.map(Conversation::shown))
    }

    pub(crate) fn conversations(
        &self,
        ids: &[ConversationId],
    ) -> Result<Vec<Option<Conversation>>> {
        ids.iter().map(|id| self.try_conversation(*id)).collect()
    }

    /// The id of the conversation that is meant, which must be there.
    pub(crate) fn require(&self, id: ConversationId) -> Result<ConversationId> {
        self.conversation(id).map(|conversation| conversation.id)
    }

    pub(crate) fn find_conversation(
        &self,
        contact: &ContactId,
        inbox: &InboxRef,
    ) -> Result<Option<Conversation>> {
        let Some(inbox) = self.known.directory.inboxes.number(inbox) else {
            return Ok(None);
        };
        let find = |contact: &ContactId| conversations::find(self.rows, &(contact.clone(), inbox));
        let found = match find(contact)? {
            None => find(&self.contact_meant(contact)?)?,
            found => found,
        };
        let Some(id) = found else {
            return Ok(None);
        };
        let missing = || Error::corrupted(format!("the conversation {id} of a contact is missing"));
        self.try_conversation(id)?.ok_or_else(missing).map(Some)
    }

    /// The contact that an id means: where it was merged, the one that it was merged into.
    pub(super) fn contact_meant(&self, id: &ContactId) -> Result<ContactId> {
        let other = CONTACT_ALIASES.get(self.rows, id)?;
        Ok(other.unwrap_or_else(|| id.clone()))
    }

    pub(crate) fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>> {
        let mut ids = conversations::of_contact(self.rows, contact)?;
        if ids.is_empty() {
            ids = conversations::of_contact(self.rows, &self.contact_meant(contact)?)?;
        }
        ids.into_iter().map(|id| self.conversation(id)).collect()
    }

    pub(crate) fn transcript(&self, id: ConversationId) -> Result<Transcript> {
        let conversation = self.conversation(id)?;
        let all = MessageRange::all();
        let messages = self.stored_messages(conversation.id, &all, End::Oldest, usize::MAX)?;
        let messages = self.shown(Some(&conversation), messages)?;
        Ok(Transcript::new(conversation, messages))
    }

    /// At most `limit` messages of a range, from either end, in the order of reading.
    pub(crate) fn messages(
        &self,
        conversation: ConversationId,
        range: &MessageRange,
        from: End,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let messages = self.stored_messages(conversation, range, from, limit)?;
        self.shown(None, messages)
    }

    /// Messages of one conversation as they are read: with what follows from other records.
    fn shown(
        &self,
        conversation: Option<&Conversation>,
        mut messages: Vec<Message>,
    ) -> Result<Vec<Message>> {
        let loaded;
        let needs_conversation =
            |message: &Message| message.is_under_way() || message.answers_by_provider_id();
        let conversation = match messages.iter().find(|message| needs_conversation(message)) {
            Some(message) if conversation.is_none() => {
                loaded = self.stored(message.conversation_id)?;
                loaded.as_ref().map(|stored| &stored.conversation)
            }
            _ => conversation,
        };
        for message in &mut messages {
            if let Some(conversation) = conversation {
                message.follow(conversation);
            }
            self.complete(message, conversation)?;
        }
        Ok(messages)
    }

    /// Gives a message its author's present name, and the message that it answers.
    fn complete(&self, message: &mut Message, conversation: Option<&Conversation>) -> Result<()> {
        let of = message.conversation_id;
        let Some(extras) = &mut message.extras else {
            return Ok(());
        };
        let reactors = extras.reactions.iter_mut().map(|reaction| &mut reaction.by);
        for author in extras.author.iter_mut().chain(reactors) {
            if let Some(user) = author.user_id() {
                let known = self.known.directory.get(&AssigneeId::User(user));
                author.name = known.map(|known| known.name.to_string());
            }
        }
        if let Some(reference) = &mut extras.reply_to {
            let found = match (&reference.message_id, &reference.provider_id) {
                (Some(id), _) => messages::find(self.rows, of, *id)?.map(|message| message.id),
                (None, Some(id)) => {
                    let inboxes = &self.known.directory.inboxes;
                    let inbox = conversation.map(|it| inboxes.number_of(it)).transpose()?;
                    let key = inbox.map(|inbox| provider_ids::key(self.known.hashes, inbox, id));
                    let known = key
                        .map(|key| provider_ids::find(self.rows, &key))
                        .transpose()?;
                    match known.flatten() {
                        // One of another conversation is never shown.
                        Some(ProviderIdState::Message(home, id)) if home == of => Some(id),
                        _ => None,
                    }
                }
                (None, None) => None,
            };
            reference.message_id = found;
        }
        Ok(())
    }

    /// A message that must be there.
    pub(crate) fn message(&self, message: &MessageRef) -> Result<Message> {
        let (conversation, id) = match message {
            MessageRef::Id {
                conversation,
                message,
            } => (*conversation, *message),
            foreign => {
                let Some((inbox, id)) = foreign.foreign_id() else {
                    return Err(Error::corrupted(format!("{foreign:?} is no message")));
                };
                let Some(inbox) = self.known.directory.inboxes.number(inbox) else {
                    return Err(Error::not_found(EntityKind::Inbox, inbox));
                };
                let key = provider_ids::key(self.known.hashes, inbox, &id);
                match provider_ids::find(self.rows, &key)? {
                    Some(ProviderIdState::Message(conversation, id)) => (conversation, id),
                    Some(ProviderIdState::Tombstone) => return Err(Error::gone(&id)),
                    _ => return Err(Error::not_found(EntityKind::ProviderId, id.shown())),
                }
            }
        };
        let mut found = messages::find(self.rows, conversation, id)?;
        if found.is_none()
            && let Some(other) = CONVERSATION_ALIASES.get(self.rows, &conversation)?
        {
            found = messages::find(self.rows, other, id)?;
        }
        let found = found.ok_or_else(|| Error::not_found(EntityKind::Message, id))?;
        let mut shown = self.shown(None, vec![found])?;
        shown
            .pop()
            .ok_or_else(|| Error::not_found(EntityKind::Message, id))
    }

    pub(crate) fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
        let last = |id: ConversationId| {
            let last = self.messages(id, &MessageRange::all(), End::Newest, 1)?;
            Ok(last.into_iter().next())
        };
        let of_each = ids.iter().map(|id| match last(*id)? {
            Some(message) => Ok(Some(message)),
            None => match CONVERSATION_ALIASES.get(self.rows, id)? {
                Some(other) => last(other),
                None => Ok(None),
            },
        });
        of_each.collect()
    }

    /// How many messages have not arrived that receipts wait for. O(these).
    pub(crate) fn count_unmatched(&self) -> Result<u64> {
        provider_ids::count_unmatched(self.rows, None)
    }

    /// How many records of idempotency keys there are. O(these).
    pub(crate) fn count_keys(&self) -> Result<u64> {
        let mut rows = COMMANDS.range(self.rows, &())?;
        rows.try_fold(0, |count, row| row.map(|_| count + 1))
    }

    pub(crate) fn audit_log(&self, id: ConversationId) -> Result<Vec<Event>> {
        events::audit_log(self.rows, self.require(id)?)?.collect()
    }

    /// All consumers, by their names.
    pub(crate) fn consumers(&self) -> Result<Vec<ConsumerPosition>> {
        let rows = CONSUMERS.all(self.rows)?;
        let read = rows.map(|row| row.map(|(name, known)| ConsumerPosition::new(name, known)));
        read.collect()
    }

    /// How far a named import has come, if it has begun.
    pub(crate) fn import_progress(&self, name: &ImportName) -> Result<Option<ImportProgress>> {
        IMPORTS.get(self.rows, name)
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

    /// A team that must be there, with its members.
    pub(crate) fn team(&self, id: &TeamId) -> Result<Team> {
        let known = self.assignee(&id.into())?;
        let members = self.known.directory.members_of(id);
        Ok(Team::new(id, &known.name, members))
    }

    /// An inbox that must be there.
    pub(crate) fn inbox(&self, id: &InboxId) -> Result<Inbox> {
        let known = self.known.directory.inboxes.get(id).cloned();
        known.ok_or_else(|| Error::not_found(EntityKind::Inbox, id))
    }

    pub(crate) fn inboxes(&self) -> Vec<Inbox> {
        self.known.directory.inboxes.iter().cloned().collect()
    }

    pub(crate) fn tags(&self) -> Result<Vec<TagCount>> {
        tags::all(self.rows)
    }

    pub(crate) fn assignees(&self) -> Vec<Assignee> {
        self.known.directory.iter().cloned().collect()
    }
}
