//! What is done to the file as a whole, mostly in O(rows of the file).

use std::cell::RefCell;
use std::env;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;

use convodb_core::{CommitSeq, Result};

use super::Store;
use crate::options::Options;
use crate::stats::{Activity, Stats};
use crate::storage::{self, Health, Recovered, VerifyReport};

impl Options {
    /// Recovers a store whose write-ahead log is damaged: the way on, for an operator, where opening
    /// returns [`Corrupted`](crate::ErrorKind::Corrupted) because durable commits cannot be read.
    ///
    /// It first saves the bytes of the log from the damage on to a new file, which has the permissions
    /// of the store. Then it replays the commits before the damage, erases those bytes, and closes the
    /// store, which opens from then on. It returns what was lost, or `None` if nothing is: then nothing
    /// is changed, and no file is made.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`AlreadyExists`](crate::ErrorKind::AlreadyExists), if the file for
    /// the log exists. If the log could not be saved, the store is unchanged; after a later error it
    /// can be recovered again. [`Corrupted`](crate::ErrorKind::Corrupted) for other damage than that of the
    /// log: where both copies of the superblock are damaged, a backup has to be restored.
    ///
    /// # Complexity
    ///
    /// O(commits to recover), and bytes of the log.
    ///
    /// ```
    /// # use convodb::testing::example::*;
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("inbox.redb");
    /// # drop(Store::open(&path)?);
    /// let unapplied = path.with_extension("log");
    /// match Store::options().recover(&path, &unapplied)? {
    ///     Some(recovered) => println!("{} was the last commit", recovered.commit),
    ///     None => println!("nothing is lost"),
    /// }
    /// # assert!(!unapplied.exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recover(
        self,
        path: impl AsRef<Path>,
        unapplied: impl AsRef<Path>,
    ) -> Result<Option<Recovered>> {
        let options = self.read_only(false);
        let saves_to = options.place(unapplied.as_ref());
        storage::recover(&options.place(path.as_ref()), &options.opening(), &saves_to)
    }
}

impl Store {
    /// Makes the commits of [`Durability::Interval`](crate::Durability::Interval) durable. With another
    /// durability they are durable already.
    ///
    /// # Errors
    ///
    /// [`CommitUnknown`](crate::ErrorKind::CommitUnknown), if the sync failed.
    ///
    /// ```
    /// # use convodb::testing::example::*;
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("inbox.redb");
    /// let durability = Durability::Interval(std::time::Duration::from_millis(50));
    /// let store = Store::options().durability(durability).open(&path)?;
    /// store.receive(Inbound::text(ContactId::new("con_1")?, Channel::Webchat, "Hello"))?;
    /// store.flush()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush(&self) -> Result<()> {
        self.executor().flush()
    }

    /// Recomputes every index entry, total and unique key from the records, counts the messages
    /// from each contact, checks the events and audit logs, counts times in the future, and reports
    /// differences by table and key, and damaged rows, in O(rows of the file). Queries and commands
    /// continue.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let report = store.verify()?;
    /// assert!(report.is_clean(), "{:?}", report.findings);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn verify(&self) -> Result<VerifyReport> {
        self.verify_with(|_, _| ControlFlow::Continue(()))
    }

    /// The same, and calls `progress` every few thousand rows with the number of rows that were read and
    /// of all. It ends where that breaks.
    ///
    /// # Errors
    ///
    /// [`Aborted`](crate::ErrorKind::Aborted), if `progress` ended it.
    ///
    /// ```
    /// # use std::ops::ControlFlow;
    /// # convodb::example!(store);
    /// let report = store.verify_with(|done, of| {
    ///     println!("{done} of {of}");
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert!(report.is_clean());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn verify_with(
        &self,
        progress: impl FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<VerifyReport> {
        let executor = self.executor();
        let now = executor.options.clock.now();
        let progress = RefCell::new(progress);
        executor.read(|view| {
            let step = &mut |done, of| (*progress.borrow_mut())(done, of);
            storage::verify(view, now, step)
        })
    }

    /// Deletes every index entry, total and unique key, derives them from the records in one commit,
    /// and returns the report of [`verify`](Self::verify). The times of conversations, messages and
    /// notes that lie in the future become the present time.
    ///
    /// Records and events that cannot be read stay, and are in the report.
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction), and then nothing was written; after it, as `verify`.
    pub fn repair(&self) -> Result<VerifyReport> {
        self.executor().rebuild()?;
        self.verify()
    }

    /// Writes a consistent copy of the store to a path that does not exist. Queries and commands
    /// continue. After a crash the path holds the whole copy or nothing. Its permissions are those of
    /// the store's file, and so is its owner, where the system permits it.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists), if the path exists;
    /// [`NotFound`](crate::ErrorKind::NotFound), if its directory does not.
    ///
    /// ```
    /// # convodb::example!(store);
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("copy.redb");
    /// store.backup(&path)?;
    /// let copy = Store::open(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<()> {
        let options = &self.executor().options;
        let place = options.place(path.as_ref());
        self.executor()
            .read(|view| storage::backup(view, &place, &options.opening()))
    }

    /// Writes the bytes of such a copy, and returns the number of its last commit.
    ///
    /// The copy is made first, in a file without a name beside the store's, for which the disk needs
    /// room, and with its permissions; of a store in memory it is in the directory of temporary files.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io) and [`StorageFull`](crate::ErrorKind::StorageFull); what was
    /// written is then of no use. The error of `out` is the [source](std::error::Error::source).
    ///
    /// # Complexity
    ///
    /// O(rows of the file).
    ///
    /// ```
    /// # convodb::example!(store);
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("copy.redb");
    /// let mut file = std::fs::File::create(&path)?;
    /// let commit = store.backup_to(&mut file)?;
    /// file.sync_all()?;
    /// assert_eq!(Store::open(&path)?.commit_seq()?, commit);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup_to(&self, out: &mut impl Write) -> Result<CommitSeq> {
        let options = &self.executor().options;
        let beside = options.place(&env::temp_dir().join("convodb"));
        storage::stream(&*self.executor().view()?, beside, &options.opening(), out)
    }

    /// Replaces the file by a packed copy. Commands wait, queries continue; snapshots and iterators
    /// that were taken before end. After a crash the file is the old or the new one.
    ///
    /// The first commits afterwards can double the length of the file, but hardly what it takes of the
    /// disk: redb doubles the room of a file below 4 GiB, and may take its first pages at the end. What
    /// lies between is a hole, where the file system has these; `du` shows what is taken.
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction), and [`Io`](crate::ErrorKind::Io), also where the copy
    /// cannot be given the owner of the file: the data is unchanged.
    /// If it is uncertain which file has the name, commands continue after [`reopen`](Self::reopen).
    pub fn compact(&self) -> Result<()> {
        self.executor().compact()
    }

    /// Closes the file and opens it again, for all clones. It is the way to continue after an I/O
    /// error. Snapshots and iterators that were taken before end.
    ///
    /// After a failed sync it first rewrites the whole file: what is read may not be on the disk.
    ///
    /// # Errors
    ///
    /// As [`Options::open`](crate::Options::open), and [`PathChanged`](crate::ErrorKind::PathChanged), if the
    /// path leads to another file. After an error every call returns
    /// [`NeedsReopen`](crate::ErrorKind::NeedsReopen) until another `reopen` succeeds.
    pub fn reopen(&self) -> Result<()> {
        self.executor().reopen()
    }

    /// Returns what the store can do, without waiting for a writer.
    ///
    /// ```
    /// # convodb::example!(store);
    /// assert!(matches!(store.health(), Health::Healthy));
    /// store.clone().close()?;
    /// assert!(matches!(store.health(), Health::Closed));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn health(&self) -> Health {
        self.executor().monitor.health()
    }

    /// Waits for the calls that are running, also for a [`backup`](Self::backup), and closes the file, for
    /// all clones, snapshots and iterators. Calls that come meanwhile return
    /// [`Closed`](crate::ErrorKind::Closed). Dropping the last clone closes the file too, without returning an error.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), if that was not clean: the next opening recovers all.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let clone = store.clone();
    /// store.close()?;
    /// assert_eq!(clone.count(&Filter::open()).unwrap_err().kind(), ErrorKind::Closed);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn close(self) -> Result<()> {
        self.executor().close()
    }

    /// Returns counts and sizes, in O(pages of the file).
    pub fn stats(&self) -> Result<Stats> {
        let executor = self.executor();
        let leased = executor.current.leased();
        let now = executor.options.clock.now();
        executor.read(|view| Stats::read(view, now, leased, &executor.counters()))
    }

    /// Returns what the store holds and does, for a monitor that asks often: in O(messages that have not
    /// come and for which receipts wait), and without reading a page of what is stored otherwise.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let activity = store.activity()?;
    /// println!("{} commands wait for a checkpoint", activity.wal_commands);
    /// assert_eq!(activity.conversations, store.stats()?.conversations);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn activity(&self) -> Result<Activity> {
        let executor = self.executor();
        let (snapshots, _) = executor.current.leased();
        executor.read(|view| Activity::read(view, snapshots, &executor.counters()))
    }

    /// Waits for a checkpoint that is running. With the feature `testing`.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), if it failed: nothing is written until the store is reopened.
    #[cfg(feature = "testing")]
    pub fn await_checkpoint(&self) -> Result<()> {
        self.executor().await_checkpoint(false)
    }

    /// Makes a checkpoint of every commit. With the feature `testing`.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), if it failed: nothing is written until the store is reopened.
    /// [`StorageFull`](crate::ErrorKind::StorageFull), if the disk has no room.
    #[cfg(feature = "testing")]
    pub fn checkpoint(&self) -> Result<()> {
        self.executor().await_checkpoint(true)
    }
}
