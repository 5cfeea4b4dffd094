//! What the rules and the model are tested on: a store, or another backend of the same commands.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use convodb::commands::PurgeEvents;
use convodb::testing::{self, reassign_now};
use convodb::{
    Assignee, AssigneeId, AssigneeKind, Command, CommitSeq, ConsumerPosition, Contact,
    ContactFilter, ContactId, Context, Conversation, ConversationId, Error, Event, EventSeq,
    Execute, Filter, Identity, Import, ImportLine, ImportOptions, Inbox, InboxRef, LineAnswer,
    Message, MessageRange, Note, Outcome, Page, PageRequest, Read, Result, Retention, Store,
    TagCount, TeamId, Transaction, Transcript, UserId, View, ViewId,
};

use super::compare::from_both_ends;

/// More rows than any list of a test has: an iterator without an end fails instead of hanging.
pub const MOST: usize = 100_000;

/// The queries, of a backend, a snapshot or a transaction.
pub trait Queries {
    fn list(&self, filter: &Filter, page: PageRequest) -> Result<Page<Conversation>>;
    fn count(&self, filter: &Filter) -> Result<u64>;
    fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>>;
    fn conversation(&self, id: ConversationId) -> Result<Conversation>;
    fn conversations(&self, ids: &[ConversationId]) -> Result<Vec<Option<Conversation>>>;
    fn find_conversation(
        &self,
        contact: &ContactId,
        inbox: &InboxRef,
    ) -> Result<Option<Conversation>>;
    fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>>;
    fn transcript(&self, id: ConversationId) -> Result<Transcript>;
    /// The messages of a range. Each bit of `turns` is the end that the next one is read from.
    fn messages(&self, id: ConversationId, range: MessageRange, turns: u64)
    -> Result<Vec<Message>>;
    fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>>;
    fn notes(&self, id: ConversationId) -> Result<Vec<Note>>;
    fn assignee(&self, id: &AssigneeId) -> Result<Assignee>;
    fn assignees(&self) -> Result<Vec<Assignee>>;
    fn members_of(&self, team: &TeamId) -> Result<Vec<UserId>>;
    fn inboxes(&self) -> Result<Vec<Inbox>>;
    fn view(&self, id: &ViewId) -> Result<View>;
    fn views(&self) -> Result<Vec<View>>;
    fn tags(&self) -> Result<Vec<TagCount>>;
    fn events(&self, after: EventSeq, limit: usize) -> Result<Vec<Event>>;
    fn audit_log(&self, id: ConversationId) -> Result<Vec<Event>>;
    fn consumers(&self) -> Result<Vec<ConsumerPosition>>;
    fn contact(&self, id: &ContactId) -> Result<Contact>;
    fn list_contacts(&self, filter: &ContactFilter, page: PageRequest) -> Result<Page<Contact>>;
    fn contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<Contact>>;
}

/// A command that can be given again, and whose answer can be printed: each of them.
pub trait Plain: Command<Output: Debug> + Clone {}

impl<C: Command<Output: Debug> + Clone> Plain for C {}

/// What takes commands: a backend or a transaction.
pub trait Commands {
    /// Whether commits have numbers that a command's answer has. Where they have none, commits may go on side by
    /// side.
    fn numbers_commits(&self) -> bool {
        true
    }

    fn execute<C: Plain>(&self, context: &Context, command: C) -> Result<Outcome<C::Output>>;

    /// A backend may purge in several steps.
    fn purge_events(&self, context: &Context, retention: Retention) -> Result<Outcome<u64>>;

    /// The id of the contact that the backend makes of an identity.
    fn contact_of(&self, identity: &Identity) -> Result<ContactId>;
}

/// A backend of the commands, with what a test does to it beside giving commands.
pub trait Backend: Commands + Queries {
    /// It reads its own writes.
    type Transaction<'t>: Commands + Queries;

    /// Runs commands that commit together; an error of the closure rolls them back.
    fn transaction<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Self::Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E>;

    fn import_all(&self, imports: Vec<Import>) -> Result<u64>;

    /// Imports lines, each for itself, in one commit.
    fn import_lines(&self, lines: Vec<ImportLine>) -> Result<Vec<LineAnswer>>;

    /// Stores at most this many conversations of removed assignees under their successors, or builds a
    /// part of a view where none is left.
    fn reassign(&self, limit: usize) -> Result<Vec<ConversationId>>;

    /// Closes it and opens it again. Snapshots end.
    fn restart(&self) -> Result<()>;

    /// The backend's own maintenance. Snapshots end.
    fn compact(&self) -> Result<()>;

    fn commit_seq(&self) -> Result<CommitSeq>;

    /// By the backend's clock.
    fn last_commit_at(&self) -> Result<DateTime<Utc>>;

    /// Verifies what is stored, and counts it.
    ///
    /// # Panics
    ///
    /// Where indexes, totals and records differ.
    fn verified_counts(&self) -> Result<Counts>;
}

/// What a backend holds, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub conversations: u64,
    pub messages: u64,
    pub notes: u64,
    pub users: u64,
    pub teams: u64,
    pub events: u64,
    pub newest_event: EventSeq,
    /// Messages that have receipts and have not come.
    pub unmatched: u64,
    /// Conversations that are stored under a removed assignee.
    pub to_reassign: u64,
    /// Conversations whose latest activity lies in the future.
    pub times_in_the_future: u64,
    pub commits: CommitSeq,
}

impl<R: Read> Queries for R {
    fn list(&self, filter: &Filter, page: PageRequest) -> Result<Page<Conversation>> {
        Read::list(self, filter, page)
    }

    fn count(&self, filter: &Filter) -> Result<u64> {
        Read::count(self, filter)
    }

    fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>> {
        Read::rank(self, id, filter)
    }

    fn conversation(&self, id: ConversationId) -> Result<Conversation> {
        Read::conversation(self, id)
    }

    fn conversations(&self, ids: &[ConversationId]) -> Result<Vec<Option<Conversation>>> {
        Read::conversations(self, ids)
    }

    fn find_conversation(
        &self,
        contact: &ContactId,
        inbox: &InboxRef,
    ) -> Result<Option<Conversation>> {
        Read::find_conversation(self, contact, inbox.clone())
    }

    fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>> {
        Read::conversations_of(self, contact)
    }

    fn transcript(&self, id: ConversationId) -> Result<Transcript> {
        Read::transcript(self, id)
    }

    fn messages(
        &self,
        id: ConversationId,
        range: MessageRange,
        turns: u64,
    ) -> Result<Vec<Message>> {
        from_both_ends(Read::messages(self, id, range)?, turns)
    }

    fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
        Read::last_messages(self, ids)
    }

    fn notes(&self, id: ConversationId) -> Result<Vec<Note>> {
        Read::notes(self, id)?.take(MOST).collect()
    }

    fn assignee(&self, id: &AssigneeId) -> Result<Assignee> {
        Read::assignee(self, id)
    }

    fn tags(&self) -> Result<Vec<TagCount>> {
        Read::tags(self)
    }

    fn inboxes(&self) -> Result<Vec<Inbox>> {
        Read::inboxes(self)
    }

    fn view(&self, id: &ViewId) -> Result<View> {
        Read::view(self, id)
    }

    fn views(&self) -> Result<Vec<View>> {
        Read::views(self)
    }

    fn assignees(&self) -> Result<Vec<Assignee>> {
        Read::assignees(self)
    }

    fn members_of(&self, team: &TeamId) -> Result<Vec<UserId>> {
        Read::members_of(self, team)
    }

    fn events(&self, after: EventSeq, limit: usize) -> Result<Vec<Event>> {
        Read::events(self, after, limit)
    }

    fn audit_log(&self, id: ConversationId) -> Result<Vec<Event>> {
        Read::audit_log(self, id)
    }

    fn consumers(&self) -> Result<Vec<ConsumerPosition>> {
        Read::consumers(self)
    }

    fn contact(&self, id: &ContactId) -> Result<Contact> {
        Read::contact(self, id)
    }

    fn list_contacts(&self, filter: &ContactFilter, page: PageRequest) -> Result<Page<Contact>> {
        Read::list_contacts(self, filter, page)
    }

    fn contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<Contact>> {
        Read::contacts(self, after, limit)
    }
}

impl<E: Execute + Read> Commands for E {
    fn execute<C: Plain>(&self, context: &Context, command: C) -> Result<Outcome<C::Output>> {
        self.execute_in(context.clone(), command)
    }

    fn purge_events(&self, context: &Context, retention: Retention) -> Result<Outcome<u64>> {
        if *context == Context::new() {
            return Execute::purge_events(self, retention);
        }
        let limit = u64::MAX;
        self.execute_in(context.clone(), PurgeEvents { retention, limit })
    }

    fn contact_of(&self, identity: &Identity) -> Result<ContactId> {
        testing::contact_of(self, identity)
    }
}

impl Backend for Store {
    type Transaction<'t> = Transaction<'t>;

    fn transaction<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        Self::transaction(self, work)
    }

    fn import_all(&self, imports: Vec<Import>) -> Result<u64> {
        Self::import_all(self, imports).map(|outcome| outcome.value)
    }

    fn import_lines(&self, lines: Vec<ImportLine>) -> Result<Vec<LineAnswer>> {
        let lines = (1..).zip(lines.into_iter().map(Ok));
        Self::import_lines(self, lines, &ImportOptions::new()).collect()
    }

    fn reassign(&self, limit: usize) -> Result<Vec<ConversationId>> {
        reassign_now(self, limit)
    }

    fn restart(&self) -> Result<()> {
        self.reopen()
    }

    fn compact(&self) -> Result<()> {
        Self::compact(self)
    }

    fn commit_seq(&self) -> Result<CommitSeq> {
        Read::commit_seq(self)
    }

    fn last_commit_at(&self) -> Result<DateTime<Utc>> {
        Ok(self.stats()?.last_commit_at)
    }

    fn verified_counts(&self) -> Result<Counts> {
        let report = self.verify()?;
        assert!(report.is_clean(), "{:?}", report.findings);
        let stats = self.stats()?;
        let stored = [
            stats.conversations,
            stats.messages,
            stats.notes,
            stats.events,
        ];
        let verified = [
            report.conversations,
            report.messages,
            report.notes,
            report.events,
        ];
        assert_eq!(stored, verified, "what is counted and what is there");
        let assignees = Read::assignees(self)?;
        let of_kind = |kind| assignees.iter().filter(|one| one.id.kind() == kind).count() as u64;
        let directory = (of_kind(AssigneeKind::User), of_kind(AssigneeKind::Team));
        assert_eq!((stats.users, stats.teams), directory, "the directory");
        Ok(Counts {
            conversations: stats.conversations,
            messages: stats.messages,
            notes: stats.notes,
            users: stats.users,
            teams: stats.teams,
            events: stats.events,
            newest_event: stats.newest_event,
            unmatched: stats.unmatched,
            to_reassign: stats.to_reassign,
            times_in_the_future: stats.times_in_the_future,
            commits: stats.commit_seq,
        })
    }
}
