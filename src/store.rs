//! The store.

mod maintenance;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use convodb_core::{Command, Context, Error, EventSeq, Import, Outcome, Result};

use crate::execute::{self, Execute};
use crate::executor::{Executor, Owner, Pending};
use crate::options::Options;
use crate::snapshot::Snapshot;
use crate::storage::Location;
use crate::transaction::{self, Transaction};

/// A commit of [`Store::import_all`] has at least this many conversations.
const IMPORTED_AT_LEAST: u64 = 16 * 1024;

/// A store of conversations in one file.
///
/// It is `Clone + Send + Sync`. Clones share the file, and dropping the last one closes it. Its
/// commands are the methods of [`Execute`], its queries those of [`Read`](crate::Read). A command
/// is durable when it returns; concurrent commands share a commit. Queries wait for no writer.
///
/// # Errors
///
/// A method of an open store can return [`Closed`](crate::ErrorKind::Closed) after
/// [`close`](Self::close), [`NeedsReopen`](crate::ErrorKind::NeedsReopen) until
/// [`reopen`](Self::reopen) succeeds, and [`Io`](crate::ErrorKind::Io). One that writes or waits
/// returns [`ReentrantCommand`](crate::ErrorKind::ReentrantCommand) within the store's own
/// transaction. The methods list the others.
///
/// ```
/// use convodb::prelude::*;
/// use convodb::{Channel, ContactId, Filter, Inbound};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("inbox.redb");
/// let store = Store::open(&path)?;
/// let contact = ContactId::new("con_01HXYZ")?;
/// let message = store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?.value;
/// let page = store.list(&Filter::open(), (1, 20))?;
/// assert_eq!(page.data[0].id, message.conversation_id);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Store {
    owner: Arc<Owner>,
    context: Context,
}

impl Store {
    /// Opens the store in a file, and creates the file if it is missing, as [`Options::open`] does.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(path)
    }

    /// Creates a store in memory, as [`Options::open_in_memory`] does.
    pub fn in_memory() -> Result<Self> {
        Self::options().open_in_memory()
    }

    /// Returns the default [`Options`], to change them and open a store.
    #[must_use]
    pub fn options() -> Options {
        Options::new()
    }

    fn open_at(location: &Location, options: Options) -> Result<Self> {
        Ok(Self {
            owner: Arc::new(Owner::open(location, options)?),
            context: Context::new(),
        })
    }

    pub(crate) fn executor(&self) -> &Arc<Executor> {
        &self.owner.executor
    }

    /// The same store; its commands carry this context. It can be kept, or passed to a thread.
    ///
    /// ```
    /// # convodb::example!(store, id, contact, alice);
    /// let alice = store.with(Context::new().actor(alice));
    /// alice.resolve(id)?;
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn with(&self, context: Context) -> Self {
        Self {
            owner: Arc::clone(&self.owner),
            context,
        }
    }

    /// Takes a snapshot: the same queries, all on the latest commit, as long as it is held, up to
    /// its [time to live](Options::snapshot_ttl).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let before = store.snapshot()?;
    /// store.resolve(id)?;
    /// assert_eq!(before.count(&Filter::open())?, 1);
    /// assert_eq!(store.count(&Filter::open())?, 0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn snapshot(&self) -> Result<Snapshot> {
        let executor = self.executor();
        Ok(Snapshot {
            lease: executor.current.lease()?,
            taken_at: executor.options.clock.now(),
        })
    }

    /// Runs several commands as one: `Ok` commits them, and `Err` or a panic writes nothing.
    ///
    /// The closure runs on this thread, alone with the right to write. Its commands and queries go
    /// to the [`Transaction`], whose queries see its own writes. Commands carry the context of this
    /// store; [`Transaction::with`] sets another. If nothing is changed, nothing is committed.
    ///
    /// # Errors
    ///
    /// The closure's, and those of [every command](Execute#errors).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// store.transaction(|tx| {
    ///     tx.reply(id, "We are closed until Monday.")?;
    ///     tx.resolve(id)?;
    ///     Ok::<_, Error>(())
    /// })?;
    /// assert_eq!(store.transcript(id)?.messages.len(), 2);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn transaction<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let executor = self.executor();
        let context = self.context.clone();
        executor.write_alone(|unit| Transaction::run(unit, executor, context, work))
    }

    /// Queues a command for the next commit, and returns at once.
    ///
    /// [`Pending`] is a future and can also be waited for. Dropping it does not cancel the command.
    /// Submitted commands and those of [`Execute`] commit in the order in which they were given. A
    /// thread that the first call starts leads their commits. See
    /// [`docs::asynchronous`](crate::docs::asynchronous).
    ///
    /// ```
    /// # convodb::example!(store, id, contact);
    /// let [first, second] = ["Hello", "Anybody?"].map(|text| {
    ///     let message = Inbound::text(&contact, Channel::Webchat, text);
    ///     store.submit(ReceiveMessage { message })
    /// });
    /// // Both are in one commit, or in two if the first was committed before the second came.
    /// assert!(first.wait()?.commit <= second.wait()?.commit);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn submit<C: Command>(&self, command: C) -> Pending<C::Output> {
        self.owner.submit(self.context.clone(), command)
    }

    /// Imports many conversations, each as [`import`](Execute::import) does, sorted and in large
    /// commits, in O(messages and notes) and the pages that they are on. The value is their number.
    ///
    /// Into a store without conversations this is one commit of up to 1.8 million, fewer with provider
    /// ids. What is gathered for it is sorted in a file without a name beside the store's, which needs
    /// as much room. Later commits, and those of a store in memory, have 16,384 conversations or as
    /// many as the store has, whichever are more, but at most 96 MiB of rows. A load needs about three
    /// times that memory beside the [cache](Options::cache_size). If another command waits, the commit
    /// ends after 16,384 conversations, and the command runs before the next one. A load is fastest
    /// without other writers. [`Transaction::import_all`] imports all or none.
    ///
    /// # Errors
    ///
    /// As [`import`](Execute::import), for the first conversation that is rejected. The field of
    /// invalid input begins with the conversation's index, `import[7]`, from 0. Earlier commits stay.
    /// A context with an idempotency key or preconditions is invalid too.
    ///
    /// ```
    /// # convodb::example!(store);
    /// # let created_at = chrono::DateTime::from_timestamp_millis(1_776_000_000_000).unwrap();
    /// let imports = (0..1_000).map(|n| {
    ///     let contact = ContactId::new(&format!("con_{n}")).expect("a valid id");
    ///     let id = ConversationId::from_parts(1_776_000_000_000, n);
    ///     Import::new(Conversation::new(id, contact, Channel::Webchat, created_at), vec![])
    /// });
    /// assert_eq!(store.import_all(imports)?.value, 1_000);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn import_all(&self, imports: impl IntoIterator<Item = Import>) -> Result<Outcome<u64>> {
        let executor = self.executor();
        transaction::import_all(&self.context, imports, |imports, imported| {
            let [known, ..] = executor.view()?.counts()?;
            // Nearly every page of the unique keys is written by each commit: commits of one size
            // would make a load quadratic.
            let at_most = match known {
                0 => u64::MAX,
                known => known.max(IMPORTED_AT_LEAST),
            };
            executor.write_alone(|mut unit| {
                let mut taken = 0;
                let mut batch = std::iter::from_fn(|| {
                    let is_enough = taken >= IMPORTED_AT_LEAST;
                    if taken == at_most || is_enough && executor.queue.is_contended() {
                        return None;
                    }
                    taken += 1;
                    imports.next()
                });
                let given = executor.given(&self.context);
                let some = unit.whole(|unit| unit.import_some(&given, imported, &mut batch))?;
                Ok(((some, unit.commit_seq()), unit))
            })
        })
    }

    /// Blocks until there are events after this one, at most this long. Returns whether there are.
    ///
    /// [`close`](Self::close) and [`reopen`](Self::reopen) end it too. It fails as
    /// [`Read::events`](crate::Read::events).
    ///
    /// ```
    /// # convodb::example!(store, id);
    /// let newest = EventSeq::new(2);
    /// assert!(!store.wait_for_events(newest, Duration::from_millis(1))?);
    /// store.resolve(id)?;
    /// assert!(store.wait_for_events(newest, Duration::MAX)?);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn wait_for_events(&self, after: EventSeq, timeout: Duration) -> Result<bool> {
        self.executor().wait_for_events(after, None, timeout)
    }

    /// The same as a future, without a limit. It does not keep the store open.
    pub fn events_changed(
        &self,
        after: EventSeq,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        self.executor().events_changed(after, None)
    }
}

impl execute::sealed::Sealed for Store {}

impl Execute for Store {
    fn context(&self) -> &Context {
        &self.context
    }

    fn execute_in<C: Command>(&self, context: Context, command: C) -> Result<Outcome<C::Output>> {
        self.executor().execute(context, command)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Opens the store in a file.
    ///
    /// # Errors
    ///
    /// - [`Locked`](crate::ErrorKind::Locked), if the file is open already, here or in another process,
    ///   and stays so for the [timeout](Options::lock_timeout);
    /// - [`NotADatabase`](crate::ErrorKind::NotADatabase),
    ///   [`UnsupportedVersion`](crate::ErrorKind::UnsupportedVersion) and
    ///   [`Corrupted`](crate::ErrorKind::Corrupted), for a file of another kind, of a newer version,
    ///   and a damaged one;
    /// - [`NotFound`](crate::ErrorKind::NotFound), if the file or its directory is missing;
    /// - [`Io`](crate::ErrorKind::Io).
    ///
    /// # Complexity
    ///
    /// O(users and teams), and commits to recover.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store> {
        Store::open_at(&Location::File(self.place(path.as_ref())), self)
    }

    /// Creates a store in memory. It is lost when its last clone is dropped.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), if a thread cannot be started.
    pub fn open_in_memory(self) -> Result<Store> {
        Store::open_at(&Location::memory(), self)
    }
}
