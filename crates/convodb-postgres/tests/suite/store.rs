//! A workspace by the names of `convodb`'s store, so that the same files of tests run on both: they import from
//! `crate::store`, which is the testkit's module of that name where they run on a store of `convodb`.

use std::sync::Arc;
use std::time::Duration;

pub use convodb::Execute;
use convodb::testing::{ManualClock, Sealed, SeededIds};
use convodb::*;
pub use convodb_postgres::PgStats as Stats;
use convodb_postgres::testing::{self, ExclusiveTransaction};
use convodb_postgres::{PgOptions, PgRead, PgSnapshot, PgStore, VerifyReport};

pub use convodb_testkit::postgres::test;
use convodb_testkit::views::MOST_VIEWS;

use crate::backend::{self, block_on};

/// Long tests do so many times less than in memory.
pub const SLOWER: u32 = 6;

/// More rows than a test has.
const ALL: usize = 1 << 32;

/// Options of a workspace of its own.
#[derive(Clone, Debug)]
pub struct Options(pub PgOptions);

impl Default for Options {
    fn default() -> Self {
        Self(backend::options())
    }
}

impl Options {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn clock(self, clock: ManualClock) -> Self {
        Self(self.0.clock(move || clock.get()))
    }

    pub fn ids(self, ids: SeededIds) -> Self {
        Self(self.0.random(move || ids.random()))
    }

    pub fn reassign_by_hand(self) -> Self {
        Self(self.0.background(false))
    }

    pub fn idempotency_ttl(self, ttl: Duration) -> Self {
        Self(self.0.idempotency_ttl(ttl))
    }

    pub fn max_views(self, most: u64) -> Self {
        Self(self.0.max_views(most))
    }

    /// A workspace is on its server's disk: what other tests do not see is as good for them.
    pub fn open_in_memory(self) -> Result<Store> {
        block_on(PgStore::open(self.0)).map(Store)
    }
}

/// Options of which what happens does not depend on time.
pub fn options(clock: &ManualClock) -> Options {
    let options = Options::new().clock(clock.clone());
    let options = options.ids(SeededIds::new(11)).reassign_by_hand();
    options.max_views(MOST_VIEWS)
}

/// Where a store is while it is closed.
pub struct Place(String);

impl Place {
    pub fn new() -> Self {
        Self(backend::workspace())
    }

    pub fn open(&self, Options(options): Options) -> Store {
        let options = Options(options.workspace(&self.0));
        options.open_in_memory().unwrap()
    }
}

#[derive(Clone, Debug)]
pub struct Store(pub PgStore);

impl Store {
    pub fn in_memory() -> Result<Self> {
        Options::new().open_in_memory()
    }

    pub fn with(&self, context: Context) -> Self {
        Self(self.0.with(context))
    }

    pub fn snapshot(&self) -> Result<Snapshot> {
        block_on(self.0.snapshot()).map(Arc::new).map(Snapshot)
    }

    pub fn transaction<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let exclusive = block_on(testing::begin(&self.0))?;
        let done = work(&Transaction {
            exclusive: &exclusive,
            store: self,
            context: self.0.context().clone(),
        });
        block_on(exclusive.end(done.is_ok()))?;
        done
    }

    pub fn import_all(
        &self,
        imports: impl IntoIterator<Item = Import, IntoIter: Send> + Send,
    ) -> Result<Outcome<u64>> {
        block_on(self.0.import_all(imports))
    }

    pub fn import_lines<L: IntoIterator<Item = NumberedLine>>(
        &self,
        lines: L,
        options: &ImportOptions,
    ) -> impl Iterator<Item = Result<LineAnswer>> + use<L> {
        let lines = lines.into_iter().collect();
        let (answers, error) = match block_on(self.0.import_lines(lines, options)) {
            Ok(answers) => (answers, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        answers.into_iter().map(Ok).chain(error)
    }

    pub fn stats(&self) -> Result<Stats> {
        block_on(self.0.stats())
    }

    pub fn verify(&self) -> Result<VerifyReport> {
        block_on(self.0.verify())
    }

    pub fn repair(&self) -> Result<VerifyReport> {
        block_on(self.0.repair())
    }

    pub fn close(self) -> Result<()> {
        self.0.close();
        Ok(())
    }
}

impl Sealed for Store {}

impl Execute for Store {
    fn context(&self) -> &Context {
        self.0.context()
    }

    fn execute_in<C: Command>(&self, context: Context, command: C) -> Result<Outcome<C::Output>> {
        block_on(self.0.execute_in(context, command))
    }
}

pub fn reassign_now(store: &Store, limit: usize) -> Result<Vec<ConversationId>> {
    block_on(testing::reassign_now(&store.0, limit))
}

pub fn contact_of(store: &Store, identity: &Identity) -> Result<ContactId> {
    testing::contact_of(&store.0, identity)
}

/// A transaction that reads what it wrote.
#[derive(Debug)]
pub struct Transaction<'t> {
    exclusive: &'t ExclusiveTransaction,
    pub store: &'t Store,
    context: Context,
}

impl Transaction<'_> {
    pub fn with(&self, context: Context) -> Self {
        Self { context, ..*self }
    }
}

impl Sealed for Transaction<'_> {}

impl Execute for Transaction<'_> {
    fn context(&self) -> &Context {
        &self.context
    }

    fn execute_in<C: Command>(&self, context: Context, command: C) -> Result<Outcome<C::Output>> {
        block_on(self.exclusive.execute_in(&context, &command))
    }
}

#[derive(Clone, Debug)]
pub struct Snapshot(Arc<PgSnapshot>);

/// The queries, each until it is answered.
pub trait Read {
    type Source: PgRead;

    fn source(&self) -> &Self::Source;

    fn list(
        &self,
        filter: &Filter,
        page: impl TryInto<PageRequest, Error: Into<Error>>,
    ) -> Result<Page<Conversation>> {
        let page = page.try_into().map_err(Into::into)?;
        block_on(self.source().list(filter, page))
    }

    fn count(&self, filter: &Filter) -> Result<u64> {
        block_on(self.source().count(filter))
    }

    fn counts(&self, filters: &[Filter]) -> Result<Vec<u64>> {
        block_on(self.source().counts(filters))
    }

    fn rank(&self, id: ConversationId, filter: &Filter) -> Result<Option<u64>> {
        block_on(self.source().rank(id, filter))
    }

    fn conversation(&self, id: ConversationId) -> Result<Conversation> {
        block_on(self.source().conversation(id))
    }

    fn find_conversation(
        &self,
        contact: &ContactId,
        inbox: impl Into<InboxRef>,
    ) -> Result<Option<Conversation>> {
        block_on(self.source().find_conversation(contact, &inbox.into()))
    }

    fn conversations_of(&self, contact: &ContactId) -> Result<Vec<Conversation>> {
        block_on(self.source().conversations_of(contact))
    }

    fn contact(&self, id: &ContactId) -> Result<Contact> {
        block_on(self.source().contact(id))
    }

    fn list_contacts(
        &self,
        filter: &ContactFilter,
        page: impl TryInto<PageRequest, Error: Into<Error>>,
    ) -> Result<Page<Contact>> {
        let page = page.try_into().map_err(Into::into)?;
        block_on(self.source().list_contacts(filter, page))
    }

    fn transcript(&self, id: ConversationId) -> Result<Transcript> {
        block_on(self.source().transcript(id))
    }

    fn message(&self, message: impl Into<MessageRef>) -> Result<Message> {
        block_on(self.source().message(&message.into()))
    }

    fn messages(
        &self,
        id: ConversationId,
        range: impl Into<MessageRange>,
    ) -> Result<impl DoubleEndedIterator<Item = Result<Message>>> {
        let found = block_on(self.source().messages(id, &range.into(), ALL))?;
        Ok(found.into_iter().map(Ok))
    }

    fn last_messages(&self, ids: &[ConversationId]) -> Result<Vec<Option<Message>>> {
        block_on(self.source().last_messages(ids))
    }

    fn notes(&self, id: ConversationId) -> Result<impl Iterator<Item = Result<Note>>> {
        let found = block_on(self.source().notes(id))?;
        Ok(found.into_iter().map(Ok))
    }

    fn inbox(&self, id: &InboxId) -> Result<Inbox> {
        block_on(self.source().inbox(id))
    }

    fn inboxes(&self) -> Result<Vec<Inbox>> {
        block_on(self.source().inboxes())
    }

    fn view(&self, id: &ViewId) -> Result<View> {
        block_on(self.source().view(id))
    }

    fn assignee(&self, id: &AssigneeId) -> Result<Assignee> {
        block_on(self.source().assignee(id))
    }

    fn assignees(&self) -> Result<Vec<Assignee>> {
        block_on(self.source().assignees())
    }

    fn team(&self, id: &TeamId) -> Result<Team> {
        block_on(self.source().team(id))
    }

    fn members_of(&self, team: &TeamId) -> Result<Vec<UserId>> {
        block_on(self.source().members_of(team))
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

    fn commit_seq(&self) -> Result<CommitSeq> {
        block_on(self.source().commit_seq())
    }
}

impl Read for Store {
    type Source = PgStore;

    fn source(&self) -> &PgStore {
        &self.0
    }
}

impl Read for Snapshot {
    type Source = PgSnapshot;

    fn source(&self) -> &PgSnapshot {
        &self.0
    }
}

impl Read for Transaction<'_> {
    type Source = ExclusiveTransaction;

    fn source(&self) -> &ExclusiveTransaction {
        self.exclusive
    }
}
