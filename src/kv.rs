//! Ordered tables of bytes in transactions: the narrow seam behind which the engine stands.
//!
//! Invariant: `redb` is named here and below, and nowhere else; nothing here knows what a key or a
//! value means. Another ordered, transactional engine must be able to stand in its place.

mod backend;
mod disk;
mod failure;
mod file;
mod memory;
mod memtable;
mod rows;
mod sorted;
mod write;

use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use convodb_core::{Error, Result};
use redb::{ReadableDatabase as _, ReadableTableMetadata as _};

#[cfg(feature = "testing")]
pub use disk::Metadata;
pub use disk::{Disk, DiskFile, SystemDisk};
pub use file::{Place, Published, Replaced};
pub use memory::Memory;
pub use memtable::Memtable;
pub use rows::{Range, Rows, Slice};
pub use write::{Durability, WriteTables, WriteTransaction};

type Bytes = &'static [u8];
type Guard<'a> = redb::AccessGuard<'a, Bytes>;

/// A table: its place among the tables of a database, and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table {
    pub index: usize,
    pub name: &'static str,
}

impl Table {
    const fn definition(self) -> redb::TableDefinition<'static, Bytes, Bytes> {
        redb::TableDefinition::new(self.name)
    }
}

/// What of a key range to read.
pub type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// How much an opening checks.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    pub tables: &'static [Table],
    pub cache_bytes: usize,
    /// Files up to this size are checked whole on opening.
    pub check_up_to_bytes: u64,
}

impl Setup {
    fn builder(&self, len: u64) -> redb::Builder {
        let mut builder = redb::Database::builder();
        builder
            .set_cache_size(self.cache_bytes)
            .set_check_integrity_on_open(len <= self.check_up_to_bytes);
        builder
    }
}

/// An open database. Views outlive it as values, but answer errors once it is closed.
///
/// What a commit puts goes to the engine at once, or is *buffered* in a memtable over the engine's
/// rows, which reading sees alike, and goes there later with that of many others: the engine copies
/// each page that a commit of its own touches, up to the root.
pub struct Database {
    // Before the engine: it holds pages of it.
    latest: Mutex<Option<Latest>>,
    inner: redb::Database,
    tables: &'static [Table],
}

/// What the last commit left.
#[derive(Clone)]
struct Latest {
    engine: Arc<EngineTables>,
    memtable: Memtable,
}

impl Database {
    /// Opens an existing file, which this process then holds alone.
    pub fn open(place: &Place, setup: &Setup) -> Result<Self> {
        file::open(place, setup)
    }

    /// Makes a new file and publishes it whole: after a crash the path holds all that `fill`
    /// wrote, or nothing. Where the path exists meanwhile, it stays; the answer tells.
    pub fn create(
        place: &Place,
        setup: &Setup,
        fill: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Published> {
        let draft = file::Draft::beside(place)?;
        draft.fill(setup, fill)?;
        draft.publish_new(place)
    }

    /// Makes a new file, opens it, and puts it in the place of an existing one, whole or not at
    /// all. It is this process's before it has the path, so no other can take it in between.
    /// An error leaves the existing one where it is.
    pub fn replace(
        place: &Place,
        setup: &Setup,
        fill: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Replaced> {
        let draft = file::Draft::beside(place)?;
        draft.fill(setup, fill)?;
        draft.publish_over(place, setup)
    }

    /// Opens a database in memory; empty memory becomes an empty database.
    pub fn open_memory(memory: &Memory, setup: &Setup) -> Result<Self> {
        let inner = setup
            .builder(u64::MAX)
            .create_with_backend(memory.clone())
            .map_err(failure::database)?;
        Ok(Self::new(inner, setup))
    }

    fn new(inner: redb::Database, setup: &Setup) -> Self {
        Self {
            latest: Mutex::new(None),
            inner,
            tables: setup.tables,
        }
    }

    /// What the last commit left, the engine's or a buffered one.
    pub fn begin_read(&self) -> Result<ReadTables> {
        let Latest { engine, memtable } = self.read_latest(&mut self.latest())?.clone();
        Ok(ReadTables { engine, memtable })
    }

    /// The engine's of other tables: those of an older layout, or the one that tells which it is.
    pub fn begin_read_of(&self, tables: &[Table]) -> Result<ReadTables> {
        let engine = Arc::new(self.read_engine(tables)?);
        Ok(ReadTables {
            engine,
            memtable: Memtable::default(),
        })
    }

    fn read_engine(&self, tables: &[Table]) -> Result<EngineTables> {
        let transaction = self.inner.begin_read().map_err(failure::transaction)?;
        let tables = tables
            .iter()
            .map(|table| transaction.open_table(table.definition()))
            .collect::<std::result::Result<_, _>>()
            .map_err(failure::table)?;
        Ok(EngineTables(tables))
    }

    fn read_latest<'l>(&self, latest: &'l mut Option<Latest>) -> Result<&'l mut Latest> {
        Ok(match latest {
            Some(known) => known,
            none => none.insert(Latest {
                engine: Arc::new(self.read_engine(self.tables)?),
                memtable: Memtable::default(),
            }),
        })
    }

    fn latest(&self) -> MutexGuard<'_, Option<Latest>> {
        // Whole at every moment at which something can panic.
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
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
        // All that was buffered is in it.
        *self.latest() = None;
        Ok(())
    }

    /// Commits what a buffered transaction came to, in memory alone. No error comes where a transaction
    /// has begun.
    pub fn commit_buffered(&self, memtable: Memtable) -> Result<()> {
        self.read_latest(&mut self.latest())?.memtable = memtable;
        Ok(())
    }

    /// All that is buffered now, to be [given](WriteTransaction::write_frozen) to the engine.
    pub fn freeze(&self) -> Result<Memtable> {
        Ok(self.read_latest(&mut self.latest())?.memtable.freeze())
    }

    /// How many bytes were buffered since it was frozen last.
    pub fn buffered_bytes(&self) -> usize {
        let latest = self.latest();
        latest.as_ref().map_or(0, |latest| latest.memtable.bytes())
    }

    /// Forgets what was frozen, once the engine has it. No transaction may be under way. O(rows that
    /// are buffered).
    pub fn forget_frozen(&self, frozen: &Memtable) -> Result<()> {
        let engine = Arc::new(self.read_engine(self.tables)?);
        let mut latest = self.latest();
        if let Some(latest) = &mut *latest {
            latest.engine = engine;
            latest.memtable = latest.memtable.since(frozen);
        }
        Ok(())
    }

    /// Packs the pages of a file that nobody reads.
    pub fn pack(&mut self) -> Result<()> {
        *self.latest() = None;
        self.inner.compact().map(drop).map_err(failure::compaction)
    }

    pub fn close(self) -> Result<()> {
        *self.latest() = None;
        self.inner.close().map_err(failure::database)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// Reading, in a view or within a write transaction.
pub trait Read {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice<'_>>>;
    fn range(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>>;
    /// The number of rows, without reading them. O(rows that are buffered).
    fn len(&self, table: Table) -> Result<u64>;
}

fn no_table(table: Table) -> Error {
    Error::corrupted(format!("there is no table `{}`", table.name))
}

/// The engine's tables as one commit of it left them. Holds their pages alive until it is dropped.
struct EngineTables(Box<[redb::ReadOnlyTable<Bytes, Bytes>]>);

impl EngineTables {
    fn table(&self, table: Table) -> Result<&redb::ReadOnlyTable<Bytes, Bytes>> {
        self.0.get(table.index).ok_or_else(|| no_table(table))
    }
}

/// Every table as one commit left it.
pub struct ReadTables {
    engine: Arc<EngineTables>,
    memtable: Memtable,
}

/// What a table takes up.
#[derive(Clone, Copy, Debug, Default)]
pub struct TableSize {
    /// Its keys and values.
    pub stored_bytes: u64,
    /// The engine's pages, without what lies over them.
    pub used_bytes: u64,
}

impl ReadTables {
    /// Walks every page that the engine has of the table. O(pages)!
    pub fn size(&self, table: Table) -> Result<TableSize> {
        let over = self.memtable.sheet(table);
        let table = self.engine.table(table)?;
        let stats = table.stats().map_err(failure::storage)?;
        let used_bytes = stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
        let mut stored_bytes = stats.stored_bytes();
        each_over(table, over, |key, value, beneath| {
            let bytes = |value: Option<usize>| value.map_or(0, |value| (key + value) as u64);
            stored_bytes = (stored_bytes + bytes(value)).saturating_sub(bytes(beneath));
        })?;
        Ok(TableSize {
            stored_bytes,
            used_bytes,
        })
    }
}

impl fmt::Debug for ReadTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadTables").finish_non_exhaustive()
    }
}

impl Read for ReadTables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice<'_>>> {
        if let Some(row) = self.memtable.get(table, key) {
            return Ok(row.value().map(Slice::in_memory));
        }
        let found = self.engine.table(table)?.get(key);
        Ok(found.map_err(failure::storage)?.map(Slice::in_engine))
    }

    fn range(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>> {
        let range = self.engine.table(table)?.range::<&[u8]>(keys);
        let over = self.memtable.sheet(table).map(|sheet| sheet.range(keys));
        Ok(Range::new(range.map_err(failure::storage)?, over))
    }

    fn len(&self, table: Table) -> Result<u64> {
        merged_len(self.engine.table(table)?, self.memtable.sheet(table))
    }
}

/// How many rows there are with those that lie over the engine's.
fn merged_len(
    engine: &impl redb::ReadableTable<Bytes, Bytes>,
    over: Option<&memtable::Sheet>,
) -> Result<u64> {
    let mut len = engine.len().map_err(failure::storage)?;
    each_over(engine, over, |_, value, beneath| {
        len = (len + u64::from(value.is_some())).saturating_sub(u64::from(beneath.is_some()));
    })?;
    Ok(len)
}

/// Tells of each row over the engine's the lengths of its key, of its value, and of what lies beneath.
fn each_over(
    engine: &impl redb::ReadableTable<Bytes, Bytes>,
    over: Option<&memtable::Sheet>,
    mut tell: impl FnMut(usize, Option<usize>, Option<usize>),
) -> Result<()> {
    for row in over.into_iter().flat_map(memtable::Sheet::iter) {
        let beneath = engine.get(row.key()).map_err(failure::storage)?;
        let beneath = beneath.map(|value| value.value().len());
        tell(row.key().len(), row.value().map(<[u8]>::len), beneath);
    }
    Ok(())
}
