//! The store: opened, shared between threads, closed.

mod clock;
mod commit;
mod consumer;
mod flusher;
mod meter;
mod news;
mod options;
mod refiler;
mod shared;
mod stats;
mod sync;
mod trace;
mod view;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

#[cfg(feature = "testing")]
use convodb_core::ConversationId;
use convodb_core::{Context, Error, ErrorKind, Result};

pub use clock::{Clock, IdGenerator, RandomIds, SystemClock};
use commit::{Failure, Queue};
pub use consumer::Consumer;
use flusher::{Bell, Flusher};
use meter::Meter;
pub use options::{Check, Durability, Options};
use refiler::Refiler;
use shared::{Load, Owner, Shared, Turn, Writing, lock};
pub use stats::Stats;
pub(crate) use view::Lease;
use view::{Ended, Published};

use crate::reader::Snapshot;
use crate::storage::{self, Compacted, Engine, Location, Verification, View};
use crate::writer::{Job, Transaction, poisoned};

/// A store of conversations in one file.
///
/// It is `Clone + Send + Sync`: all clones are one store, and dropping the last closes it. Reading
/// never waits. There is one writer at a time; a command is durable when it returns.
///
/// ```
/// use convodb::{Channel, ContactId, Filter, Inbound, PageRequest, Store};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("inbox.redb");
/// let store = Store::open(&path)?;
/// let contact = ContactId::new("con_01HXYZ")?;
/// let message = store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?.value;
/// let page = store.list(&Filter::open(), PageRequest::new(1, 20)?)?;
/// assert_eq!(page.data[0].id, message.conversation_id);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Store {
    shared: Arc<Owner>,
}

impl Store {
    /// Opens the store in a file, which is created where it is missing. [`Options`] has more.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open(path)
    }

    /// Opens a new store in memory, which is gone when its last clone is.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn in_memory() -> Result<Self> {
        Options::new().open_in_memory()
    }

    pub(crate) fn open_at(location: Location, options: Options) -> Result<Self> {
        let _span = trace::span!(open);
        let engine = Engine::open(&location, &options.opening())?;
        let location = engine.location().clone();
        let published = Published::new(engine.view()?, options.snapshot_age);
        let relaxed = options.relaxed_for();
        let bell = relaxed.is_some().then(Bell::default);
        let shared = Arc::new(Shared {
            published,
            queue: Queue::new(),
            writing: Mutex::new(Writing {
                engine: Ok(engine),
                location,
                failed: false,
                unsynced: false,
            }),
            meter: Meter::default(),
            writer: Mutex::new(None),
            bell: bell.clone(),
            refiler: Refiler::default(),
            options,
        });
        let flusher = relaxed.zip(bell).map(|(within, bell)| {
            let shared = Arc::clone(&shared);
            // The next command tells of an error.
            Flusher::start(bell, within, move || drop(shared.flush()))
        });
        let flusher = flusher.transpose()?;
        shared.start_refiling();
        Ok(Self {
            shared: Arc::new(Owner { shared, flusher }),
        })
    }

    /// Whoever waits for others from within their own transaction would wait for themselves.
    fn check_outside(&self) -> Result<()> {
        if *lock(&self.shared.writer) == Some(thread::current().id()) {
            return Err(Error::new(
                ErrorKind::InTransaction,
                "a command of the store within its own transaction: give it to the transaction",
            ));
        }
        Ok(())
    }

    fn turn(&self) -> Result<Turn<'_>> {
        self.check_outside()?;
        Ok(self.shared.turn())
    }

    /// Whether another thread waits to write.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.shared.queue.is_waited_for()
    }

    /// Runs a command in one commit with those of other threads.
    pub(crate) fn command<T: Send + 'static>(
        &self,
        context: Context,
        command: impl FnOnce(&mut Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.check_outside()?;
        let (job, answer) = Job::new(context, command);
        let done = self
            .shared
            .queue
            .submit(job, |group| self.shared.lead(group));
        answer.take(done.map_err(|failure| match failure {
            Failure::Failed(error) => error,
            Failure::Abandoned => poisoned(),
        }))
    }

    /// The latest view, for one call.
    pub(crate) fn view(&self) -> Result<Arc<View>> {
        self.shared.published.latest()
    }

    pub(crate) fn lease(&self) -> Result<Arc<Lease>> {
        self.shared.published.lease()
    }

    /// The store as it is now: the same reads, all on one view, for as long as it is held.
    ///
    /// A snapshot keeps the pages that it sees alive, some 20 to 40 KB for each command that comes
    /// after it: drop it when it is not needed. It ends with
    /// [`SnapshotExpired`](crate::ErrorKind::SnapshotExpired) when the store is reopened or
    /// compacted, and by its [age](Options::snapshot_age).
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed), [`NeedsReopen`](crate::ErrorKind::NeedsReopen).
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Filter, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// let before = store.snapshot()?;
    /// let contact = ContactId::new("con_01HXYZ")?;
    /// store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?;
    /// assert_eq!(before.count(&Filter::all())?, 0);
    /// assert_eq!(store.count(&Filter::all())?, 1);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.lease().map(Snapshot::new)
    }

    /// Runs several commands as one: `Ok` commits them all, `Err` or a panic leaves nothing.
    ///
    /// The closure runs on this thread, alone with the right to write; within it, commands and
    /// reads go to the transaction, which sees its own writes. A command of the store itself is
    /// [`InTransaction`](crate::ErrorKind::InTransaction) there. One that changes nothing commits
    /// nothing.
    ///
    /// # Errors
    ///
    /// The closure's; [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) when the commit failed
    /// and may have happened; [`TransactionPoisoned`](crate::ErrorKind::TransactionPoisoned) when
    /// a storage error came before; [`Io`](crate::ErrorKind::Io) when earlier ones, which the journal
    /// holds, could not be given to the file: nothing is done then before the store is reopened;
    /// [`NeedsReopen`](crate::ErrorKind::NeedsReopen),
    /// [`Closed`](crate::ErrorKind::Closed), [`InTransaction`](crate::ErrorKind::InTransaction).
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Error, Inbound, Reply, Store};
    /// # let store = Store::in_memory()?;
    /// let contact = ContactId::new("con_01HXYZ")?;
    /// let id = store.transaction(|tx| {
    ///     let hello = tx.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?.value;
    ///     tx.reply(hello.conversation_id, "We are closed until Monday.")?;
    ///     tx.resolve(hello.conversation_id)?;
    ///     Ok::<_, Error>(hello.conversation_id)
    /// })?;
    /// assert_eq!(store.get(id)?.messages.len(), 2);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn transaction<T, E: From<Error>>(
        &self,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut turn = self.turn()?;
        self.shared.write(&mut turn, |transaction| {
            work(transaction).map(|value| (value, Load::of_commands(1)))
        })
    }

    #[cfg(feature = "testing")]
    pub(crate) fn refile(&self, most: usize) -> Result<Vec<ConversationId>> {
        self.check_outside()?;
        self.shared.refile(most)
    }

    /// Makes durable what commands of [`Durability::Relaxed`] have done so far. With another
    /// durability it is so already.
    ///
    /// # Errors
    ///
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) where the sync failed;
    /// [`NeedsReopen`](crate::ErrorKind::NeedsReopen), [`Closed`](crate::ErrorKind::Closed),
    /// [`InTransaction`](crate::ErrorKind::InTransaction).
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Durability, Inbound, Options};
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("inbox.redb");
    /// let store = Options::new().durability(Durability::Relaxed).open(&path)?;
    /// for contact in ["con_1", "con_2", "con_3"] {
    ///     store.receive(Inbound::text(ContactId::new(contact)?, Channel::Webchat, "Hello"))?;
    /// }
    /// store.flush()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&self) -> Result<()> {
        self.check_outside()?;
        self.shared.flush()
    }

    /// The number of commits so far that changed something. A commit whose outcome was unknown
    /// happened if this has reached its [`sequence`](crate::Error::sequence).
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed), [`NeedsReopen`](crate::ErrorKind::NeedsReopen).
    pub fn sequence(&self) -> Result<u64> {
        Ok(self.view()?.head().sequence)
    }

    /// Recomputes every index entry, total and thread from the records, counts the messages from
    /// each contact, looks for events that are missing and for histories that say otherwise than
    /// they, and reports each difference by table and key. Reading goes on, and writing too. O(everything)!
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed), [`NeedsReopen`](crate::ErrorKind::NeedsReopen),
    /// [`Io`](crate::ErrorKind::Io). What is wrong with rows is in the report.
    ///
    /// ```
    /// # let store = convodb::Store::in_memory()?;
    /// let report = store.verify()?;
    /// assert!(report.is_clean(), "{:?}", report.findings);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn verify(&self) -> Result<Verification> {
        storage::verify(&*self.view()?)
    }

    /// Throws every index entry, total and thread away and derives them anew from the records,
    /// in one transaction; reports what [`verify`](Self::verify) finds afterwards. Records that
    /// cannot be read stay as they are, and are in the report; so do events, which nothing else
    /// tells again. O(everything)!
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction), of which nothing was written; and as
    /// [`verify`](Self::verify), where the repair was made and the look at it failed.
    ///
    /// ```
    /// # let store = convodb::Store::in_memory()?;
    /// assert!(store.repair()?.is_clean());
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn repair(&self) -> Result<Verification> {
        self.transaction(|transaction| transaction.rebuild(&*self.view()?))?;
        self.shared.restart_refiling();
        self.verify()
    }

    /// Writes a consistent copy of the store as it is now to a path that does not exist yet.
    /// Reading and writing go on. After a crash the path holds the whole copy or nothing.
    /// O(everything)!
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::ErrorKind::Conflict) where the path exists,
    /// [`NotFound`](crate::ErrorKind::NotFound) where its directory does not,
    /// [`Io`](crate::ErrorKind::Io), [`Closed`](crate::ErrorKind::Closed).
    ///
    /// ```
    /// # use convodb::Store;
    /// # let directory = tempfile::tempdir()?;
    /// # let store = Store::in_memory()?;
    /// store.backup(directory.path().join("copy.redb"))?;
    /// let copy = Store::open(directory.path().join("copy.redb"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<()> {
        let options = &self.shared.options;
        let place = options.place(path.as_ref());
        storage::backup(&*self.view()?, &place, &options.opening())
    }

    /// Puts a packed copy in the place of the file. Writing waits, reading goes on; snapshots and
    /// iterators that were taken before end. After a crash the file is the old or the new one.
    /// O(everything)!
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction), and [`Io`](crate::ErrorKind::Io): what is stored is
    /// then as it was. Where the copy failed to take the file's name for certain, writing goes on
    /// after [`reopen`](Self::reopen).
    ///
    /// ```
    /// # let store = convodb::Store::in_memory()?;
    /// store.compact()?;
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn compact(&self) -> Result<()> {
        let _span = trace::span!(compact);
        let mut turn = self.turn()?;
        let view = self.view()?;
        let engine = turn.engine()?;
        if let Compacted::Unknown(error) = engine.compact(&view, &self.shared.options.opening())? {
            // Reading goes on in the old file, which holds the same.
            turn.fail();
            return Err(error);
        }
        let location = engine.location().clone();
        let fresh = engine.view();
        turn.location = location;
        match fresh {
            Ok(view) => {
                // In this order: who takes a snapshot in between has one of the old file, which
                // stays open for it, and not one that ends at once.
                self.shared.published.revoke(Ended::Expired);
                self.shared.published.publish(view);
                Ok(())
            }
            Err(error) => {
                turn.failed = true;
                Err(error)
            }
        }
    }

    /// Closes the file and opens it again: the way on after an I/O error. It heals every clone;
    /// snapshots and iterators that were taken before end.
    ///
    /// After a sync that failed it first writes the whole file once more: the system may take for
    /// written what is not. O(file) then!
    ///
    /// # Errors
    ///
    /// As [`Options::open`]; [`Closed`](crate::ErrorKind::Closed) after
    /// [`close`](Self::close). After an error the store stays as good as closed until another
    /// `reopen` succeeds.
    ///
    /// ```
    /// # let store = convodb::Store::in_memory()?;
    /// store.reopen()?;
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn reopen(&self) -> Result<()> {
        let _span = trace::span!(reopen);
        let mut turn = self.turn()?;
        if let Err(Ended::Closed) = turn.engine {
            return Err(Error::closed());
        }
        self.shared.published.end(Ended::Reopening);
        let old = std::mem::replace(&mut turn.engine, Err(Ended::Reopening));
        // The reason to reopen may well keep the file from closing cleanly.
        let closed = old.map_or(Ok(()), Engine::close);
        turn.unsynced |= closed.is_err_and(|error| error.kind() == ErrorKind::Io);
        if turn.unsynced {
            turn.location.rewrite()?;
        }
        // Opening may recover, and so write and sync.
        turn.unsynced = true;
        let mut opening = self.shared.options.opening();
        opening.create = false;
        let engine = Engine::open(&turn.location, &opening)?;
        let view = engine.view()?;
        turn.engine = Ok(engine);
        turn.failed = false;
        turn.unsynced = false;
        self.shared.published.publish(view);
        self.shared.restart_refiling();
        Ok(())
    }

    /// Closes the file, waiting for the calls that are under way. Every other clone, snapshot and
    /// iterator answers [`Closed`](crate::ErrorKind::Closed) from then on.
    ///
    /// Dropping the last clone closes too, without telling of an error.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed) where it was closed before;
    /// [`Io`](crate::ErrorKind::Io) where the file could not be closed cleanly: nothing that was
    /// acknowledged is lost, but the next opening may have to recover.
    ///
    /// ```
    /// # use convodb::{ErrorKind, Filter, Store};
    /// # let store = Store::in_memory()?;
    /// let clone = store.clone();
    /// store.close()?;
    /// assert_eq!(clone.count(&Filter::open()).unwrap_err().kind(), ErrorKind::Closed);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn close(self) -> Result<()> {
        let mut turn = self.turn()?;
        self.shared.published.end(Ended::Closed);
        match std::mem::replace(&mut turn.engine, Err(Ended::Closed)) {
            Ok(engine) => engine.close(),
            Err(Ended::Closed) => Err(Error::closed()),
            Err(_) => Ok(()),
        }
    }

    /// Waits for the checkpoint that is under way, if one is: nothing is done beside the callers then.
    /// With the feature `testing`.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io) where the checkpoint failed: nothing more is written before the
    /// store is reopened. [`Closed`](crate::ErrorKind::Closed),
    /// [`NeedsReopen`](crate::ErrorKind::NeedsReopen).
    ///
    /// ```
    /// # let store = convodb::Store::in_memory()?;
    /// store.await_checkpoint()?;
    /// # Ok::<(), convodb::Error>(())
    /// ```
    #[cfg(feature = "testing")]
    pub fn await_checkpoint(&self) -> Result<()> {
        let mut turn = self.turn()?;
        let engine = turn.engine()?;
        let ended = engine.await_checkpoint();
        self.shared.meter.journaled(engine.journaled());
        if ended.is_err() {
            turn.fail();
        }
        ended
    }

    /// Counts and sizes. O(pages of the file), for the bytes that are stored.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::ErrorKind::Closed), [`NeedsReopen`](crate::ErrorKind::NeedsReopen),
    /// [`Io`](crate::ErrorKind::Io).
    ///
    /// ```
    /// # let store = convodb::Store::in_memory()?;
    /// assert_eq!(store.stats()?.conversations, 0);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn stats(&self) -> Result<Stats> {
        Stats::read(
            &*self.view()?,
            self.shared.published.leased(),
            &self.shared.meter.read(),
        )
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
