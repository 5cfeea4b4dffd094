//! The store behind the handlers: a file, or a workspace of a PostgreSQL database.
//!
//! Invariant: what reads a file has its answer when it is first polled, so that a read of a file costs no task and
//! no thread. What reads PostgreSQL waits for the network, and holds up no thread.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::time::Duration;

use convodb::prelude::*;
use convodb::{
    Assignee, AssigneeId, Command, ConsumerPosition, Contact, ContactFilter, ContactId, Context,
    Conversation, ConversationId, Error, ErrorKind, Event, EventSeq, Filter, Health, ImportName,
    ImportOptions, ImportProgress, Inbox, InboxId, LineAnswer, Message, MessageRange, MessageRef,
    Messages, Note, NumberedLine, Outcome, Page, PageRequest, Result, TagCount, Team, TeamId,
    Transcript, View, ViewId,
};
use convodb_postgres::{PgRead, PgSnapshot, PgStore};
use convodb_upkeep::{OfFile, OfWorkspace, Reading, Report, Statistics};
use futures_util::future::Either;
use tokio::runtime::Handle;

/// How many messages of a long thread are read from PostgreSQL at a time.
const BATCH: usize = 256;

/// For how long one call waits for events: the next call goes on.
const WAIT: Duration = Duration::from_secs(60);

/// What is read: of a file `F`, or of PostgreSQL `P`.
#[derive(Clone)]
pub(crate) enum Reads<F, P> {
    File(F),
    Postgres(P),
}

/// The store, which is read as it is at the moment of each query, and takes commands.
pub(crate) type Backend = Reads<Store, PgStore>;

/// One state of it.
pub(crate) type State = Reads<convodb::Snapshot, PgSnapshot>;

/// The same query of either.
macro_rules! query {
    ($reads:ident.$name:ident($($argument:expr),*)) => {
        match $reads {
            Reads::File(file) => file.$name($($argument),*),
            Reads::Postgres(postgres) => postgres.$name($($argument),*).await,
        }
    };
}

impl<F: Read, P: PgRead> Reads<F, P> {
    pub(crate) async fn list(
        &self,
        filter: &Filter,
        page: PageRequest,
    ) -> Result<Page<Conversation>> {
        query!(self.list(filter, page))
    }

    pub(crate) async fn conversation(&self, id: ConversationId) -> Result<Conversation> {
        query!(self.conversation(id))
    }

    pub(crate) async fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>> {
        query!(self.conversations_of(contact))
    }

    pub(crate) async fn transcript(&self, id: ConversationId) -> Result<Transcript> {
        query!(self.transcript(id))
    }

    pub(crate) async fn last_messages(
        &self,
        ids: &[ConversationId],
    ) -> Result<Vec<Option<Message>>> {
        query!(self.last_messages(ids))
    }

    pub(crate) async fn audit_log(&self, id: ConversationId) -> Result<Vec<Event>> {
        query!(self.audit_log(id))
    }

    pub(crate) async fn contact(&self, id: &ContactId) -> Result<Contact> {
        query!(self.contact(id))
    }

    pub(crate) async fn list_contacts(
        &self,
        filter: &ContactFilter,
        page: PageRequest,
    ) -> Result<Page<Contact>> {
        query!(self.list_contacts(filter, page))
    }

    pub(crate) async fn assignee(&self, id: &AssigneeId) -> Result<Assignee> {
        query!(self.assignee(id))
    }

    pub(crate) async fn assignees(&self) -> Result<Vec<Assignee>> {
        query!(self.assignees())
    }

    pub(crate) async fn team(&self, id: &TeamId) -> Result<Team> {
        query!(self.team(id))
    }

    pub(crate) async fn inbox(&self, id: &InboxId) -> Result<Inbox> {
        query!(self.inbox(id))
    }

    pub(crate) async fn inboxes(&self) -> Result<Vec<Inbox>> {
        query!(self.inboxes())
    }

    pub(crate) async fn view(&self, id: &ViewId) -> Result<View> {
        query!(self.view(id))
    }

    pub(crate) async fn views(&self) -> Result<Vec<View>> {
        query!(self.views())
    }

    pub(crate) async fn consumers(&self) -> Result<Vec<ConsumerPosition>> {
        query!(self.consumers())
    }

    pub(crate) async fn tags(&self) -> Result<Vec<TagCount>> {
        query!(self.tags())
    }

    pub(crate) async fn import_progress(
        &self,
        name: &ImportName,
    ) -> Result<Option<ImportProgress>> {
        query!(self.import_progress(name))
    }

    pub(crate) async fn events(&self, after: EventSeq, limit: usize) -> Result<Vec<Event>> {
        query!(self.events(after, limit))
    }

    pub(crate) async fn newest_event(&self) -> Result<EventSeq> {
        query!(self.newest_event())
    }

    pub(crate) async fn message(&self, message: impl Into<MessageRef>) -> Result<Message> {
        let message = message.into();
        match self {
            Self::File(file) => file.message(message),
            Self::Postgres(postgres) => postgres.message(&message).await,
        }
    }

    /// At most so many messages, from the first on.
    pub(crate) async fn oldest_messages(
        &self,
        id: ConversationId,
        range: MessageRange,
        limit: usize,
    ) -> Result<Vec<Message>> {
        match self {
            Self::File(file) => file.messages(id, range)?.take(limit).collect(),
            Self::Postgres(postgres) => postgres.messages(id, &range, limit).await,
        }
    }

    /// At most so many messages, from the last back.
    pub(crate) async fn newest_messages(
        &self,
        id: ConversationId,
        range: MessageRange,
        limit: usize,
    ) -> Result<Vec<Message>> {
        match self {
            Self::File(file) => file.messages(id, range)?.rev().take(limit).collect(),
            Self::Postgres(postgres) => postgres.newest_messages(id, &range, limit).await,
        }
    }

    /// The notes behind some, at most so many, and how many there are.
    pub(crate) async fn notes(
        &self,
        id: ConversationId,
        skip: u64,
        limit: usize,
    ) -> Result<(Vec<Note>, usize)> {
        let (mut data, mut total) = (Vec::new(), 0);
        let mut take = |note: Result<Note>| {
            let note = note?;
            if total as u64 >= skip && data.len() < limit {
                data.push(note);
            }
            total += 1;
            Ok::<_, Error>(())
        };
        match self {
            Self::File(file) => file.notes(id)?.try_for_each(take)?,
            Self::Postgres(postgres) => {
                let notes = postgres.notes(id).await?;
                notes.into_iter().map(Ok).try_for_each(&mut take)?;
            }
        }
        Ok((data, total))
    }
}

impl State {
    /// The messages of a conversation, oldest first, which are read as they are taken.
    pub(crate) fn thread(self, id: ConversationId) -> Result<Thread> {
        Ok(match self {
            Self::File(file) => Reads::File(file.messages(id, ..)?),
            Self::Postgres(snapshot) => Reads::Postgres(PgThread {
                snapshot,
                id,
                unread: Some(MessageRange::all()),
                held: VecDeque::new(),
            }),
        })
    }
}

/// The messages of a conversation in one state.
pub(crate) type Thread = Reads<Messages, PgThread>;

/// The messages of a conversation that are left, some of them read.
pub(crate) struct PgThread {
    snapshot: PgSnapshot,
    id: ConversationId,
    unread: Option<MessageRange>,
    held: VecDeque<Message>,
}

impl Thread {
    /// The next message. After an error there is no other.
    pub(crate) async fn next(&mut self) -> Option<Result<Message>> {
        match self {
            Self::File(messages) => messages.next(),
            Self::Postgres(thread) => thread.next().await.transpose(),
        }
    }
}

impl PgThread {
    async fn next(&mut self) -> Result<Option<Message>> {
        if self.held.is_empty()
            && let Some(range) = self.unread.take()
        {
            let batch = self.snapshot.messages(self.id, &range, BATCH).await?;
            // Fewer messages than asked for are the last ones.
            let last = batch.last().filter(|_| batch.len() == BATCH);
            self.unread = last.map(|last| range.after(last));
            self.held = batch.into();
        }
        Ok(self.held.pop_front())
    }
}

impl Backend {
    /// What is committed now, which does not change as long as it is held.
    pub(crate) async fn snapshot(&self) -> Result<State> {
        Ok(match self {
            Self::File(store) => Reads::File(store.snapshot()?),
            Self::Postgres(store) => Reads::Postgres(store.snapshot().await?),
        })
    }

    /// Gives a command at once, before the future is polled. It runs also where that is dropped. Commands that name
    /// the same entity commit in the order in which they were given.
    pub(crate) fn submit<C: Command>(
        &self,
        context: Context,
        command: C,
    ) -> impl Future<Output = Result<Outcome<C::Output>>> + Send + use<C> {
        match self {
            Self::File(store) => Either::Left(store.with(context).submit(command)),
            Self::Postgres(store) => Either::Right(store.with(context).submit(command)),
        }
    }

    /// Waits until there is an event behind a number, and may end before.
    pub(crate) async fn events_changed(&self, after: EventSeq) -> Result<()> {
        match self {
            Self::File(store) => store.events_changed(after).await,
            Self::Postgres(store) => store.wait_for_events(after, WAIT).await.map(drop),
        }
    }

    /// Imports lines, and hands over the answer to each.
    pub(crate) async fn import_lines(
        &self,
        context: Context,
        lines: impl Iterator<Item = NumberedLine> + Send,
        options: &ImportOptions,
        mut answered: impl FnMut(LineAnswer) + Send,
    ) -> Result<()> {
        match self {
            Self::File(store) => {
                let mut answers = store.with(context).import_lines(lines, options);
                answers.try_for_each(|answer| answer.map(&mut answered))
            }
            Self::Postgres(store) => {
                let mut import = store.with(context).import(lines, options);
                loop {
                    let batch = import.next_batch().await?;
                    let is_last = batch.is_empty() || options.is_atomic;
                    batch.into_iter().for_each(&mut answered);
                    if is_last {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Why it cannot be read and written, as far as it is known without writing. No reason has anything of the
    /// machine.
    pub(crate) async fn fault(&self) -> Option<&'static str> {
        /// A server that answers later answers no request in time.
        const PATIENCE: Duration = Duration::from_secs(2);
        match self {
            // This reads memory alone: it does not wait for the disk.
            Self::File(store) => match store.health() {
                Health::Healthy => None,
                Health::ReadOnly(error) if error.kind() == ErrorKind::PathChanged => {
                    Some("its path leads to another file, or to none")
                }
                Health::ReadOnly(_) => Some("a write has failed, and the file is to be reopened"),
                Health::Offline(_) => Some("the file cannot be reopened"),
                _ => Some("it is closed"),
            },
            Self::Postgres(store) => {
                let answer = tokio::time::timeout(PATIENCE, store.commit_seq()).await;
                let Ok(answer) = answer else {
                    return Some("the database does not answer in time");
                };
                answer.err().map(|error| match error.kind() {
                    ErrorKind::Unavailable => "the database cannot be reached",
                    ErrorKind::NotPermitted => "the database refuses the role",
                    ErrorKind::NotFound => "the workspace is missing",
                    ErrorKind::UnsupportedVersion => {
                        "the schema of the database is of another version"
                    }
                    _ => "the database cannot be used",
                })
            }
        }
    }

    /// One state of it, to be read on a thread that is none of the runtime's.
    pub(crate) fn reading(&self, runtime: Handle) -> Result<Box<dyn Reading>> {
        Ok(match self {
            Self::File(store) => Box::new(OfFile::new(store)?),
            Self::Postgres(store) => Box::new(OfWorkspace::new(store, runtime)?),
        })
    }

    /// Its counts and sizes, on such a thread.
    pub(crate) fn statistics(&self, runtime: Handle) -> Result<Statistics> {
        match self {
            Self::File(store) => Statistics::of_file(store),
            Self::Postgres(store) => Statistics::of_workspace(store, runtime),
        }
    }

    /// Verifies it, on such a thread.
    pub(crate) fn verify(
        &self,
        runtime: Handle,
        progress: impl FnMut(u64, u64) -> ControlFlow<()> + Send,
    ) -> Result<Report> {
        match self {
            Self::File(store) => store.verify_with(progress).map(|report| (&report).into()),
            Self::Postgres(store) => {
                let verified = runtime.block_on(store.verify_with(progress));
                verified.map(Report::from)
            }
        }
    }

    pub(crate) fn close(self) -> Result<()> {
        match self {
            Self::File(store) => store.close(),
            Self::Postgres(store) => {
                store.close();
                Ok(())
            }
        }
    }
}
