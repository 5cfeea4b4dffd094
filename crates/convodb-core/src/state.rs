//! The identity map of a unit of work: each entity that was loaded, once, with what became of it.

use std::collections::BTreeMap;
use std::ops::RangeBounds;

use chrono::{DateTime, Utc};

use crate::command::require_conversations;
use crate::{
    Answer, Assignee, AssigneeId, Channel, ConsumerName, Contact, ContactId, Conversation,
    ConversationId, EntityKind, Error, EventSeq, Halt, IdempotencyKey, IdempotencyRecord, Identity,
    ImportName, ImportProgress, Inbox, InboxId, InboxRef, Key, Message, MessageId, Note, NoteId,
    ProviderId, ProviderIdState, Query, TeamId, UserId, View, ViewId,
};

/// What commands are decided on, and what changes are applied to.
///
/// A backend inserts what was asked for, `decide` reads it, `evolve` changes it, and the backend
/// writes the differences. Nothing here loads anything: what is not there is [`Halt::Missing`].
#[derive(Debug, Default)]
pub struct State {
    pub conversations: Entities<ConversationId, Conversation>,
    pub threads: Entities<(InboxRef, ContactId), ConversationId>,
    pub messages: Entities<(ConversationId, MessageId), Message>,
    pub notes: Entities<(ConversationId, DateTime<Utc>, NoteId), Note>,
    pub provider_ids: Entities<(InboxRef, ProviderId), ProviderIdState>,
    pub assignees: Entities<AssigneeId, Assignee>,
    /// The members of teams, where there are any.
    pub members: Entities<TeamId, Vec<UserId>>,
    pub inboxes: Entities<InboxId, Inbox>,
    pub views: Entities<ViewId, View>,
    pub idempotency: Entities<IdempotencyKey, IdempotencyRecord>,
    pub consumers: Entities<ConsumerName, EventSeq>,
    pub imports: Entities<ImportName, ImportProgress>,
    pub contacts: Entities<ContactId, Contact>,
    pub identities: Entities<Identity, ContactId>,
    /// Contacts that were merged, and what they were merged into. Loaded with a contact that is not there.
    pub contact_aliases: Entities<ContactId, ContactId>,
    /// The same of conversations.
    pub conversation_aliases: Entities<ConversationId, ConversationId>,
    answers: Vec<(Query, Answer)>,
}

impl State {
    /// The conversation that an id means: where it was merged, the one that it was merged into.
    pub fn conversation(&self, id: ConversationId) -> Result<Option<&Conversation>, Halt> {
        match self.conversations.get(&id) {
            None => Err(Halt::missing(Key::Conversation(id))),
            Some(Some(known)) => Ok(Some(known)),
            Some(None) => match self.conversation_aliases.get(&id).flatten() {
                Some(other) => self.conversation(*other),
                None => Ok(None),
            },
        }
    }

    pub fn require_conversation(&self, id: ConversationId) -> Result<&Conversation, Halt> {
        let known = self.conversation(id)?;
        known.ok_or_else(|| Error::not_found(EntityKind::Conversation, id).into())
    }

    pub fn thread(
        &self,
        inbox: &InboxRef,
        contact: &ContactId,
    ) -> Result<Option<&Conversation>, Halt> {
        let known = self.threads.get(&(inbox.clone(), contact.clone()));
        let missing = || Halt::missing(Key::Thread(inbox.clone(), contact.clone()));
        let id = known.ok_or_else(missing)?;
        id.map(|id| self.require_conversation(*id)).transpose()
    }

    /// The conversations of a contact, each of which is loaded.
    pub fn conversations_of(&self, contact: &ContactId) -> Result<Vec<ConversationId>, Halt> {
        let ids = self.ids(&Query::Threads(contact.clone()))?;
        require_conversations(self, ids.iter().copied())?;
        Ok(ids.to_vec())
    }

    /// The contact that an id means, and its conversation in an inbox.
    pub fn thread_of<'a>(
        &'a self,
        inbox: &InboxRef,
        contact: &'a ContactId,
    ) -> Result<(&'a ContactId, Option<&'a Conversation>), Halt> {
        if let Some(known) = self.thread(inbox, contact)? {
            return Ok((contact, Some(known)));
        }
        let meant = self.contact_meant(contact)?;
        let known = match meant == contact {
            true => None,
            false => self.thread(inbox, meant)?,
        };
        Ok((meant, known))
    }

    pub fn message(&self, of: ConversationId, id: MessageId) -> Result<Option<&Message>, Halt> {
        let known = self.messages.get(&(of, id));
        known.ok_or_else(|| Halt::missing(Key::Message(of, id)))
    }

    pub fn require_message(&self, of: ConversationId, id: MessageId) -> Result<&Message, Halt> {
        if let Some(known) = self.message(of, id)? {
            return Ok(known);
        }
        // Where its conversation was merged, the other one has it.
        match self.conversation(of)? {
            Some(other) if other.id != of => self.require_message(other.id, id),
            _ => Err(Error::not_found(EntityKind::Message, id).into()),
        }
    }

    pub fn note(
        &self,
        of: ConversationId,
        at: DateTime<Utc>,
        id: NoteId,
    ) -> Result<Option<&Note>, Halt> {
        let known = self.notes.get(&(of, at, id));
        known.ok_or_else(|| Halt::missing(Key::Note(of, at, id)))
    }

    pub fn provider_id(
        &self,
        inbox: &InboxRef,
        id: &ProviderId,
    ) -> Result<Option<&ProviderIdState>, Halt> {
        let known = self.provider_ids.get(&(inbox.clone(), id.clone()));
        known.ok_or_else(|| Halt::missing(Key::ProviderId(inbox.clone(), id.clone())))
    }

    pub fn view(&self, id: &ViewId) -> Result<Option<&View>, Halt> {
        let known = self.views.get(id);
        known.ok_or_else(|| Halt::missing(Key::View(id.clone())))
    }

    pub fn require_view(&self, id: &ViewId) -> Result<&View, Halt> {
        let known = self.view(id)?;
        known.ok_or_else(|| Error::not_found(EntityKind::View, id).into())
    }

    pub fn inbox(&self, id: &InboxId) -> Result<Option<&Inbox>, Halt> {
        let known = self.inboxes.get(id);
        known.ok_or_else(|| Halt::missing(Key::Inbox(id.clone())))
    }

    /// The channel of an inbox that must be there.
    pub fn channel(&self, inbox: &InboxRef) -> Result<Channel, Halt> {
        match inbox {
            InboxRef::Channel(channel) => Ok(*channel),
            InboxRef::Inbox(id) => match self.inbox(id)? {
                Some(inbox) => Ok(inbox.channel),
                None => Err(Error::not_found(EntityKind::Inbox, id).into()),
            },
        }
    }

    pub fn assignee(&self, id: &AssigneeId) -> Result<Option<&Assignee>, Halt> {
        let known = self.assignees.get(id);
        known.ok_or_else(|| Halt::missing(Key::Assignee(id.clone())))
    }

    /// The members of a team, by their ids: none where there is no such team.
    pub fn members_of(&self, team: &TeamId) -> Result<&[UserId], Halt> {
        let known = self.members.get(team);
        let known = known.ok_or_else(|| Halt::missing(Key::Members(team.clone())))?;
        Ok(known.map_or(&[], Vec::as_slice))
    }

    pub fn require_assignee(&self, id: &AssigneeId) -> Result<&Assignee, Halt> {
        let known = self.assignee(id)?;
        known.ok_or_else(|| Error::assignee_not_found(id).into())
    }

    pub fn idempotency(&self, key: &IdempotencyKey) -> Result<Option<&IdempotencyRecord>, Halt> {
        let known = self.idempotency.get(key);
        known.ok_or_else(|| Halt::missing(Key::Idempotency(key.clone())))
    }

    pub fn consumer(&self, name: &ConsumerName) -> Result<Option<EventSeq>, Halt> {
        let known = self.consumers.get(name).map(|known| known.copied());
        known.ok_or_else(|| Halt::missing(Key::Consumer(name.clone())))
    }

    pub fn import(&self, name: &ImportName) -> Result<Option<ImportProgress>, Halt> {
        let known = self.imports.get(name).map(|known| known.copied());
        known.ok_or_else(|| Halt::missing(Key::Import(name.clone())))
    }

    pub fn require_consumer(&self, name: &ConsumerName) -> Result<EventSeq, Halt> {
        let known = self.consumer(name)?;
        known.ok_or_else(|| Error::not_found(EntityKind::Consumer, name).into())
    }

    pub fn contact(&self, id: &ContactId) -> Result<Option<&Contact>, Halt> {
        let known = self.contacts.get(id);
        known.ok_or_else(|| Halt::missing(Key::Contact(id.clone())))
    }

    /// The contact that an id means: where it was merged, the one that it was merged into.
    pub fn contact_meant<'a>(&'a self, id: &'a ContactId) -> Result<&'a ContactId, Halt> {
        let mut meant = id;
        if self.contact(id)?.is_none() {
            while let Some(other) = self.contact_aliases.get(meant).flatten() {
                meant = other;
            }
        }
        Ok(meant)
    }

    pub fn require_contact(&self, id: &ContactId) -> Result<&Contact, Halt> {
        let known = self.contact(self.contact_meant(id)?)?;
        known.ok_or_else(|| Error::not_found(EntityKind::Contact, id).into())
    }

    pub fn identity(&self, identity: &Identity) -> Result<Option<&ContactId>, Halt> {
        let known = self.identities.get(identity);
        known.ok_or_else(|| Halt::missing(Key::Identity(identity.clone())))
    }

    pub fn answer(&self, query: &Query) -> Result<&Answer, Halt> {
        let mut answers = self.answers.iter();
        match answers.find(|(asked, _)| asked == query) {
            Some((_, answer)) => Ok(answer),
            None => Err(Halt::missing(Key::Query(query.clone()))),
        }
    }

    pub fn ids(&self, query: &Query) -> Result<&[ConversationId], Halt> {
        match self.answer(query)? {
            Answer::Conversations(ids) => Ok(ids),
            other => Err(Error::corrupted(format!("{query:?} was answered {other:?}")).into()),
        }
    }

    pub fn number(&self, query: &Query) -> Result<u64, Halt> {
        match self.answer(query)? {
            Answer::Number(number) => Ok(*number),
            other => Err(Error::corrupted(format!("{query:?} was answered {other:?}")).into()),
        }
    }

    /// Keeps an answer until the command is done.
    pub fn insert_answer(&mut self, query: Query, answer: Answer) {
        self.answers.push((query, answer));
    }

    pub fn contains(&self, key: &Key) -> bool {
        match key {
            Key::Conversation(id) => self.conversations.contains(id),
            Key::Thread(inbox, contact) => self.threads.contains(&(inbox.clone(), contact.clone())),
            Key::Message(of, id) => self.messages.contains(&(*of, *id)),
            Key::Note(of, at, id) => self.notes.contains(&(*of, *at, *id)),
            Key::ProviderId(inbox, id) => self.provider_ids.contains(&(inbox.clone(), id.clone())),
            Key::Assignee(id) => self.assignees.contains(id),
            Key::Members(team) => self.members.contains(team),
            Key::Inbox(id) => self.inboxes.contains(id),
            Key::View(id) => self.views.contains(id),
            Key::Idempotency(key) => self.idempotency.contains(key),
            Key::Consumer(name) => self.consumers.contains(name),
            Key::Import(name) => self.imports.contains(name),
            Key::Contact(id) => self.contacts.contains(id),
            Key::Identity(identity) => self.identities.contains(identity),
            Key::Query(query) => self.answers.iter().any(|(asked, _)| asked == query),
        }
    }

    /// Forgets the answers, when a command is done: they are not true for the next one.
    pub fn forget_answers(&mut self) {
        self.answers.clear();
    }

    /// How many entities were loaded.
    pub fn size(&self) -> usize {
        self.conversations.entries.len()
            + self.threads.entries.len()
            + self.messages.entries.len()
            + self.notes.entries.len()
            + self.provider_ids.entries.len()
            + self.assignees.entries.len()
            + self.members.entries.len()
            + self.inboxes.entries.len()
            + self.views.entries.len()
            + self.idempotency.entries.len()
            + self.consumers.entries.len()
            + self.imports.entries.len()
            + self.contacts.entries.len()
            + self.identities.entries.len()
            + self.contact_aliases.entries.len()
            + self.conversation_aliases.entries.len()
    }
}

/// The loaded entities of one kind.
#[derive(Debug)]
pub struct Entities<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    /// In the order of their first changes, so that what is written is deterministic.
    changed: Vec<K>,
}

#[derive(Debug)]
struct Entry<V> {
    current: Option<V>,
    /// As it is stored, where that differs from `current`.
    stored: Option<Option<V>>,
    is_changed: bool,
}

/// An entity as it is stored, and as it has become. `None`: there is none.
#[derive(Debug)]
pub struct Difference<K, V> {
    pub key: K,
    pub before: Option<V>,
    pub after: Option<V>,
}

impl<K, V> Default for Entities<K, V> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            changed: Vec::new(),
        }
    }
}

impl<K: Ord + Clone, V: Clone> Entities<K, V> {
    /// Takes in what a backend loaded. An entity that is loaded already stays as it is.
    pub fn insert(&mut self, key: K, entity: Option<V>) {
        self.entries.entry(key).or_insert(Entry {
            current: entity,
            stored: None,
            is_changed: false,
        });
    }

    /// Takes in an entity that is stored otherwise than commands are to see it.
    pub fn insert_as(&mut self, key: K, stored: V, current: V) {
        self.entries.entry(key).or_insert(Entry {
            current: Some(current),
            stored: Some(Some(stored)),
            is_changed: false,
        });
    }

    /// Shows an entity as it is stored, before the changes that make of it what commands saw.
    pub fn show_stored(&mut self, key: &K) {
        if let Some(entry) = self.entries.get_mut(key)
            && let Some(stored) = &entry.stored
            && !entry.is_changed
        {
            entry.current.clone_from(stored);
        }
    }

    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// `None` where it was not loaded; `Some(None)` where there is none.
    pub fn get(&self, key: &K) -> Option<Option<&V>> {
        self.entries.get(key).map(|entry| entry.current.as_ref())
    }

    /// Those of a range of keys that are loaded and there.
    pub fn range(&self, keys: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = &V> {
        self.entries
            .range(keys)
            .filter_map(|(_, entry)| entry.current.as_ref())
    }

    /// Makes an entity what it is from now on. One that was not loaded is a new one.
    pub fn put(&mut self, key: K, entity: Option<V>) {
        *self.change(key) = entity;
    }

    /// Changes an entity that is there. Whether it is.
    pub fn update(&mut self, key: &K, change: impl FnOnce(&mut V)) -> bool {
        if !self.entries.contains_key(key) {
            return false;
        }
        let entity = self.change(key.clone());
        entity.as_mut().map(change).is_some()
    }

    fn change(&mut self, key: K) -> &mut Option<V> {
        let entry = self.entries.entry(key.clone()).or_insert(Entry {
            current: None,
            stored: Some(None),
            is_changed: false,
        });
        if !entry.is_changed {
            entry.is_changed = true;
            entry.stored.get_or_insert_with(|| entry.current.clone());
            self.changed.push(key);
        }
        &mut entry.current
    }

    /// What has to be written, in the order of the first changes. It counts as written then.
    pub fn take_differences(&mut self) -> Vec<Difference<K, V>> {
        let changed = std::mem::take(&mut self.changed);
        let difference = |key: K| {
            let entry = self.entries.get_mut(&key)?;
            entry.is_changed = false;
            Some(Difference {
                before: entry.stored.take().flatten(),
                after: entry.current.clone(),
                key,
            })
        };
        changed.into_iter().filter_map(difference).collect()
    }
}
