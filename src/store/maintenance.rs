//! What is done to the file as a whole, mostly in O(rows of the file).

use std::path::Path;

use convodb_core::Result;

use super::Store;
use crate::stats::Stats;
use crate::storage::{self, VerifyReport};

impl Store {
    /// Makes the commits of [`Durability::Relaxed`](crate::Durability::Relaxed) durable. With another
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
    /// let store = Store::options().durability(Durability::Relaxed).open(&path)?;
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
        let executor = self.executor();
        storage::verify(&*executor.view()?, executor.options.clock.now())
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
    /// continue. After a crash the path holds the whole copy or nothing.
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
        storage::backup(&*self.executor().view()?, &place, &options.opening())
    }

    /// Replaces the file by a packed copy. Commands wait, queries continue; snapshots and iterators
    /// that were taken before end. After a crash the file is the old or the new one.
    ///
    /// # Errors
    ///
    /// As [`transaction`](Self::transaction), and [`Io`](crate::ErrorKind::Io): the data is unchanged.
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
    /// As [`Options::open`](crate::Options::open). After an error every call returns
    /// [`NeedsReopen`](crate::ErrorKind::NeedsReopen) until another `reopen` succeeds.
    pub fn reopen(&self) -> Result<()> {
        self.executor().reopen()
    }

    /// Waits for the calls that are running and closes the file, for all clones, snapshots and
    /// iterators. Dropping the last clone closes the file too, without returning an error.
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
        Stats::read(&*executor.view()?, now, leased, &executor.counters())
    }

    /// Waits for a checkpoint that is running. With the feature `testing`.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io), if it failed: nothing is written until the store is reopened.
    #[cfg(feature = "testing")]
    pub fn await_checkpoint(&self) -> Result<()> {
        self.executor().await_checkpoint()
    }
}
