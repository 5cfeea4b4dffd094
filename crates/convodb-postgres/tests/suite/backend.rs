//! A workspace of the tests' server, as what the rules and the model are tested on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use convodb::commands::PurgeEvents;
use convodb::testing::ManualClock;
use convodb::*;
use convodb_postgres::{Numbering, PgOptions, PgRead, PgStore, migrate, testing};
use convodb_testkit::backend::{Backend, Commands, Counts, MOST, Plain, Queries};
use convodb_testkit::postgres::{Server, shared};
use tokio::runtime::Runtime;

use crate::store::{self, Options, Read as _, Snapshot, Store, Transaction};

/// Runs what is async.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let new = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    };
    RUNTIME.get_or_init(new).block_on(work)
}

/// A database with the schema, on a server.
pub fn database(server: &Server, name: &str) -> String {
    server.psql("postgres", &format!("CREATE DATABASE {name}"));
    let url = server.url(name);
    block_on(migrate(&PgOptions::new(&url).unwrap())).unwrap();
    url
}

/// The database that the tests share, each in a workspace of its own.
pub fn url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| database(shared(), "suite"))
}

/// The name of a workspace that no other test has.
pub fn workspace() -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    format!("test_{number}")
}

/// Options of such a workspace.
pub fn options() -> PgOptions {
    let options = PgOptions::new(url()).unwrap();
    options.workspace(workspace()).connections(4)
}

/// A store with a clock that is set by hand, and ids of a seed.
pub struct Pg {
    options: PgOptions,
    store: RwLock<PgStore>,
    /// How many commands were given.
    commands: Mutex<u64>,
    numbering: Numbering,
    /// The commits that made it ready.
    before: u64,
}

impl Pg {
    pub fn new(clock: &ManualClock, numbering: Numbering) -> Self {
        let Options(options) = store::options(clock);
        let store = block_on(PgStore::open(options.clone())).unwrap();
        // A change is a commit, whose time is long before the first one of the test.
        let now = clock.get();
        clock.set(now - TimeDelta::days(1));
        block_on(store.set_numbering(numbering)).unwrap();
        block_on(testing::settle_now(&store)).unwrap();
        clock.set(now);
        let before = block_on(store.commit_seq()).unwrap().get();
        Self {
            options,
            store: RwLock::new(store),
            commands: Mutex::new(0),
            numbering,
            before,
        }
    }

    pub fn store(&self) -> PgStore {
        self.store.read().unwrap().clone()
    }

    /// Folds the counts between some of the commands.
    fn fold_sometimes(&self) {
        let mut commands = self.commands.lock().unwrap();
        *commands += 1;
        if commands.is_multiple_of(7) {
            block_on(testing::settle_now(&self.store())).unwrap();
        }
    }

    /// A number of a commit, where the first of the test is 1.
    const fn counted(&self, commit: CommitSeq) -> CommitSeq {
        CommitSeq::new(commit.get() - self.before)
    }
}

macro_rules! queries {
    ($($backend:ty),*) => {$(
        impl Queries for $backend {
            fn list(&self, filter: &Filter, page: PageRequest) -> Result<Page<Conversation>> {
                block_on(self.source().list(filter, page))
            }
            fn count(&self, filter: &Filter) -> Result<u64> {
                block_on(self.source().count(filter))
            }
            fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>> {
                block_on(self.source().rank(id, filter))
            }
            fn conversation(&self, id: ConversationId) -> Result<Conversation> {
                block_on(self.source().conversation(id))
            }
            fn conversations(&self, ids: &[ConversationId]) -> Result<Vec<Option<Conversation>>> {
                block_on(self.source().conversations(ids))
            }
            fn find_conversation(
                &self,
                contact: &ContactId,
                inbox: &InboxRef,
            ) -> Result<Option<Conversation>> {
                block_on(self.source().find_conversation(contact, inbox))
            }
            fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>> {
                block_on(self.source().conversations_of(contact))
            }
            fn transcript(&self, id: ConversationId) -> Result<Transcript> {
                block_on(self.source().transcript(id))
            }
            fn messages(
                &self,
                id: ConversationId,
                range: MessageRange,
                turns: u64,
            ) -> Result<Vec<Message>> {
                let all = block_on(self.source().messages(id, &range, MOST))?;
                let mut back = block_on(self.source().newest_messages(id, &range, MOST))?;
                back.reverse();
                assert_eq!(all, back, "messages read from either end");
                let cut = all.len().min(turns as usize % 5);
                let first = block_on(self.source().messages(id, &range, cut))?;
                assert_eq!(first, all[..cut], "the first messages");
                Ok(all)
            }
            fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
                block_on(self.source().last_messages(ids))
            }
            fn notes(&self, id: ConversationId) -> Result<Vec<Note>> {
                block_on(self.source().notes(id))
            }
            fn assignee(&self, id: &AssigneeId) -> Result<Assignee> {
                block_on(self.source().assignee(id))
            }
            fn assignees(&self) -> Result<Vec<Assignee>> {
                block_on(self.source().assignees())
            }
            fn members_of(&self, team: &TeamId) -> Result<Vec<UserId>> {
                block_on(self.source().members_of(team))
            }
            fn inboxes(&self) -> Result<Vec<Inbox>> {
                block_on(self.source().inboxes())
            }
            fn view(&self, id: &ViewId) -> Result<View> {
                block_on(self.source().view(id))
            }
            fn views(&self) -> Result<Vec<View>> {
                block_on(self.source().views())
            }
            fn tags(&self) -> Result<Vec<TagCount>> {
                block_on(self.source().tags())
            }
            fn events(&self, after: EventSeq, limit: usize) -> Result<Vec<Event>> {
                block_on(self.source().events(after, limit))
            }
            fn audit_log(&self, id: ConversationId) -> Result<Vec<Event>> {
                block_on(self.source().audit_log(id))
            }
            fn consumers(&self) -> Result<Vec<ConsumerPosition>> {
                block_on(self.source().consumers())
            }
            fn contact(&self, id: &ContactId) -> Result<Contact> {
                block_on(self.source().contact(id))
            }
            fn list_contacts(
                &self,
                filter: &ContactFilter,
                page: PageRequest,
            ) -> Result<Page<Contact>> {
                block_on(self.source().list_contacts(filter, page))
            }
            fn contacts(&self, after: Option<&ContactId>, limit: usize) -> Result<Vec<Contact>> {
                block_on(self.source().contacts(after, limit))
            }
        }
    )*};
}

queries! { Pg, Transaction<'_>, Snapshot }

impl Pg {
    /// Events that are settled are there a moment later: that is, now.
    pub fn source(&self) -> PgStore {
        let store = self.store();
        if self.numbering == Numbering::Settled {
            block_on(testing::settle_now(&store)).unwrap();
        }
        store
    }
}

impl Commands for Pg {
    fn numbers_commits(&self) -> bool {
        self.numbering == Numbering::Head
    }

    fn execute<C: Plain>(&self, context: &Context, command: C) -> Result<Outcome<C::Output>> {
        self.fold_sometimes();
        let mut outcome = block_on(self.source().execute_in(context.clone(), command))?;
        outcome.commit = outcome.commit.map(|commit| self.counted(commit));
        Ok(outcome)
    }

    fn purge_events(&self, context: &Context, retention: Retention) -> Result<Outcome<u64>> {
        let limit = u64::MAX;
        self.execute(context, PurgeEvents { retention, limit })
    }

    fn contact_of(&self, identity: &Identity) -> Result<ContactId> {
        testing::contact_of(&self.store(), identity)
    }
}

impl Commands for Transaction<'_> {
    fn numbers_commits(&self) -> bool {
        self.store.0.numbering() == Numbering::Head
    }

    fn execute<C: Plain>(&self, context: &Context, command: C) -> Result<Outcome<C::Output>> {
        self.execute_in(context.clone(), command)
    }

    fn purge_events(&self, context: &Context, retention: Retention) -> Result<Outcome<u64>> {
        let limit = u64::MAX;
        self.execute_in(context.clone(), PurgeEvents { retention, limit })
    }

    fn contact_of(&self, identity: &Identity) -> Result<ContactId> {
        testing::contact_of(&self.store.0, identity)
    }
}

impl Backend for Pg {
    type Transaction<'t> = Transaction<'t>;

    fn transaction<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        Store(self.source()).transaction(work)
    }

    fn import_all(&self, imports: Vec<Import>) -> Result<u64> {
        block_on(self.store().import_all(imports)).map(|outcome| outcome.value)
    }

    fn import_lines(&self, lines: Vec<ImportLine>) -> Result<Vec<LineAnswer>> {
        let lines = (1..).zip(lines.into_iter().map(Ok)).collect();
        block_on(self.store().import_lines(lines, &ImportOptions::new()))
    }

    fn reassign(&self, limit: usize) -> Result<Vec<ConversationId>> {
        block_on(testing::reassign_now(&self.store(), limit))
    }

    fn restart(&self) -> Result<()> {
        // Within a millisecond, ids ascend beyond those of another process as far as its commits are settled.
        block_on(testing::settle_now(&self.store()))?;
        let store = block_on(PgStore::open(self.options.clone()))?;
        *self.store.write().unwrap() = store;
        Ok(())
    }

    fn compact(&self) -> Result<()> {
        block_on(testing::settle_now(&self.store()))
    }

    fn commit_seq(&self) -> Result<CommitSeq> {
        block_on(self.source().commit_seq()).map(|commit| self.counted(commit))
    }

    fn last_commit_at(&self) -> Result<DateTime<Utc>> {
        Ok(block_on(self.store().stats())?.last_commit_at)
    }

    fn verified_counts(&self) -> Result<Counts> {
        let report = block_on(self.source().verify())?;
        assert!(report.is_clean(), "{:?}", report.findings);
        let stats = block_on(self.store().stats())?;
        assert_eq!(stats.conversations, report.conversations);
        assert_eq!(stats.messages, report.messages);
        assert_eq!(stats.notes, report.notes);
        assert_eq!(stats.events, report.events);
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
            commits: self.counted(stats.commit_seq),
        })
    }
}
