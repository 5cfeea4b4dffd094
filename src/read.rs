//! The queries.
//!
//! Invariant: each query is written once, and reads one commit.

mod iterators;

use std::collections::VecDeque;
use std::sync::Arc;

use convodb_core::{
    Assignee, AssigneeId, CommitSeq, ConsumerPosition, Contact, ContactFilter, ContactId,
    Conversation, ConversationId, EntityKind, Error, Event, EventSeq, Filter, ImportName,
    ImportProgress, Inbox, InboxId, InboxRef, Message, MessageRange, MessageRef, Page, PageRequest,
    Result, TagCount, Team, TeamId, Transcript, UserId, View, ViewId,
};

pub use iterators::{Messages, Notes};

use crate::executor::Lease;
use crate::snapshot::Snapshot;
use crate::storage::{End, Reader};
use crate::store::Store;
use crate::transaction::Transaction;
use convodb_kv::{self as kv, ReadTables, WriteTables};

/// What every query is written on. It is private, which seals [`Read`].
pub(crate) trait Source {
    type Tables: kv::Read;

    /// Runs a query on one commit, or on that and the writes of a transaction.
    fn query<T>(&self, query: impl Fn(&Reader<'_, Self::Tables>) -> Result<T>) -> Result<T>;

    /// A lease for a query that goes on after the call. A transaction has none.
    fn lease(&self) -> Result<Option<Arc<Lease>>>;

    /// For the rows of a conversation: its own id, and a lease to read them under, or all of them.
    fn rows<T>(
        &self,
        id: ConversationId,
        all: impl Fn(&Reader<'_, Self::Tables>, ConversationId) -> Result<Vec<T>>,
    ) -> Result<(ConversationId, Option<Arc<Lease>>, Vec<T>)> {
        // A query opens pages anew that met damage, a lease ends with them: so it is taken behind one.
        let id = self.query(|reader| reader.require(id))?;
        let lease = self.lease()?;
        let held = match &lease {
            Some(lease) => lease.read(|_| Ok(Vec::new()))?,
            None => self.query(|reader| all(reader, id))?,
        };
        Ok((id, lease, held))
    }
}

/// The queries. A [`Store`] reads the latest commit, a [`Snapshot`] its own, and a [`Transaction`] the
/// commit before it with its own writes.
///
/// A query never waits for a writer. The trait is sealed; [`prelude`](crate::prelude) imports it.
///
/// # Errors
///
/// Every query can return:
///
/// - [`NotFound`](crate::ErrorKind::NotFound), if a conversation, message, user or team that it names
///   does not exist, unless its value is an `Option`;
/// - [`InvalidInput`](crate::ErrorKind::InvalidInput) for a page out of bounds, and for a filter with
///   more than 64 users and teams;
/// - [`Closed`](crate::ErrorKind::Closed) and [`NeedsReopen`](crate::ErrorKind::NeedsReopen), if the
///   store is closed or has to be reopened;
/// - [`Gone`](crate::ErrorKind::Gone) for the provider's id of a message that was deleted;
/// - [`SnapshotExpired`](crate::ErrorKind::SnapshotExpired), on a snapshot that has ended;
/// - [`Aborted`](crate::ErrorKind::Aborted), in a transaction after a storage error;
/// - [`Io`](crate::ErrorKind::Io) and [`Corrupted`](crate::ErrorKind::Corrupted), from the file.
///
/// The methods list the others.
///
/// # Complexity
///
/// A query takes O(values that it returns). The methods state what differs.
#[expect(private_bounds, reason = "it seals the trait")]
pub trait Read: Source {
    /// Returns a page of the conversations that a filter selects, latest activity first.
    ///
    /// The page is `(number, limit)`, `(cursor, limit)` or a [`PageRequest`], which can also be
    /// [around](PageRequest::around) a conversation. A page past the end, and a page around a
    /// conversation that the filter does not select, is empty. The total is exact. See
    /// [Lists](crate::docs::rules#lists) and [Pages](crate::docs::rules#pages).
    ///
    /// If conversations become active between two pages by number, the second page repeats rows
    /// that moved down and misses rows that moved up. To avoid both, continue from
    /// [`next`](Page::next), or read all pages from one [`Snapshot`].
    ///
    /// It takes O(partitions of the filter · log conversations + rows of the page), at any depth.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// # store.send(Outbound::text(ContactId::new("con_1")?, Channel::Webchat, "Hi"))?;
    /// # store.send(Outbound::text(ContactId::new("con_2")?, Channel::Webchat, "Hi"))?;
    /// let filter = Filter::open().channel(Channel::Webchat).unassigned();
    /// let first = store.list(&filter, (1, 2))?;
    /// assert_eq!((first.data.len(), first.total, first.number), (2, 3, Some(1)));
    ///
    /// // The page after it, by a cursor.
    /// let rest = store.list(&filter, (first.next.expect("a third"), 2))?;
    /// assert_eq!((rest.data.len(), rest.total, rest.next), (1, 3, None));
    /// # Ok::<(), Error>(())
    /// ```
    fn list(
        &self,
        filter: &Filter,
        page: impl TryInto<PageRequest, Error: Into<Error>>,
    ) -> Result<Page<Conversation>> {
        let page = page.try_into().map_err(Into::into)?;
        self.query(|reader| reader.list(filter, &page))
    }

    /// Returns how many conversations a filter selects, in O(partitions of the filter).
    ///
    /// ```
    /// # convodb::example!(store);
    /// assert_eq!(store.count(&Filter::open().unassigned())?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn count(&self, filter: &Filter) -> Result<u64> {
        self.query(|reader| reader.count(filter))
    }

    /// Returns how many conversations each of these filters selects, all on one commit.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let views = [Filter::open(), Filter::open().unassigned(), Filter::resolved()];
    /// assert_eq!(store.counts(&views)?, [1, 1, 0]);
    /// # Ok::<(), Error>(())
    /// ```
    fn counts(&self, filters: &[Filter]) -> Result<Vec<u64>> {
        self.query(|reader| filters.iter().map(|filter| reader.count(filter)).collect())
    }

    /// Returns how many rows of a list precede a conversation: it is on page `rank / limit + 1`.
    /// `None` if the filter does not select it. O(partitions of the filter · log conversations).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// assert_eq!(store.rank(id, &Filter::open())?, Some(0));
    /// assert_eq!(store.rank(id, &Filter::resolved())?, None);
    /// # Ok::<(), Error>(())
    /// ```
    fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>> {
        self.query(|reader| reader.rank(id, filter))
    }

    /// Returns a conversation without its messages.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// assert_eq!(store.conversation(id)?.status, Status::Open);
    /// # Ok::<(), Error>(())
    /// ```
    fn conversation(&self, id: ConversationId) -> Result<Conversation> {
        self.query(|reader| reader.conversation(id))
    }

    /// Returns these conversations without their messages, in the order of the ids, all on one
    /// commit. `None` for one that does not exist.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let missing = ConversationId::new("conv_01HABC00000000000000000000")?;
    /// let found = store.conversations(&[id, missing])?;
    /// assert!(found[0].is_some() && found[1].is_none());
    /// # Ok::<(), Error>(())
    /// ```
    fn conversations(&self, ids: &[ConversationId]) -> Result<Vec<Option<Conversation>>> {
        self.query(|reader| reader.conversations(ids))
    }

    /// Returns [the conversation](crate::docs::rules#one-conversation) of a contact in an inbox, or on a
    /// channel.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// assert_eq!(store.find_conversation(&contact, Channel::Instagram)?, None);
    /// # Ok::<(), Error>(())
    /// ```
    fn find_conversation(
        &self,
        contact: &ContactId,
        inbox: impl Into<InboxRef>,
    ) -> Result<Option<Conversation>> {
        let inbox = inbox.into();
        self.query(|reader| reader.find_conversation(contact, &inbox))
    }

    /// Returns the conversations of a contact, one for each inbox that it wrote to, all on one commit: the
    /// channels' own first, then in the order in which the inboxes were saved. O(these).
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// assert_eq!(store.conversations_of(&contact)?.len(), 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>> {
        self.query(|reader| reader.conversations_of(contact))
    }

    /// Returns what is known of a [contact](crate::docs::rules#contacts). One without a record that has
    /// conversations has an id alone, and the time of the oldest one.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// assert_eq!(store.contact(&contact)?.name, None);
    /// store.save_contact(&contact, ContactChanges::name("Ada"))?;
    /// assert_eq!(store.contact(&contact)?.name.as_deref(), Some("Ada"));
    /// # Ok::<(), Error>(())
    /// ```
    fn contact(&self, id: &ContactId) -> Result<Contact> {
        self.query(|reader| reader.contact(id))
    }

    /// Returns a page of the contacts that have a record and that a filter selects. A page is a number
    /// and a limit; a cursor is refused. The total is exact.
    ///
    /// It takes O(contacts that the filter selects).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let hello = Inbound::text(Who::identities(["+491701234567"]), Channel::Whatsapp, "Hello");
    /// store.receive(hello)?;
    /// let filter = ContactFilter::Identity(Channel::Whatsapp, "+49170".into());
    /// assert_eq!(store.list_contacts(&filter, (1, 20))?.total, 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn list_contacts(
        &self,
        filter: &ContactFilter,
        page: impl TryInto<PageRequest, Error: Into<Error>>,
    ) -> Result<Page<Contact>> {
        let page = page.try_into().map_err(Into::into)?;
        self.query(|reader| reader.list_contacts(filter, &page))
    }

    /// Returns the first contacts that have a record, by their ids, after one: with the last of them as the
    /// next `after`, all of them one by one. O(limit).
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// store.save_contact(&contact, ContactChanges::name("Ada"))?;
    /// assert_eq!(store.contacts(None, 10)?[0].id, contact);
    /// assert!(store.contacts(Some(&contact), 10)?.is_empty());
    /// # Ok::<(), Error>(())
    /// ```
    fn contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<Contact>> {
        self.query(|reader| reader.contacts(after, limit))
    }

    /// Returns a conversation with all messages, [oldest first](crate::docs::rules#message-order).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let hello = &store.transcript(id)?.messages[0];
    /// assert_eq!(hello.content.as_text(), Some("Hello"));
    /// # Ok::<(), Error>(())
    /// ```
    fn transcript(&self, id: ConversationId) -> Result<Transcript> {
        self.query(|reader| reader.transcript(id))
    }

    /// Returns a message by the store's ids or by its provider's id.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let hello = Inbound::text(&contact, Channel::Whatsapp, "Hello").provider_id("wamid.1");
    /// let hello = store.receive(hello)?.value;
    /// assert_eq!(store.message((Channel::Whatsapp, ProviderId::new("wamid.1")?))?, hello);
    /// assert_eq!(store.message((hello.conversation_id, hello.id))?, hello);
    /// # Ok::<(), Error>(())
    /// ```
    fn message(&self, message: impl Into<MessageRef>) -> Result<Message> {
        let message = message.into();
        self.query(|reader| reader.message(&message))
    }

    /// Returns the messages of a part of a conversation, oldest first, as an iterator from either end.
    ///
    /// On a store or a snapshot it reads bounded batches, all on one commit, under a lease like
    /// a [`Snapshot`]'s. On a transaction it holds all messages of the range. An error ends it.
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// # store.receive(Inbound::text(&contact, Channel::Webchat, "two"))?;
    /// let newest = store.messages(id, ..)?.next_back().expect("two messages")?;
    /// assert_eq!(newest.content.as_text(), Some("two"));
    /// # Ok::<(), Error>(())
    /// ```
    fn messages(&self, id: ConversationId, range: impl Into<MessageRange>) -> Result<Messages> {
        let range = range.into();
        let all = |reader: &Reader<'_, _>, id| reader.messages(id, &range, End::Oldest, usize::MAX);
        let (id, lease, held) = self.rows(id, all)?;
        Ok(Messages {
            conversation: id,
            unread: lease.map(|lease| (lease, range)),
            front: held.into(),
            back: VecDeque::new(),
        })
    }

    /// Returns the newest message of each of these conversations, in the order of the ids: the
    /// previews of a page. `None` for a conversation that has none or does not exist.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let page = store.list(&Filter::open(), (1, 20))?;
    /// let ids: Vec<_> = page.data.iter().map(|row| row.id).collect();
    /// assert!(store.last_messages(&ids)?[0].is_some());
    /// # Ok::<(), Error>(())
    /// ```
    fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
        self.query(|reader| reader.last_messages(ids))
    }

    /// Returns the notes of a conversation, oldest first, like [`messages`](Self::messages).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let note = store.add_note(id, "Enterprise plan.")?.value;
    /// assert_eq!(store.notes(id)?.collect::<Result<Vec<_>, _>>()?, [note]);
    /// # Ok::<(), Error>(())
    /// ```
    fn notes(&self, id: ConversationId) -> Result<Notes> {
        let (id, lease, held) = self.rows(id, |reader, id| reader.notes(id, None, usize::MAX))?;
        Ok(Notes {
            conversation: id,
            unread: lease.map(|lease| (lease, None)),
            held: held.into(),
        })
    }

    /// Returns an [inbox](crate::docs::rules#inboxes), from memory.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let sales = InboxId::new("inb_sales")?;
    /// assert_eq!(store.inbox(&sales).unwrap_err().kind(), ErrorKind::NotFound);
    /// # Ok::<(), Error>(())
    /// ```
    fn inbox(&self, id: &InboxId) -> Result<Inbox> {
        self.query(|reader| reader.inbox(id))
    }

    /// Returns every inbox that was saved, from memory, in the order of the ids.
    fn inboxes(&self) -> Result<Vec<Inbox>> {
        self.query(|reader| Ok(reader.inboxes()))
    }

    /// Returns a [saved view](crate::docs::rules#views), from memory.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let view = ViewId::new("view_waiting")?;
    /// assert_eq!(store.view(&view).unwrap_err().kind(), ErrorKind::NotFound);
    /// # Ok::<(), Error>(())
    /// ```
    fn view(&self, id: &ViewId) -> Result<View> {
        self.query(|reader| {
            let found = reader.find_view(id)?;
            found.ok_or_else(|| Error::not_found(EntityKind::View, id))
        })
    }

    /// Returns every saved view, from memory, in the order of the ids.
    fn views(&self) -> Result<Vec<View>> {
        self.query(|reader| reader.views())
    }

    /// Returns a user or a team of the [directory](crate::docs::rules#directory), from memory.
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice);
    /// assert_eq!(&*store.assignee(&alice.into())?.name, "Alice");
    /// # Ok::<(), Error>(())
    /// ```
    fn assignee(&self, id: &AssigneeId) -> Result<Assignee> {
        self.query(|reader| reader.assignee(id))
    }

    /// Returns a team with its members, from memory.
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice);
    /// let billing = TeamId::new("team_billing")?;
    /// store.save_team_with_members(&billing, "Billing", [alice.clone()])?;
    /// let team = store.team(&billing)?;
    /// assert_eq!((&*team.name, team.members), ("Billing", vec![alice]));
    /// # Ok::<(), Error>(())
    /// ```
    fn team(&self, id: &TeamId) -> Result<Team> {
        self.query(|reader| reader.team(id))
    }

    /// Returns the members of a team, from memory, in the order of their ids.
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice);
    /// let billing = TeamId::new("team_billing")?;
    /// store.save_team_with_members(&billing, "Billing", [alice.clone()])?;
    /// assert_eq!(store.members_of(&billing)?, [alice]);
    /// # Ok::<(), Error>(())
    /// ```
    fn members_of(&self, team: &TeamId) -> Result<Vec<UserId>> {
        Ok(self.team(team)?.members)
    }

    /// Returns the [tags](crate::docs::rules#attributes) that conversations have, with how many have each, in
    /// the order in which tags compare. O(these).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let changes = serde_json::from_str(r#"{"tags": ["refund"]}"#)?;
    /// store.update_conversation(id, changes)?;
    /// let tags = store.tags()?;
    /// assert_eq!((&*tags[0].tag, tags[0].count), ("refund", 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn tags(&self) -> Result<Vec<TagCount>> {
        self.query(|reader| reader.tags())
    }

    /// Returns every user and team, from memory: users first, each kind in the order of the ids.
    fn assignees(&self) -> Result<Vec<Assignee>> {
        self.query(|reader| Ok(reader.assignees()))
    }

    /// Returns the events after this one, at most `limit`, in order. After
    /// [`EventSeq::ZERO`](EventSeq::ZERO) the first event follows.
    ///
    /// A reader that remembers the number of the last event that it processed misses none. A
    /// [`Consumer`](crate::Consumer) stores that number. See [`docs::events`](crate::docs::events).
    ///
    /// # Errors
    ///
    /// [`EventsPurged`](crate::ErrorKind::EventsPurged) if events in between were purged;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a number above that of the newest event.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// store.resolve(id)?;
    /// let last = &store.events(EventSeq::new(2), 100)?[0];
    /// assert_eq!((last.seq, last.kind.as_str()), (EventSeq::new(3), "conversation.resolved"));
    /// # Ok::<(), Error>(())
    /// ```
    fn events(&self, after: EventSeq, limit: usize) -> Result<Vec<Event>> {
        self.query(|reader| reader.events(after, limit))
    }

    /// Returns the number of the newest event, or 0 if there was none yet. Events that were purged keep their numbers.
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let newest = store.newest_event()?;
    /// store.resolve(id)?;
    /// assert_eq!(store.events(newest, 100)?.len(), 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn newest_event(&self) -> Result<EventSeq> {
        self.query(|reader| Ok(reader.newest_event()))
    }

    /// Returns the audit log of a conversation, oldest first: its changes of status and assignee.
    ///
    /// The log is kept as long as the conversation, even when its [`events`](Self::events) are purged.
    /// A reassignment to a successor is in it when the conversation is stored under the successor,
    /// which can be [after the removal](crate::Execute::remove_assignee).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// store.resolve(id)?;
    /// let log = store.audit_log(id)?;
    /// let types: Vec<_> = log.iter().map(|event| event.kind.as_str()).collect();
    /// assert_eq!(types, ["conversation.created", "conversation.resolved"]);
    /// # Ok::<(), Error>(())
    /// ```
    fn audit_log(&self, id: ConversationId) -> Result<Vec<Event>> {
        self.query(|reader| reader.audit_log(id))
    }

    /// Returns every consumer of events with its position, in the order of the names.
    ///
    /// ```
    /// # convodb::example!(store);
    /// store.consumer("webhooks")?;
    /// assert_eq!(store.consumers()?[0].position, EventSeq::ZERO);
    /// # Ok::<(), Error>(())
    /// ```
    fn consumers(&self) -> Result<Vec<ConsumerPosition>> {
        self.query(|reader| reader.consumers())
    }

    /// Returns how far the import of a name has come, if it has begun. See
    /// [`Store::import_lines`](crate::Store::import_lines).
    ///
    /// ```
    /// # convodb::example!(store);
    /// let name = convodb::ImportName::new("history-2026")?;
    /// assert_eq!(store.import_progress(&name)?, None);
    /// # Ok::<(), Error>(())
    /// ```
    fn import_progress(&self, name: &ImportName) -> Result<Option<ImportProgress>> {
        self.query(|reader| reader.import_progress(name))
    }

    /// Returns the number of the commit that is read: how many commits have changed the store. Of a
    /// transaction it is the commit before it.
    ///
    /// A commit whose outcome is [unknown](crate::ErrorKind::CommitUnknown) happened if, after
    /// [`reopen`](Store::reopen), this number has reached the one in
    /// [`Details::Commit`](crate::Details::Commit).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let resolved = store.resolve(id)?;
    /// assert_eq!(Some(store.commit_seq()?), resolved.commit);
    /// # Ok::<(), Error>(())
    /// ```
    fn commit_seq(&self) -> Result<CommitSeq> {
        self.query(|reader| Ok(reader.commit_seq()))
    }
}

impl Source for Store {
    type Tables = ReadTables;

    fn query<T>(&self, query: impl Fn(&Reader<'_, ReadTables>) -> Result<T>) -> Result<T> {
        self.executor().read(|view| query(&view.reader()))
    }

    fn lease(&self) -> Result<Option<Arc<Lease>>> {
        self.executor().current.lease().map(Some)
    }
}

impl Source for Snapshot {
    type Tables = ReadTables;

    fn query<T>(&self, query: impl Fn(&Reader<'_, ReadTables>) -> Result<T>) -> Result<T> {
        self.lease.read(|view| query(&view.reader()))
    }

    fn lease(&self) -> Result<Option<Arc<Lease>>> {
        Ok(Some(Arc::clone(&self.lease)))
    }
}

impl<'t> Source for Transaction<'t> {
    type Tables = WriteTables<'t>;

    fn query<T>(&self, query: impl Fn(&Reader<'_, WriteTables<'t>>) -> Result<T>) -> Result<T> {
        self.unit(|unit| unit.read(query))
    }

    fn lease(&self) -> Result<Option<Arc<Lease>>> {
        Ok(None)
    }
}

impl Read for Store {}
impl Read for Snapshot {}
impl Read for Transaction<'_> {}
