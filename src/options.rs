//! The options of a store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, IdGenerator, RandomIds, SystemClock};
use crate::storage::{CHECKPOINT_COMMANDS, Disk, Journaling, Opening, Place, SystemDisk};

/// How much of the file an opening checks.
///
/// The check reads the whole file, about 1.5 seconds a GiB, and returns
/// [`Corrupted`](crate::ErrorKind::Corrupted) for any damage. Without it, damage to the pages of the
/// file can make redb panic, or hide rows. A record is checked by its own checksum whenever it is read,
/// and [`Store::verify`](crate::Store::verify) finds missing rows.
///
/// After a crash, damage to the pages of the last commit looks like a crash during that commit. It is
/// then rolled back, with or without the check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    /// Files up to 1 GiB.
    #[default]
    Auto,
    /// Every file.
    Always,
    /// None. Recovery after a crash does not depend on the check.
    Never,
}

/// When a command is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// When it returns, by a journal beside the file (`inbox.redb-journal`). The command is appended to
    /// the journal and synced. A checkpoint in the background writes two thousand commands to the file.
    /// Concurrent commands share a sync. The files belong together; closing removes the journal.
    #[default]
    Full,
    /// At most 50 milliseconds after it returns, or after [`flush`](crate::Store::flush). Queries see
    /// it at once. A crash of the process loses nothing; a crash of the system loses the last commands,
    /// each as a whole and in order.
    Relaxed,
    /// When it returns, without a journal: each commit writes every page that it changes.
    Direct,
}

/// The largest file that [`Check::Auto`] checks.
const CHECKED_BYTES: u64 = 1 << 30;

/// The interval between a relaxed commit and its sync.
const FLUSH_INTERVAL: Duration = Duration::from_millis(50);

/// The options of a store. [`Store::options`](crate::Store::options) returns the defaults.
///
/// ```
/// use convodb::{Check, Durability, Store};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("inbox.redb");
/// let options = Store::options().cache_size(256 << 20).check(Check::Always);
/// let store = options.durability(Durability::Direct).open(&path)?;
/// # drop(store);
/// // A file that must exist:
/// let store = Store::options().create(false).open(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    opening: Opening,
    disk: Arc<dyn Disk>,
    pub(crate) snapshot_ttl: Duration,
    pub(crate) idempotency_ttl: Duration,
    /// Whether conversations of removed assignees are reassigned in the background.
    pub(crate) reassigns: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGenerator>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            opening: Opening {
                cache_bytes: 64 << 20,
                check_up_to_bytes: CHECKED_BYTES,
                create: true,
                seed: [0; 16],
                journaling: Journaling::Synced,
                checkpoint_commands: CHECKPOINT_COMMANDS,
            },
            disk: Arc::new(SystemDisk),
            // Far longer than paging or exporting takes.
            snapshot_ttl: Duration::from_secs(10 * 60),
            // Longer than a client retries.
            idempotency_ttl: Duration::from_secs(24 * 60 * 60),
            reassigns: true,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        }
    }
}

impl Options {
    /// The defaults: a cache of 64 MiB, [`Check::Auto`], [`Durability::Full`], a missing file is
    /// created, snapshots of ten minutes, idempotency keys of a day, the system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The size of the page cache in bytes. Commits that are not in the file yet need further memory:
    /// some 10 MB under load, and a few times that when commands outrun the checkpoints.
    #[must_use]
    pub fn cache_size(mut self, bytes: usize) -> Self {
        self.opening.cache_bytes = bytes;
        self
    }

    /// How much of the file an opening checks.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.opening.check_up_to_bytes = match check {
            Check::Auto => CHECKED_BYTES,
            Check::Always => u64::MAX,
            Check::Never => 0,
        };
        self
    }

    /// Whether a missing file is created. If not, opening returns
    /// [`NotFound`](crate::ErrorKind::NotFound).
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.opening.create = create;
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

    /// When a command is durable. It has no effect on a store in memory.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.opening.journaling = match durability {
            Durability::Full => Journaling::Synced,
            Durability::Relaxed => Journaling::Unsynced,
            Durability::Direct => Journaling::Off,
        };
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

    /// The number of commands in the journal that starts a checkpoint; 2,000 by default. Recovery after
    /// a crash replays up to six times as many. With the feature `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn checkpoint_commands(mut self, commands: u64) -> Self {
        self.opening.checkpoint_commands = commands;
        self
    }

    /// Leaves it to [`testing::reassign_now`](crate::testing::reassign_now) to reassign
    /// conversations of [removed](crate::Execute::remove_assignee) users and teams: a run is
    /// deterministic. With the feature `testing`.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn reassign_by_hand(mut self) -> Self {
        self.reassigns = false;
        self
    }

    pub(crate) fn place(&self, path: &Path) -> Place {
        Place::new(Arc::clone(&self.disk), path.to_owned())
    }

    pub(crate) fn opening(&self) -> Opening {
        // Two parts of 80 bits fill 128.
        let seed = self.ids.random() ^ (self.ids.random() << 64);
        Opening {
            seed: seed.to_le_bytes(),
            ..self.opening
        }
    }

    /// How long after a commit it is synced, if not at once.
    pub(crate) fn flush_interval(&self) -> Option<Duration> {
        (self.opening.journaling == Journaling::Unsynced).then_some(FLUSH_INTERVAL)
    }
}
