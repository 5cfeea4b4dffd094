//! Ordered tables of bytes in transactions: the narrow seam behind which the engine stands.
//!
//! Invariant: `redb` is named here and below, and nowhere else; nothing here knows what a key or a
//! value means. Another ordered, transactional engine must be able to stand in its place.

mod backend;
#[cfg_attr(
    not(feature = "testing"),
    expect(unreachable_pub, reason = "public for tests alone")
)]
mod disk;
mod failure;
mod file;
mod memory;
mod sorted;

use std::cell::OnceCell;
use std::fmt;
use std::ops::Bound;

use redb::{ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _};

use crate::error::{Error, ErrorKind, Result};

#[cfg(feature = "testing")]
pub use disk::{Disk, DiskFile, Metadata, SystemDisk};
#[cfg(not(feature = "testing"))]
pub(crate) use disk::{Disk, DiskFile, SystemDisk};
pub(crate) use file::{Place, Published, Replaced};
pub(crate) use memory::Memory;

type Bytes = &'static [u8];
type Guard<'a> = redb::AccessGuard<'a, Bytes>;

/// A table: its place among the tables of a database, and its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Table {
    pub(crate) index: usize,
    pub(crate) name: &'static str,
}

impl Table {
    const fn definition(self) -> redb::TableDefinition<'static, Bytes, Bytes> {
        redb::TableDefinition::new(self.name)
    }
}

/// What of a key range to read.
pub(crate) type KeyRange<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// How much an opening checks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) tables: &'static [Table],
    pub(crate) cache_bytes: usize,
    /// Files up to this size are checked whole on opening.
    pub(crate) check_up_to_bytes: u64,
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
pub(crate) struct Database {
    inner: redb::Database,
    tables: &'static [Table],
}

impl Database {
    /// Opens an existing file, which this process then holds alone.
    pub(crate) fn open(place: &Place, setup: &Setup) -> Result<Self> {
        file::open(place, setup)
    }

    /// Makes a new file and publishes it whole: after a crash the path holds all that `fill`
    /// wrote, or nothing. Where the path exists meanwhile, it stays; the answer tells.
    pub(crate) fn create(
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
    pub(crate) fn replace(
        place: &Place,
        setup: &Setup,
        fill: impl FnOnce(&Self) -> Result<()>,
    ) -> Result<Replaced> {
        let draft = file::Draft::beside(place)?;
        draft.fill(setup, fill)?;
        draft.publish_over(place, setup)
    }

    /// Opens a database in memory; empty memory becomes an empty database.
    pub(crate) fn open_memory(memory: &Memory, setup: &Setup) -> Result<Self> {
        let inner = setup
            .builder(u64::MAX)
            .create_with_backend(memory.clone())
            .map_err(failure::database)?;
        Ok(Self::new(inner, setup))
    }

    fn new(inner: redb::Database, setup: &Setup) -> Self {
        Self {
            inner,
            tables: setup.tables,
        }
    }

    pub(crate) fn begin_read(&self) -> Result<ReadTables> {
        self.begin_read_of(self.tables)
    }

    /// The same of other tables: those of an older layout, or the one that tells which it is.
    pub(crate) fn begin_read_of(&self, tables: &[Table]) -> Result<ReadTables> {
        let transaction = self.inner.begin_read().map_err(failure::transaction)?;
        let tables = tables
            .iter()
            .map(|table| transaction.open_table(table.definition()))
            .collect::<std::result::Result<_, _>>()
            .map_err(failure::table)?;
        Ok(ReadTables { tables })
    }

    /// Waits for another write transaction to end. Never call it twice on one thread.
    pub(crate) fn begin_write(&self) -> Result<WriteTransaction> {
        let inner = self.inner.begin_write().map_err(failure::transaction)?;
        Ok(WriteTransaction {
            inner,
            tables: self.tables,
        })
    }

    /// Packs the pages of a file that nobody reads.
    pub(crate) fn pack(&mut self) -> Result<()> {
        self.inner.compact().map(drop).map_err(failure::compaction)
    }

    pub(crate) fn close(self) -> Result<()> {
        self.inner.close().map_err(failure::database)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// Reading, in a view or within a write transaction.
pub(crate) trait Read {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice<'_>>>;
    fn range(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>>;
    /// The number of rows, without reading them.
    fn len(&self, table: Table) -> Result<u64>;
}

/// A key or value where it lies.
pub(crate) struct Slice<'a>(Guard<'a>);

impl std::ops::Deref for Slice<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.value()
    }
}

/// Rows in key order, from either end.
pub(crate) struct Range<'a>(redb::Range<'a, Bytes, Bytes>);

/// What the engine finds of a row.
type Found<'a> = std::result::Result<(Guard<'a>, Guard<'a>), redb::StorageError>;

fn row(row: Found<'_>) -> Result<(Slice<'_>, Slice<'_>)> {
    match row {
        Ok((key, value)) => Ok((Slice(key), Slice(value))),
        Err(error) => Err(failure::storage(error)),
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Result<(Slice<'a>, Slice<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(row)
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(row)
    }
}

/// Rows in key order, of which one at a time is looked at where it lies: to hand a row on costs as
/// much as the engine's finding it.
pub(crate) struct Rows<'a> {
    rest: redb::Range<'a, Bytes, Bytes>,
    row: Option<(Guard<'a>, Guard<'a>)>,
}

impl<'a> From<Range<'a>> for Rows<'a> {
    fn from(Range(rest): Range<'a>) -> Self {
        Self { rest, row: None }
    }
}

impl Rows<'_> {
    /// Goes on to the next row, and shows it. Each end has its own arms: sharing them, or turning the
    /// answer inside out, costs a copy of two guards, 60 to 100 instructions a row.
    #[inline]
    pub(crate) fn advance(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        match self.rest.next() {
            Some(Ok(row)) => self.row = Some(row),
            Some(Err(error)) => {
                self.row = None;
                return Err(failure::storage(error));
            }
            None => self.row = None,
        }
        Ok(self.row())
    }

    /// The same from the other end.
    #[inline]
    pub(crate) fn advance_back(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        match self.rest.next_back() {
            Some(Ok(row)) => self.row = Some(row),
            Some(Err(error)) => {
                self.row = None;
                return Err(failure::storage(error));
            }
            None => self.row = None,
        }
        Ok(self.row())
    }

    /// The row that it stands on: its key and its value.
    #[inline]
    pub(crate) fn row(&self) -> Option<(&[u8], &[u8])> {
        let (key, value) = self.row.as_ref()?;
        Some((key.value(), value.value()))
    }
}

fn no_table(table: Table) -> Error {
    Error::corrupted(format!("there is no table `{}`", table.name))
}

/// Every table as one commit left it. Holds its pages alive until it is dropped.
pub(crate) struct ReadTables {
    tables: Box<[redb::ReadOnlyTable<Bytes, Bytes>]>,
}

/// What a table takes up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TableSize {
    pub(crate) stored_bytes: u64,
    pub(crate) used_bytes: u64,
}

impl ReadTables {
    fn table(&self, table: Table) -> Result<&redb::ReadOnlyTable<Bytes, Bytes>> {
        self.tables.get(table.index).ok_or_else(|| no_table(table))
    }

    /// Walks every page of the table. O(pages)!
    pub(crate) fn size(&self, table: Table) -> Result<TableSize> {
        let stats = self.table(table)?.stats().map_err(failure::storage)?;
        Ok(TableSize {
            stored_bytes: stats.stored_bytes(),
            used_bytes: stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes(),
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
        let found = self.table(table)?.get(key).map_err(failure::storage)?;
        Ok(found.map(Slice))
    }

    fn range(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>> {
        let range = self.table(table)?.range::<&[u8]>(keys);
        range.map(Range).map_err(failure::storage)
    }

    fn len(&self, table: Table) -> Result<u64> {
        self.table(table)?.len().map_err(failure::storage)
    }
}

/// What a commit makes durable when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Itself, and all before it.
    Durable,
    /// The same, and what makes opening after a crash quick, at about 1.7 times the cost.
    QuicklyRepaired,
    /// Nothing: the next durable one does, or closing.
    Later,
}

/// A write transaction, whose tables borrow it.
pub(crate) struct WriteTransaction {
    inner: redb::WriteTransaction,
    tables: &'static [Table],
}

impl WriteTransaction {
    pub(crate) fn tables(&self) -> WriteTables<'_> {
        WriteTables {
            transaction: &self.inner,
            definitions: self.tables,
            opened: self.tables.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// An error leaves open whether it happened.
    pub(crate) fn commit(mut self, durability: Durability) -> Result<()> {
        match durability {
            Durability::Durable => {}
            Durability::QuicklyRepaired => self.inner.set_quick_repair(true),
            Durability::Later => self
                .inner
                .set_durability(redb::Durability::None)
                .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?,
        }
        self.inner.commit().map_err(failure::commit)
    }

    pub(crate) fn abort(self) -> Result<()> {
        self.inner.abort().map_err(failure::storage)
    }
}

/// The tables of a write transaction, each opened when it is first needed: one that a commit
/// touches costs it 20 to 90 µs.
pub(crate) struct WriteTables<'t> {
    transaction: &'t redb::WriteTransaction,
    definitions: &'static [Table],
    opened: Box<[OnceCell<redb::Table<'t, Bytes, Bytes>>]>,
}

impl<'t> WriteTables<'t> {
    fn table(&self, table: Table) -> Result<&redb::Table<'t, Bytes, Bytes>> {
        let cell = self
            .opened
            .get(table.index)
            .ok_or_else(|| no_table(table))?;
        if cell.get().is_none() {
            let opened = self
                .transaction
                .open_table(table.definition())
                .map_err(failure::table)?;
            // Opened by nobody else: the cell was empty, and only this thread reaches it.
            let _ = cell.set(opened);
        }
        cell.get().ok_or_else(|| no_table(table))
    }

    /// Takes a table out, so that another thread writes it while this one writes the others. It is
    /// to come [back](Self::rejoin), as nobody can open it again.
    pub(crate) fn part(&mut self, table: Table) -> Self {
        let take = |(index, cell): (usize, &mut OnceCell<_>)| {
            let taken = (index == table.index).then(|| cell.take()).flatten();
            taken.map_or_else(OnceCell::new, OnceCell::from)
        };
        Self {
            transaction: self.transaction,
            definitions: self.definitions,
            opened: self.opened.iter_mut().enumerate().map(take).collect(),
        }
    }

    pub(crate) fn rejoin(&mut self, part: Self) {
        for (cell, mut parted) in self.opened.iter_mut().zip(part.opened) {
            if let Some(table) = parted.take() {
                *cell = OnceCell::from(table);
            }
        }
    }

    fn table_mut(&mut self, table: Table) -> Result<&mut redb::Table<'t, Bytes, Bytes>> {
        self.table(table)?;
        self.opened
            .get_mut(table.index)
            .and_then(OnceCell::get_mut)
            .ok_or_else(|| no_table(table))
    }

    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        let before = self.table_mut(table)?.insert(key, value);
        before.map(drop).map_err(failure::storage)
    }

    /// Writes many rows, in the order of their keys: where enough of them lie between two that are
    /// there, their pages are filled to the brim and written at once. O(rows), a descent for the
    /// others.
    pub(crate) fn put_sorted<'r>(
        &mut self,
        table: Table,
        rows: impl Iterator<Item = (&'r [u8], &'r [u8])> + Clone,
    ) -> Result<()> {
        sorted::put(self.table_mut(table)?, rows)
    }

    /// Whether there was such a row.
    pub(crate) fn remove(&mut self, table: Table, key: &[u8]) -> Result<bool> {
        let before = self.table_mut(table)?.remove(key);
        before
            .map(|value| value.is_some())
            .map_err(failure::storage)
    }

    pub(crate) fn remove_range(&mut self, table: Table, keys: KeyRange<'_>) -> Result<()> {
        self.table_mut(table)?
            .retain_in::<&[u8], _>(keys, |_, _| false)
            .map_err(failure::storage)
    }

    /// Removes the rows of a range that are not to be kept. After an error some of them may be there
    /// yet.
    pub(crate) fn retain(
        &mut self,
        table: Table,
        keys: KeyRange<'_>,
        mut keep: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        let mut told = Ok(());
        let kept = self
            .table_mut(table)?
            .retain_in::<&[u8], _>(keys, |key, value| {
                told.is_err()
                    || keep(key, value).unwrap_or_else(|error| {
                        told = Err(error);
                        true
                    })
            });
        kept.map_err(failure::storage).and(told)
    }

    /// Makes every table, so that reading never meets a missing one.
    pub(crate) fn create_all(&self) -> Result<()> {
        self.definitions
            .iter()
            .try_for_each(|table| self.table(*table).map(drop))
    }
}

impl fmt::Debug for WriteTables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteTables").finish_non_exhaustive()
    }
}

impl Read for WriteTables<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice<'_>>> {
        let found = self.table(table)?.get(key).map_err(failure::storage)?;
        Ok(found.map(Slice))
    }

    fn range(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>> {
        let range = self.table(table)?.range::<&[u8]>(keys);
        range.map(Range).map_err(failure::storage)
    }

    fn len(&self, table: Table) -> Result<u64> {
        self.table(table)?.len().map_err(failure::storage)
    }
}
