//! The options of a store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, IdGenerator, RandomIds, SystemClock};
use crate::storage::{Disk, Opening, Place, SystemDisk};

/// When a command is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// When it returns: its record is in the write-ahead log and synced. Concurrent commands share a
    /// sync.
    #[default]
    Commit,
    /// At most this long after it returns, or after [`flush`](crate::Store::flush). Queries see it at
    /// once. A crash of the process loses nothing; a crash of the system loses the last commands, each
    /// as a whole and in order.
    Interval(Duration),
}

/// The least size of the write-ahead log of a new file.
const LEAST_WAL_BYTES: u64 = 64 << 10;

/// The options of a store. [`Store::options`](crate::Store::options) returns the defaults.
///
/// ```
/// use std::time::Duration;
///
/// use convodb::{Durability, Store};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("inbox.redb");
/// let options = Store::options().cache_size(256 << 20);
/// let store = options.durability(Durability::Interval(Duration::from_millis(50))).open(&path)?;
/// # drop(store);
/// // A file that must exist:
/// let store = Store::options().create(false).open(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) opening: Opening,
    disk: Arc<dyn Disk>,
    /// How long after a commit it is synced, if not at once.
    pub(crate) flush_interval: Option<Duration>,
    pub(crate) snapshot_ttl: Duration,
    pub(crate) idempotency_ttl: Duration,
    pub(crate) max_views: u64,
    /// Whether conversations of removed assignees are reassigned and views built in the background.
    pub(crate) has_background: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            opening: Opening::default(),
            disk: Arc::new(SystemDisk),
            flush_interval: None,
            // Far longer than paging or exporting takes.
            snapshot_ttl: Duration::from_secs(10 * 60),
            // Longer than a client retries.
            idempotency_ttl: Duration::from_secs(24 * 60 * 60),
            max_views: 64,
            has_background: true,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        }
    }
}

impl Options {
    /// The defaults: a cache of 256 MiB, a log of 16 MiB, [`Durability::Commit`], a missing file is created,
    /// snapshots of ten minutes, idempotency keys of a day, the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The size of the page cache in bytes; 256 MiB by default. Commits that no checkpoint contains need
    /// further memory: up to 48 MiB, and a few times that when commands outrun the checkpoints. With a
    /// smaller cache there are more checkpoints, which write more.
    #[must_use]
    pub fn cache_size(mut self, bytes: usize) -> Self {
        self.opening.setup.cache_bytes = bytes;
        self
    }

    /// Whether a missing file is created. If not, opening returns
    /// [`NotFound`](crate::ErrorKind::NotFound).
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.opening.create = create;
        self
    }

    /// Whether the store only reads. It then shares the file with other stores that only read, in any
    /// process, but not with one that writes; nothing is written to the file, and commits that a crash
    /// left in the log are replayed in memory. A command returns
    /// [`ReadOnly`](crate::ErrorKind::ReadOnly). No file is created.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.opening.setup.read_only = read_only;
        self
    }

    /// How long opening waits for a file that is open elsewhere; by default it does not. Zero returns
    /// [`Locked`](crate::ErrorKind::Locked) at once, [`Duration::MAX`] never.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use convodb::{ErrorKind, Store};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("inbox.redb");
    /// let store = Store::open(&path)?;
    /// let waits = Store::options().lock_timeout(Duration::from_millis(20));
    /// assert_eq!(waits.clone().open(&path).unwrap_err().kind(), ErrorKind::Locked);
    /// let other = std::thread::spawn({
    ///     let path = path.clone();
    ///     move || waits.lock_timeout(Duration::from_secs(60)).open(path)
    /// });
    /// store.close()?;
    /// assert!(other.join().unwrap().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn lock_timeout(mut self, timeout: Duration) -> Self {
        self.opening.setup.lock_timeout = timeout;
        self
    }

    /// The time to live of a [`Snapshot`](crate::Snapshot), and of an iterator over messages or notes;
    /// ten minutes by default. Zero ends it at once, [`Duration::MAX`] never.
    ///
    /// The file grows by 20 to 40 KB with each command while a snapshot keeps its pages: 1 GB in
    /// ten minutes at 50 commands a second. Afterwards the next checkpoint reuses them.
    #[must_use]
    pub fn snapshot_ttl(mut self, ttl: Duration) -> Self {
        self.snapshot_ttl = ttl;
        self
    }

    /// The time to live of an [idempotency key](crate::Context::idempotency_key); a day by default.
    #[must_use]
    pub fn idempotency_ttl(mut self, ttl: Duration) -> Self {
        self.idempotency_ttl = ttl;
        self
    }

    /// The most [saved views](crate::docs::rules#views); 64 by default. Each one costs every command the
    /// time to evaluate its filter twice.
    #[must_use]
    pub fn max_views(mut self, views: u64) -> Self {
        self.max_views = views;
        self
    }

    /// When a command is durable. It has no effect on a store in memory.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.flush_interval = match durability {
            Durability::Commit => None,
            Durability::Interval(interval) => Some(interval),
        };
        self.opening.syncs = self.flush_interval.is_none();
        self
    }

    /// The size in bytes of the write-ahead log of a file that is created, or made by
    /// [`compact`](crate::Store::compact) or [`backup`](crate::Store::backup): 16 MiB by default, at
    /// least 64 KiB, rounded up to blocks of 4 KiB. Recovery after a crash replays at most as much.
    /// A commit of more than a quarter of it is written to the pages of the file at once.
    #[must_use]
    pub fn wal_size(mut self, bytes: u64) -> Self {
        self.opening.setup.wal_bytes = bytes.max(LEAST_WAL_BYTES);
        self
    }

    /// The source of times.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The source of the random part of ids.
    #[must_use]
    pub fn ids(mut self, ids: impl IdGenerator + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// The disk of the store's files and of its backups. With the feature `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// A number of commands in the write-ahead log that starts a checkpoint, beside what the memtable and
    /// the log hold; none by default. With the feature `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn checkpoint_commands(mut self, commands: u64) -> Self {
        self.opening.checkpoint_commands = commands;
        self
    }

    /// The age of a commit in the write-ahead log that starts a checkpoint; 20 seconds by default. With
    /// the feature `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn checkpoint_after(mut self, age: Duration) -> Self {
        self.opening.checkpoint_age = age;
        self
    }

    /// How many bytes of rows a load into a store without conversations sorts at a time; 48 MiB by default.
    /// With the feature `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn run_bytes(mut self, bytes: usize) -> Self {
        self.opening.run_bytes = bytes;
        self
    }

    /// Leaves it to [`testing::reassign_now`](crate::testing::reassign_now) to reassign
    /// conversations of [removed](crate::Execute::remove_assignee) users and teams and to build views: a
    /// run is deterministic. With the feature `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn reassign_by_hand(mut self) -> Self {
        self.has_background = false;
        self
    }

    pub(crate) fn place(&self, path: &Path) -> Place {
        Place::new(Arc::clone(&self.disk), path.to_owned())
    }

    /// The options of an opening, with random bytes for a file that is made.
    pub(crate) fn opening(&self) -> Opening {
        // Two parts of 80 bits fill 128.
        let seed = self.ids.random() ^ (self.ids.random() << 64);
        let mut opening = self.opening;
        opening.setup.file_id = seed.to_le_bytes();
        opening
    }
}
