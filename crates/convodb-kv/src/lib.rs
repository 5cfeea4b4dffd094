//! Ordered tables of bytes in one file: redb's pages, each checked when it is read, a write-ahead log
//! before them, and a memtable above them.
//!
//! This is a part of the crate `convodb`, an embedded storage engine: depend on that. The two share a
//! version, and what is public here changes without notice.
//!
//! Invariant: nothing here interprets a key or a value, and no other crate of the library names `redb`.
//! Another ordered, transactional engine could take its place.

#![expect(
    missing_debug_implementations,
    reason = "what holds redb's handles has nothing to print"
)]

mod alternating;
mod damage;
mod disk;
mod failure;
mod file;
mod memory;
mod memtable;
mod overlay;
mod pager;
mod rows;
mod sorted;
mod superblock;
mod tree;
mod wal;
mod write;

use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use convodb_core::{Error, Result};
use redb::{ReadableDatabase as _, ReadableTableMetadata as _};

#[cfg(feature = "testing")]
pub use disk::Metadata;
pub use disk::{Access, Disk, DiskFile, SystemDisk};
#[cfg(feature = "testing")]
pub use file::pages_on;
pub use file::{Place, Replaced, Taken};
pub use memory::Memory;
pub use memtable::{Frozen, Memtable, Over, Rows as OverRows};
use memtable::{Tier, Tiers};
pub use rows::{Range, Rows, Slice};
pub use superblock::{FileId, MAGIC, StoreFile};
pub use tree::Rows as TierRows;
pub use wal::{Records, Room, Wal, WalPosition};
pub use write::{Durability, WriteTables, WriteTransaction};

use damage::{Damage, Step, Steps};
pub use failure::io as failed;
pub use pager::Paced;
use pager::{Pager, Pages};
use superblock::{BLOCK_LEN, Superblock};

type Bytes = &'static [u8];
type Guard<'a> = redb::AccessGuard<'a, Bytes>;

/// A table: its place among the tables of a database, and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    /// Its place among the tables.
    pub index: usize,
    /// What the file calls it.
    pub name: &'static str,
}

impl Table {
    const fn definition(self) -> redb::TableDefinition<'static, Bytes, Bytes> {
        redb::TableDefinition::new(self.name)
    }
}

/// Folds what rows add, that were over the engine's and are in it now, into the rows that count them.
pub type Fold = fn(&mut WriteTables<'_>, Over<'_>) -> Result<()>;

/// What of a key range to read.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// How a database is opened, or made.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Every table of the database.
    pub tables: &'static [Table],
    /// What folds buffered rows.
    pub fold: Fold,
    /// How much memory redb keeps pages in.
    pub cache_bytes: usize,
    /// Nothing is written to a file that is opened.
    pub read_only: bool,
    /// How long to wait for a file that is open elsewhere.
    pub lock_timeout: Duration,
    /// The id of the file, where it is to be no other.
    pub expected: Option<FileId>,
    /// A sync of the file failed: before it is read, it is written again.
    pub rewrites: bool,
    /// Of a file that is made.
    pub file_id: FileId,
    /// Who may open a file that is made: those who may open the one that it is a copy of.
    pub access: Option<Access>,
    /// The room for the write-ahead log in a file that is made.
    pub wal_bytes: u64,
}

impl Setup {
    fn superblock(&self) -> Superblock {
        let wal_blocks = self.wal_bytes.div_ceil(BLOCK_LEN as u64);
        Superblock {
            id: self.file_id,
            wal_blocks: u32::try_from(wal_blocks).unwrap_or(u32::MAX),
            clean_at: None,
        }
    }

    fn builder(&self) -> redb::Builder {
        let mut builder = redb::Database::builder();
        builder
            .set_cache_size(self.cache_bytes)
            // Each page is checked when it is read.
            .set_check_integrity_on_open(false);
        builder
    }
}

/// What the pages of a database that was opened anew have of what is buffered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// None of it.
    Nothing,
    /// What was frozen: the checkpoint that failed happened.
    Frozen,
    /// All of it: the commit of the engine that failed happened.
    Everything,
}

/// An open database. Views outlive it as values, but answer errors once it is closed.
///
/// What a commit puts goes to the engine at once, or is *buffered* in a memtable over the engine's
/// rows, which reading sees alike, and goes there later with that of many others: the engine copies
/// each page that a commit of its own touches, up to the root.
pub struct Database {
    // Before the engine: it holds pages of it.
    latest: Mutex<Option<ReadTables>>,
    /// What was forgotten last, for the next checkpoint to drop: it takes 5 ms for 8,000 commands.
    retired: Mutex<Option<Arc<Tier>>>,
    inner: Mutex<Arc<redb::Database>>,
    setup: Setup,
    /// None in memory.
    pager: Option<Arc<Pager>>,
    damage: Arc<Damage>,
}

impl Database {
    /// Opens an existing file, which this process then holds alone.
    pub fn open(place: &Place, setup: &Setup) -> Result<Self> {
        Taken::take(place, setup)?.open(setup)
    }

    /// Makes a new file and publishes it whole: after a crash the path holds all that `fill`
    /// wrote, or nothing. Where the path exists meanwhile, it stays, and that is an error. `fill`
    /// returns the number of the last commit that it wrote.
    pub fn create(
        place: &Place,
        setup: &Setup,
        fill: impl FnOnce(&Self) -> Result<u64>,
    ) -> Result<()> {
        file::Draft::filled(place, setup, false, fill)?.publish_new(place)
    }

    /// Makes a new file beside the path, writes its bytes, and removes it.
    pub fn stream(
        place: &Place,
        setup: &Setup,
        fill: impl FnOnce(&Self) -> Result<u64>,
        out: &mut dyn io::Write,
    ) -> Result<()> {
        file::Draft::filled(place, setup, false, fill)?.stream(out)
    }

    /// Makes a new file, opens it, and puts it in the place of this one, whole or not at all. It is
    /// this process's before it has the path, so no other can take it in between. An error, also that
    /// the path leads to another file, leaves what is at the path where it is.
    pub fn replace(
        &self,
        place: &Place,
        setup: &Setup,
        fill: impl FnOnce(&Self) -> Result<u64>,
    ) -> Result<Replaced> {
        let draft = file::Draft::filled(place, setup, true, fill)?;
        if let Some(file) = self.file() {
            place.check_leads_to(file)?;
        }
        draft.publish_over(place, setup)
    }

    /// Opens a database in memory; empty memory becomes an empty database.
    pub fn open_memory(memory: &Memory, setup: &Setup) -> Result<Self> {
        Self::new(setup, None, memory.clone())
    }

    fn of_pages(pager: Arc<Pager>, setup: &Setup) -> Result<Self> {
        let pages = Pages::new(&pager).map_err(unreadable)?;
        Self::new(setup, Some(pager), pages)
    }

    fn new(
        setup: &Setup,
        pager: Option<Arc<Pager>>,
        pages: impl redb::StorageBackend,
    ) -> Result<Self> {
        let inner = setup.builder().create_with_backend(pages);
        Ok(Self {
            latest: Mutex::new(None),
            retired: Mutex::new(None),
            inner: Mutex::new(Arc::new(inner.map_err(failure::storage)?)),
            setup: *setup,
            pager,
            damage: Arc::default(),
        })
    }

    /// The open file, which this process holds.
    pub fn file(&self) -> Option<&Arc<StoreFile>> {
        self.pager.as_ref().map(|pager| pager.file())
    }

    /// Who may open the file.
    pub fn access(&self) -> Result<Option<Access>> {
        let Some(file) = self.file() else {
            return Ok(None);
        };
        let metadata = file.disk().metadata().map_err(unreadable)?;
        Ok(metadata.access)
    }

    fn inner(&self) -> Arc<redb::Database> {
        Arc::clone(&lock(&self.inner))
    }

    /// Writes pages at a steady pace, so that the log beside them is not delayed, until the answer is
    /// dropped.
    pub fn pace(&self) -> Option<Paced> {
        self.pager.as_ref().map(Pager::pace)
    }

    /// Writes pages as fast as they come again: a caller waits for them.
    pub fn stop_pacing(&self) {
        if let Some(pager) = &self.pager {
            pager.stop_pacing();
        }
    }

    /// The bytes of pages that were written since the last call.
    pub fn take_written_bytes(&self) -> usize {
        let pages = self.pager.as_ref().map_or(0, |pager| pager.take_written());
        usize::try_from(pages).map_or(usize::MAX, |pages| pages.saturating_mul(BLOCK_LEN))
    }

    /// Whether an error of the file ended redb's handle: until a [restart](Self::restart) it answers
    /// nothing that it has to read.
    pub fn is_ended(&self) -> bool {
        self.pager.as_ref().is_some_and(|pager| pager.is_ended())
    }

    /// Whether a sync failed: the file has to be written again and opened anew.
    pub fn is_unsynced(&self) -> bool {
        self.file().is_some_and(|file| file.is_unsynced())
    }

    /// Opens redb anew over the same file, after an error that ended its handle. What was read before
    /// ends; what is buffered stays, but for what the pages have after all. No transaction may be under
    /// way. It reads 29 KB, in about 2 ms.
    pub fn restart(&self, holds: impl FnOnce(&ReadTables) -> Result<Holds>) -> Result<()> {
        let Some(pager) = &self.pager else {
            return Ok(());
        };
        self.damage.suspect();
        let pages = Pages::new(pager).map_err(unreadable)?;
        let inner = self.setup.builder().create_with_backend(pages);
        *lock(&self.inner) = Arc::new(inner.map_err(failure::storage)?);
        let beneath = self.begin_read_of(self.setup.tables)?;
        let holds = holds(&beneath)?;
        // Both at once: what is buffered counts once, in the pages or above them.
        let mut latest = self.latest();
        if let Some(known) = &mut *latest {
            known.engine = beneath.engine;
            if let Some(frozen) = &known.tiers.frozen
                && (holds != Holds::Nothing || *frozen.is_written())
            {
                *frozen.is_written() = true;
                *self.retired() = known.tiers.frozen.take();
            }
        }
        if holds == Holds::Everything {
            *latest = None;
        }
        Ok(())
    }

    /// What the last commit left, the engine's or a buffered one.
    pub fn begin_read(&self) -> Result<ReadTables> {
        self.read_latest(&mut self.latest()).cloned()
    }

    /// The engine's of other tables: those of an older layout, or the one that names the layout.
    pub fn begin_read_of(&self, tables: &[Table]) -> Result<ReadTables> {
        Ok(ReadTables {
            engine: self.read_engine(tables)?,
            tiers: Tiers::default(),
        })
    }

    fn read_engine(&self, tables: &[Table]) -> Result<Arc<EngineTables>> {
        let transaction = self.inner().begin_read().map_err(failure::storage)?;
        let tables = tables
            .iter()
            .map(|table| transaction.open_table(table.definition()))
            .collect::<std::result::Result<_, _>>()
            .map_err(failure::storage)?;
        let damage = Arc::clone(&self.damage);
        Ok(Arc::new(EngineTables { tables, damage }))
    }

    fn read_latest<'l>(&self, latest: &'l mut Option<ReadTables>) -> Result<&'l mut ReadTables> {
        Ok(match latest {
            Some(known) => known,
            none => none.insert(self.begin_read_of(self.setup.tables)?),
        })
    }

    fn latest(&self) -> MutexGuard<'_, Option<ReadTables>> {
        lock(&self.latest)
    }

    /// A transaction of the engine, which sees nothing of what is buffered. Waits for another one of
    /// the engine to end. Never call it twice on one thread.
    pub fn begin_write(&self) -> Result<WriteTransaction> {
        WriteTransaction::of_engine(self)
    }

    /// A transaction whose commit can be buffered; it becomes one of the engine where it has to. One
    /// at a time.
    pub fn begin_buffered(self: &Arc<Self>) -> Result<WriteTransaction> {
        let latest = self.read_latest(&mut self.latest())?.clone();
        Ok(WriteTransaction::buffered(Arc::clone(self), latest))
    }

    /// Commits a transaction of the engine. An error leaves open whether it happened.
    pub fn commit(&self, transaction: WriteTransaction, durability: Durability) -> Result<()> {
        transaction.commit(durability)?;
        // All that was buffered is in it, also what was frozen.
        let latest = self.latest().take();
        if let Some(frozen) = latest.and_then(|latest| latest.tiers.frozen) {
            *frozen.is_written() = true;
        }
        Ok(())
    }

    /// Commits what a buffered transaction came to, in memory alone. No error comes where a transaction
    /// has begun.
    pub fn commit_buffered(&self, live: Memtable) -> Result<()> {
        self.read_latest(&mut self.latest())?.tiers.live = live;
        Ok(())
    }

    /// Freezes all that is buffered, to be [given](WriteTransaction::write_frozen) to the engine. No
    /// transaction may be under way. Where the engine did not take what was frozen before, it is that
    /// again. O(1).
    pub fn freeze(&self) -> Result<Frozen> {
        self.forget_frozen()?;
        Ok(Frozen {
            tier: self.read_latest(&mut self.latest())?.tiers.freeze(),
            _retired: self.retired().take(),
        })
    }

    /// Forgets what was frozen, if the engine has it. Transactions may be under way, and nothing is waited
    /// for. O(1).
    pub fn forget_frozen(&self) -> Result<()> {
        let mut latest = self.latest();
        if let Some(latest) = &mut *latest
            && let Some(frozen) = &latest.tiers.frozen
            && frozen
                .is_written
                .try_lock()
                .is_ok_and(|is_written| *is_written)
        {
            latest.engine = self.read_engine(self.setup.tables)?;
            *self.retired() = latest.tiers.frozen.take();
        }
        Ok(())
    }

    /// How much memory the live and the frozen tier take, about.
    pub fn buffered_bytes(&self) -> [usize; 2] {
        let latest = self.latest();
        let tiers = latest.as_ref().map(|latest| &latest.tiers);
        let frozen = tiers.and_then(|tiers| tiers.frozen.as_ref());
        [
            tiers.map_or(0, |tiers| tiers.live.bytes()),
            frozen.map_or(0, |frozen| frozen.memtable.bytes()),
        ]
    }

    fn retired(&self) -> MutexGuard<'_, Option<Arc<Tier>>> {
        lock(&self.retired)
    }

    /// Packs the pages of a file that has no reader.
    pub fn pack(&mut self) -> Result<()> {
        *self.latest() = None;
        match Arc::get_mut(&mut *lock(&self.inner)) {
            Some(inner) => inner.compact().map(drop).map_err(failure::storage),
            None => Ok(()),
        }
    }

    /// Closes the file. What is buffered is not written.
    pub fn close(self) -> Result<()> {
        *self.latest() = None;
        // Such a handle writes nothing more, and the next opening repairs what it left.
        let is_ended = self.is_ended();
        let inner = self.inner.into_inner();
        match Arc::into_inner(inner.unwrap_or_else(PoisonError::into_inner)) {
            Some(inner) if !is_ended => inner.close().map_err(failure::storage),
            _ => Ok(()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole at every moment at which something can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unreadable(error: std::io::Error) -> Error {
    failure::storage(error)
}

/// Reading, in a view or within a write transaction.
pub trait Read {
    /// The value of a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice<'_>>>;
    /// The rows of a range of keys, in their order.
    fn range(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>>;
    /// The number of rows, without reading them. O(rows that are buffered).
    fn len(&self, table: Table) -> Result<u64>;
    /// The engine's rows alone.
    fn range_beneath(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>>;
    /// What lies over these, if anything does. O(log rows that are buffered).
    fn over(&self, table: Table, keys: KeyRange<'_>) -> Option<OverRows<'_>>;
}

fn no_table(table: Table) -> Error {
    Error::corrupted(format!("there is no table `{}`", table.name))
}

/// The engine's tables as one commit of it left them. Holds their pages alive until it is dropped.
struct EngineTables {
    tables: Box<[EngineTable]>,
    damage: Arc<Damage>,
}

impl EngineTables {
    fn table(&self, table: Table) -> Result<&EngineTable> {
        self.tables.get(table.index).ok_or_else(|| no_table(table))
    }

    fn get<'a>(&'a self, over: Over<'a>, table: Table, key: &[u8]) -> Result<Option<Slice<'a>>> {
        if let Some(row) = over.get(table, key) {
            return Ok(row.value().map(Slice::in_memory));
        }
        self.damage.check(table, Step::At, key)?;
        match self.table(table)?.get(key) {
            Ok(found) => Ok(found.map(Slice::in_engine)),
            Err(error) => Err(self.damage.note(table, Step::At, key, error)),
        }
    }

    fn range<'a>(
        &'a self,
        over: Option<Over<'a>>,
        table: Table,
        keys: KeyRange<'_>,
    ) -> Result<Range<'a>> {
        let is_damaged = self.damage.is_known();
        if is_damaged {
            self.damage
                .check(table, Step::Between, &damage::bytes_of(keys))?;
        }
        let rows = self.table(table)?.range::<&[u8]>(keys);
        let rows = rows.map_err(|error| {
            let bounds = damage::bytes_of(keys);
            self.damage.note(table, Step::Between, &bounds, error)
        })?;
        let steps = is_damaged.then(|| Steps::new(&self.damage, table, keys));
        let over = over.and_then(|over| over.range(table, keys));
        Ok(Range::new(rows, over, steps))
    }
}

/// Every table as one commit left it. A clone shares all of it.
#[derive(Clone)]
pub struct ReadTables {
    engine: Arc<EngineTables>,
    tiers: Tiers,
}

impl ReadTables {
    /// The engine's rows alone.
    pub fn beneath(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            tiers: Tiers::default(),
        }
    }

    /// The bytes of the keys and values of a table, and those of the engine's pages that they are on.
    /// O(pages)!
    pub fn size(&self, table: Table) -> Result<[u64; 2]> {
        let engine = self.engine.table(table)?;
        let stats = engine.stats().map_err(failure::storage)?;
        let used_bytes = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
        let mut stored_bytes = stats.stored_bytes();
        each_over(engine, self.tiers.over(), table, |key, value, beneath| {
            let bytes = |value: Option<usize>| value.map_or(0, |value| (key + value) as u64);
            stored_bytes = (stored_bytes + bytes(value)).saturating_sub(bytes(beneath));
        })?;
        Ok([stored_bytes, used_bytes])
    }
}

impl Read for ReadTables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice<'_>>> {
        self.engine.get(self.tiers.over(), table, key)
    }

    fn range(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>> {
        self.engine.range(Some(self.tiers.over()), table, keys)
    }

    fn len(&self, table: Table) -> Result<u64> {
        merged_len(self.engine.table(table)?, self.tiers.over(), table)
    }

    fn range_beneath(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>> {
        self.engine.range(None, table, keys)
    }

    fn over(&self, table: Table, keys: KeyRange<'_>) -> Option<OverRows<'_>> {
        self.tiers.over().range(table, keys)
    }
}

type EngineTable = redb::ReadOnlyTable<Bytes, Bytes>;

fn engine_range<'a>(
    engine: &'a impl redb::ReadableTable<Bytes, Bytes>,
    keys: KeyRange<'_>,
) -> Result<Range<'a>> {
    let range = engine.range::<&[u8]>(keys).map_err(failure::storage)?;
    Ok(Range::new(range, None, None))
}

/// How many rows there are with those that lie over the engine's.
fn merged_len(engine: &EngineTable, over: Over<'_>, table: Table) -> Result<u64> {
    let mut len = engine.len().map_err(failure::storage)?;
    each_over(engine, over, table, |_, value, beneath| {
        len = (len + u64::from(value.is_some())).saturating_sub(u64::from(beneath.is_some()));
    })?;
    Ok(len)
}

/// Visits each row over the engine's: the lengths of its key, of its value, and of what lies beneath.
fn each_over(
    engine: &EngineTable,
    over: Over<'_>,
    table: Table,
    mut visit: impl FnMut(usize, Option<usize>, Option<usize>),
) -> Result<()> {
    let mut rows = over.range(table, (Bound::Unbounded, Bound::Unbounded));
    while let Some(row) = rows.as_mut().and_then(OverRows::next) {
        let beneath = engine.get(row.key()).map_err(failure::storage)?;
        let beneath = beneath.map(|value| value.value().len());
        visit(row.key().len(), row.value().map(<[u8]>::len), beneath);
    }
    Ok(())
}
