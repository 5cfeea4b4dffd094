//! The queries of a store and of its snapshots.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use convodb_core::directory::Directory;
use convodb_core::{
    Assignee, AssigneeId, CommitSeq, ConsumerPosition, Contact, ContactFilter, ContactId,
    Conversation, ConversationId, Event, EventSeq, Filter, Import, ImportName, ImportProgress,
    Inbox, InboxId, InboxRef, Message, MessageRange, MessageRef, Note, Page, PageRequest, Result,
    TagCount, Team, TeamId, Transcript, UserId, View, ViewId,
};

use crate::fault::Fault;
use crate::reader::{End, Reader};
use crate::session::Session;
use crate::snapshot::PgSnapshot;
use crate::store::{Known, PgStore, Shared, read_again};

/// A connection to read with, and the directory that goes with it.
pub(crate) struct Lease<'a> {
    pub(crate) session: Held<'a>,
    pub(crate) shared: &'a Shared,
    pub(crate) epoch: i64,
    pub(crate) directory: Arc<Directory>,
}

pub(crate) enum Held<'a> {
    Own(Box<Session>),
    Of(&'a Session),
    #[cfg(feature = "testing")]
    Within(tokio::sync::MutexGuard<'a, crate::exclusive::Exclusive>),
}

impl Lease<'_> {
    fn reader(&self) -> Reader<'_> {
        Reader {
            session: match &self.session {
                Held::Own(session) => session,
                Held::Of(session) => session,
                #[cfg(feature = "testing")]
                Held::Within(work) => &work.unit.session,
            },
            ws: self.shared.ws,
            directory: &self.directory,
            hashes: self.shared.hashes,
            epoch: self.epoch,
        }
    }

    /// Gives a lost connection up, and lets the same be read again; or the error.
    async fn again(self, fault: Fault, tries: &mut u32) -> Result<()> {
        let is_lost = fault.remedy() == crate::error::Remedy::Reconnect;
        match self.session {
            // A snapshot ends with its connection.
            Held::Of(_) => return Err(fault.into_error()),
            #[cfg(feature = "testing")]
            Held::Within(_) => return Err(fault.into_error()),
            Held::Own(session) if is_lost => session.discard(),
            Held::Own(_) => {}
        }
        read_again(self.shared, fault, tries).await
    }
}

/// What a query runs on.
pub(crate) trait Source: Send + Sync {
    /// A connection to read with.
    fn lease(&self) -> impl Future<Output = Result<Lease<'_>>> + Send;

    /// Lists are read, which are the cheaper the more of them is folded.
    fn note_lists(&self) {}
}

impl Source for PgStore {
    async fn lease(&self) -> Result<Lease<'_>> {
        let shared = self.shared();
        let session = shared.session().await?;
        let Known {
            epoch, directory, ..
        } = shared.known();
        Ok(Lease {
            session: Held::Own(Box::new(session)),
            shared,
            epoch,
            directory,
        })
    }

    fn note_lists(&self) {
        let reads_lists = &self.shared().reads_lists;
        reads_lists.store(true, Ordering::Relaxed);
    }
}

impl Source for PgSnapshot {
    async fn lease(&self) -> Result<Lease<'_>> {
        let (session, epoch, directory) = self.parts().await?;
        Ok(Lease {
            session: Held::Of(session),
            shared: self.shared(),
            epoch,
            directory,
        })
    }
}

/// Reads, and again where the directory or the connection became another one.
macro_rules! reading {
    ($source:ident, $reader:ident => $read:expr) => {{
        let mut tries = 0;
        loop {
            let lease = $source.lease().await?;
            let done = {
                let $reader = lease.reader();
                $read
            };
            match done {
                Ok(value) => break Ok(value),
                Err(fault) => lease.again(fault, &mut tries).await?,
            }
        }
    }};
}

/// The queries, the same as those of a store in a file. Each list is one statement, which sees one snapshot: its
/// total is that of its rows, also while others write.
///
/// The trait is sealed.
///
/// # Errors
///
/// Those of the crate `convodb` for the same input, and `Unavailable` if the server cannot be reached.
#[expect(private_bounds, reason = "it seals the trait")]
pub trait PgRead: Source {
    /// A page of a list, with its exact total. O(streams of the filter + log rows).
    fn list(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Conversation>>> + Send {
        async move {
            self.note_lists();
            reading!(self, reader => reader.list(filter, &page).await)
        }
    }

    /// How many conversations a filter selects. O(streams).
    fn count(&self, filter: &Filter) -> impl Future<Output = Result<u64>> + Send {
        async move {
            self.note_lists();
            reading!(self, reader => reader.count(filter).await)
        }
    }

    /// How many each filter selects, in one statement.
    fn counts(&self, filters: &[Filter]) -> impl Future<Output = Result<Vec<u64>>> + Send {
        async move {
            self.note_lists();
            reading!(self, reader => reader.counts(filters).await)
        }
    }

    /// How many conversations come before one in a list; nothing where the filter does not select it.
    fn rank(
        &self,
        id: ConversationId,
        filter: &Filter,
    ) -> impl Future<Output = Result<Option<u64>>> + Send {
        async move {
            self.note_lists();
            reading!(self, reader => reader.rank(id, filter).await)
        }
    }

    /// A conversation.
    fn conversation(
        &self,
        id: ConversationId,
    ) -> impl Future<Output = Result<Conversation>> + Send {
        async move { reading!(self, reader => reader.conversation(id).await) }
    }

    /// The conversations of ids, in one round trip; nothing where there is none.
    fn conversations(
        &self,
        ids: &[ConversationId],
    ) -> impl Future<Output = Result<Vec<Option<Conversation>>>> + Send {
        async move { reading!(self, reader => reader.conversations(ids).await) }
    }

    /// The conversation of a contact in an inbox.
    fn find_conversation(
        &self,
        contact: &ContactId,
        inbox: &InboxRef,
    ) -> impl Future<Output = Result<Option<Conversation>>> + Send {
        async move { reading!(self, reader => reader.find_conversation(contact, inbox).await) }
    }

    /// The conversations of a contact, in every inbox.
    fn conversations_of(
        &self,
        contact: &ContactId,
    ) -> impl Future<Output = Result<Vec<Conversation>>> + Send {
        async move { reading!(self, reader => reader.conversations_of(contact).await) }
    }

    /// A contact that has a record or conversations.
    fn contact(&self, id: &ContactId) -> impl Future<Output = Result<Contact>> + Send {
        async move { reading!(self, reader => reader.contact(id).await) }
    }

    /// A page of contacts that have records. O(those that the filter selects).
    fn list_contacts(
        &self,
        filter: &ContactFilter,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Contact>>> + Send {
        async move { reading!(self, reader => reader.list_contacts(filter, &page).await) }
    }

    /// Contacts that have records, by their ids, after one.
    fn contacts(
        &self,
        after: Option<&ContactId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Contact>>> + Send {
        async move { reading!(self, reader => reader.contacts(after, limit).await) }
    }

    /// A conversation with all its messages.
    fn transcript(&self, id: ConversationId) -> impl Future<Output = Result<Transcript>> + Send {
        async move { reading!(self, reader => reader.transcript(id).await) }
    }

    /// The first of these conversations with all their messages and notes, in few round trips: at least one, and
    /// as many as have about 4,096 messages together. An export asks again behind those that it got.
    ///
    /// `NotFound` if one is missing.
    fn histories(
        &self,
        ids: &[ConversationId],
    ) -> impl Future<Output = Result<Vec<Import>>> + Send {
        async move {
            match ids {
                [] => Ok(Vec::new()),
                ids => reading!(self, reader => reader.histories(ids).await),
            }
        }
    }

    /// A message.
    fn message(&self, message: &MessageRef) -> impl Future<Output = Result<Message>> + Send {
        async move { reading!(self, reader => reader.message(message).await) }
    }

    /// At most `limit` messages of a range, oldest first.
    fn messages(
        &self,
        id: ConversationId,
        range: &MessageRange,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Message>>> + Send {
        async move { reading!(self, reader => reader.messages(id, range, End::Oldest, limit).await) }
    }

    /// At most `limit` messages of a range, newest first.
    fn newest_messages(
        &self,
        id: ConversationId,
        range: &MessageRange,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Message>>> + Send {
        async move { reading!(self, reader => reader.messages(id, range, End::Newest, limit).await) }
    }

    /// The last message of each conversation, if it has any.
    fn last_messages(
        &self,
        ids: &[ConversationId],
    ) -> impl Future<Output = Result<Vec<Option<Message>>>> + Send {
        async move { reading!(self, reader => reader.last_messages(ids).await) }
    }

    /// The notes of a conversation, oldest first.
    fn notes(&self, id: ConversationId) -> impl Future<Output = Result<Vec<Note>>> + Send {
        async move { reading!(self, reader => reader.notes(id).await) }
    }

    /// An inbox.
    fn inbox(&self, id: &InboxId) -> impl Future<Output = Result<Inbox>> + Send {
        async move { reading!(self, reader => reader.inbox(id).await) }
    }

    /// The inboxes that were saved, by their ids.
    fn inboxes(&self) -> impl Future<Output = Result<Vec<Inbox>>> + Send {
        async move { reading!(self, reader => reader.inboxes().await) }
    }

    /// A saved view.
    fn view(&self, id: &ViewId) -> impl Future<Output = Result<View>> + Send {
        async move { reading!(self, reader => reader.view(id).await) }
    }

    /// The saved views, by their ids.
    fn views(&self) -> impl Future<Output = Result<Vec<View>>> + Send {
        async move { reading!(self, reader => reader.views().await) }
    }

    /// A user or team.
    fn assignee(&self, id: &AssigneeId) -> impl Future<Output = Result<Assignee>> + Send {
        async move { reading!(self, reader => reader.assignee(id).await) }
    }

    /// The users and then the teams, each by their ids.
    fn assignees(&self) -> impl Future<Output = Result<Vec<Assignee>>> + Send {
        async move { reading!(self, reader => reader.assignees().await) }
    }

    /// A team with its members.
    fn team(&self, id: &TeamId) -> impl Future<Output = Result<Team>> + Send {
        async move { reading!(self, reader => reader.team(id).await) }
    }

    /// The members of a team, by their ids: none where there is no such team.
    fn members_of(&self, team: &TeamId) -> impl Future<Output = Result<Vec<UserId>>> + Send {
        async move {
            reading!(self, reader => {
                let current = reader.current().await;
                current.map(|reader| reader.directory.members_of(team).to_vec())
            })
        }
    }

    /// The tags in use, with how many conversations have each.
    fn tags(&self) -> impl Future<Output = Result<Vec<TagCount>>> + Send {
        async move { reading!(self, reader => reader.tags().await) }
    }

    /// At most `limit` events behind a number, in their order, without a gap.
    fn events(
        &self,
        after: EventSeq,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Event>>> + Send {
        async move { reading!(self, reader => reader.events(after, limit).await) }
    }

    /// The number of the newest event, or 0 if there was none yet.
    fn newest_event(&self) -> impl Future<Output = Result<EventSeq>> + Send {
        async move { reading!(self, reader => reader.head().await.map(|head| head.newest_event)) }
    }

    /// What happened to the status and the assignee of a conversation.
    fn audit_log(&self, id: ConversationId) -> impl Future<Output = Result<Vec<Event>>> + Send {
        async move { reading!(self, reader => reader.audit_log(id).await) }
    }

    /// The consumers of events, by their names.
    fn consumers(&self) -> impl Future<Output = Result<Vec<ConsumerPosition>>> + Send {
        async move { reading!(self, reader => reader.consumers().await) }
    }

    /// How far a named import has come, if it has begun.
    fn import_progress(
        &self,
        name: &ImportName,
    ) -> impl Future<Output = Result<Option<ImportProgress>>> + Send {
        async move { reading!(self, reader => reader.import_progress(name).await) }
    }

    /// The number of the latest commit.
    fn commit_seq(&self) -> impl Future<Output = Result<CommitSeq>> + Send {
        async move { reading!(self, reader => reader.head().await.map(|head| head.commit_seq)) }
    }
}

impl PgRead for PgStore {}
impl PgRead for PgSnapshot {}
