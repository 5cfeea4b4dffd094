//! How a store is opened.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use convodb_core::Result;

use super::Store;
use super::clock::{Clock, IdGenerator, RandomIds, SystemClock};
use super::refiler::STEP;
use crate::storage::{CHECKPOINT_COMMANDS, Disk, Journaling, Location, Opening, Place, SystemDisk};

/// How much of the file an opening checks.
///
/// The check reads the whole file, about 1.5 seconds a GiB, and turns any damage into
/// [`Corrupted`](crate::ErrorKind::Corrupted). Without it, damage to the pages of the file can
/// make the engine panic, or hide rows; a record that is read is still checked by its own
/// checksum, and [`Store::verify`](crate::Store::verify) finds what is missing.
///
/// Of a file that a crash left open, damage to the pages of the last commit cannot be told from a
/// crash in its middle: that commit is then rolled back, with or without the check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Files up to 1 GiB.
    #[default]
    Auto,
    /// Every file.
    Always,
    /// None. After a crash the engine still recovers by itself.
    Never,
}

/// What is durable when a command returns.
///
/// ```
/// use convodb::{Durability, Options};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("inbox.redb");
/// let store = Options::new().durability(Durability::Direct).open(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// The command, by a journal beside the file (`inbox.redb-journal`): it is appended there and
    /// synced, and given to the file with two thousand others, by a thread beside them. Threads that
    /// wait share a sync. The two files belong together; closing the store leaves one.
    #[default]
    Full,
    /// What was done up to 50 milliseconds ago, or before [`flush`](crate::Store::flush). A command
    /// is seen at once, and no crash of the process loses it; one of the system loses the last ones,
    /// whole, in their order.
    Relaxed,
    /// The command, by the file itself: there is no journal, and each command writes every page that
    /// it touches.
    Direct,
}

/// How long after it a relaxed commit is synced.
const RELAXED_FOR: Duration = Duration::from_millis(50);

const AUTO_BYTES: u64 = 1 << 30;
const DEFAULT_CACHE_BYTES: usize = 64 << 20;
/// Far longer than paging or exporting takes, and at 50 commands a second still no more than some 1 GB
/// of pages that only a forgotten snapshot keeps.
const DEFAULT_SNAPSHOT_AGE: Duration = Duration::from_secs(10 * 60);

/// Longer than anybody retries.
const DEFAULT_IDEMPOTENCY_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How a store is opened.
///
/// ```
/// use convodb::{Check, Options};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("inbox.redb");
/// let store = Options::new()
///     .cache_size(256 << 20)
///     .check(Check::Always)
///     .open(&path)?;
/// # drop(store);
/// // A file that must be there already:
/// let store = Options::new().create(false).open(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    cache_bytes: usize,
    check: Check,
    create: bool,
    durability: Durability,
    checkpoint_commands: u64,
    disk: Arc<dyn Disk>,
    pub(super) snapshot_age: Duration,
    pub(super) idempotency_age: Duration,
    /// Whether what was taken over is filed so without being told.
    pub(super) refiles: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdGenerator>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: DEFAULT_CACHE_BYTES,
            check: Check::default(),
            create: true,
            durability: Durability::default(),
            checkpoint_commands: CHECKPOINT_COMMANDS,
            disk: Arc::new(SystemDisk),
            snapshot_age: DEFAULT_SNAPSHOT_AGE,
            idempotency_age: DEFAULT_IDEMPOTENCY_AGE,
            refiles: true,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        }
    }
}

impl Options {
    /// A cache of 64 MiB, [`Check::Auto`], [`Durability::Full`], a missing file is created, snapshots
    /// of ten minutes, the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The memory that holds pages of the file, in bytes. Beside it lies what was committed and is not in
    /// the file yet: some 10 MB under commands, and a few times that where checkpoints are outrun.
    #[must_use]
    pub fn cache_size(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// How much of the file the opening checks.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// Whether a missing file is created; without it, it is
    /// [`NotFound`](crate::ErrorKind::NotFound).
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// How long a [`Snapshot`](crate::Snapshot) holds, and an iterator over messages or notes;
    /// ten minutes where nothing is said.
    ///
    /// Whoever holds one keeps the pages that it sees from being used again: the file grows by
    /// 20 to 40 KB with each command, some 1 GB in ten minutes of 50 a second. At this age it answers
    /// [`SnapshotExpired`](crate::ErrorKind::SnapshotExpired), and the next checkpoint takes its
    /// pages. Zero ends it at once, [`Duration::MAX`] never.
    #[must_use]
    pub fn snapshot_age(mut self, age: Duration) -> Self {
        self.snapshot_age = age;
        self
    }

    /// How long the outcome of a command with an
    /// [idempotency key](crate::Context::idempotency_key) is kept; a day where nothing is said.
    #[must_use]
    pub fn idempotency_age(mut self, age: Duration) -> Self {
        self.idempotency_age = age;
        self
    }

    /// What is durable when a command returns. A store in memory has nothing that is.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Where times come from.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where the random part of ids comes from.
    #[must_use]
    pub fn ids(mut self, ids: impl IdGenerator + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Opens the store in a file.
    ///
    /// # Errors
    ///
    /// [`Locked`](crate::ErrorKind::Locked) where it is open already, here or in another process;
    /// [`NotAStore`](crate::ErrorKind::NotAStore),
    /// [`UnsupportedFormat`](crate::ErrorKind::UnsupportedFormat) and
    /// [`Corrupted`](crate::ErrorKind::Corrupted) for a file or a journal of another kind, of a newer
    /// version, and a damaged one; [`WrongJournal`](crate::ErrorKind::WrongJournal) where the file's
    /// journal is missing, or another's lies beside it; [`NotFound`](crate::ErrorKind::NotFound) where the file, or the
    /// directory that it should be created in, is missing; else
    /// [`Io`](crate::ErrorKind::Io).
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store> {
        Store::open_at(Location::File(self.place(path.as_ref())), self)
    }

    /// Opens a new store in memory, which is gone when its last clone is.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn open_in_memory(self) -> Result<Store> {
        Store::open_at(Location::memory(), self)
    }

    /// Where the store's files lie, and those of its backups. With the feature `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = disk;
        self
    }

    /// After how many commands in the journal a checkpoint begins to give them to the file; 2,000
    /// where nothing is said. Up to six times as many are applied again after a crash. With the
    /// feature `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn checkpoint_commands(mut self, commands: u64) -> Self {
        self.checkpoint_commands = commands;
        self
    }

    /// Nothing that was [taken over](crate::Store::remove_assignee) is filed so by the removal or by
    /// the thread behind it: that is left to [`testing::refile`](crate::testing::refile), so that a
    /// run is the same each time. With the feature `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn refile_by_hand(mut self) -> Self {
        self.refiles = false;
        self
    }

    /// How many conversations a step files.
    pub(super) fn refiled_at_once(&self) -> usize {
        if self.refiles { STEP } else { 0 }
    }

    pub(super) fn place(&self, path: &Path) -> Place {
        Place::new(Arc::clone(&self.disk), path.to_owned())
    }

    pub(super) fn opening(&self) -> Opening {
        Opening {
            cache_bytes: self.cache_bytes,
            check_up_to_bytes: match self.check {
                Check::Auto => AUTO_BYTES,
                Check::Always => u64::MAX,
                Check::Never => 0,
            },
            create: self.create,
            seed: self.seed(),
            journaling: match self.durability {
                Durability::Full => Journaling::Synced,
                Durability::Relaxed => Journaling::Unsynced,
                Durability::Direct => Journaling::Off,
            },
            checkpoint_commands: self.checkpoint_commands,
        }
    }

    /// How long after a commit it must be synced, if that is not at once.
    pub(super) fn relaxed_for(&self) -> Option<Duration> {
        (self.durability == Durability::Relaxed).then_some(RELAXED_FOR)
    }

    fn seed(&self) -> [u8; 16] {
        // Two parts of 80 bits fill 128.
        (self.ids.random() ^ (self.ids.random() << 64)).to_le_bytes()
    }
}
