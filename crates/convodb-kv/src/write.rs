//! Writing: through the engine, or into memory over its rows.

use std::cell::OnceCell;
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use convodb_core::{Error, ErrorKind, Hex, Result};
use redb::{ReadableTable as _, ReadableTableMetadata as _};

use crate::memtable::{Frozen, Memtable, Over, Rows, Tier};
use crate::rows::{Range, Slice};
use crate::{
    Bytes, Database, EngineTables, Fold, KeyRange, Read, ReadTables, Table, engine_range, failure,
    merged_len, no_table, sorted,
};

/// What a commit of the engine makes durable when it returns: itself, and all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// No more than that.
    Durable,
    /// And what makes opening after a crash quick, at about 1.7 times the cost.
    QuicklyRepaired,
}

/// A transaction that puts more in memory is written through.
const MOST_BUFFERED_BYTES: usize = 8 << 20;

/// What removes more rows of a range is written through before, and removes them in the engine.
const MOST_REMOVED_ROWS: usize = 10_000;

/// A write transaction, whose tables borrow it.
pub struct WriteTransaction {
    tables: &'static [Table],
    fold: Fold,
    /// Begun at once, or when it is to be written through.
    engine: OnceLock<redb::WriteTransaction>,
    /// What one that can be buffered began on.
    buffered: Option<(Arc<Database>, ReadTables)>,
}

impl WriteTransaction {
    pub(super) fn of_engine(database: &Database) -> Result<Self> {
        let engine = begin(database)?;
        Ok(Self {
            tables: database.setup.tables,
            fold: database.setup.fold,
            engine: OnceLock::from(engine),
            buffered: None,
        })
    }

    pub(super) fn buffered(database: Arc<Database>, began: ReadTables) -> Self {
        Self {
            tables: database.setup.tables,
            fold: database.setup.fold,
            engine: OnceLock::new(),
            buffered: Some((database, began)),
        }
    }

    /// Its tables, to read and write.
    pub fn tables(&self) -> WriteTables<'_> {
        let began = self.buffered.as_ref().map(|(_, began)| began);
        self.resume(began.map(|began| began.tiers.live.clone()))
    }

    /// Its tables with what they [came to](WriteTables::into_memtable).
    pub fn resume(&self, memtable: Option<Memtable>) -> WriteTables<'_> {
        WriteTables {
            transaction: self,
            memtable,
            buffered_bytes: 0,
            opened: self.tables.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// The engine's own transaction, where it has begun.
    fn engine(&self) -> Result<&redb::WriteTransaction> {
        self.engine.get().ok_or_else(nowhere)
    }

    fn begin_engine(&self) -> Result<()> {
        if self.engine.get().is_none()
            && let Some((database, _)) = &self.buffered
        {
            // No other thread begins it: a writer that writes through has all tables, and was buffered before.
            let _ = self.engine.set(begin(database)?);
        }
        Ok(())
    }

    /// Gives to the engine what was frozen, and some more, durably, while others read and buffer. An
    /// error leaves open whether it happened.
    pub fn write_frozen(
        self,
        frozen: Frozen,
        more: impl FnOnce(&mut WriteTables<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut is_written = frozen.tier.is_written();
        {
            let mut rows = self.tables();
            if !*is_written {
                rows.write(&Memtable::default(), Some(&frozen.tier))?;
            }
            more(&mut rows)?;
        }
        self.commit(Durability::QuicklyRepaired)?;
        *is_written = true;
        Ok(())
    }

    pub(super) fn commit(self, durability: Durability) -> Result<()> {
        let mut engine = self.engine.into_inner().ok_or_else(nowhere)?;
        // Of a one-phase commit, a repair would read pages that a crash left without checksums.
        engine.set_two_phase_commit(true);
        engine.set_quick_repair(durability == Durability::QuicklyRepaired);
        engine.commit().map_err(failure::storage)
    }

    /// Leaves everything as it was.
    pub fn abort(self) -> Result<()> {
        match self.engine.into_inner() {
            Some(engine) => engine.abort().map_err(failure::storage),
            None => Ok(()),
        }
    }
}

fn begin(database: &Database) -> Result<redb::WriteTransaction> {
    database.inner().begin_write().map_err(failure::storage)
}

fn nowhere() -> Error {
    Error::new(
        ErrorKind::Aborted,
        "a transaction has not begun in the engine",
    )
}

fn missing(key: &[u8]) -> Error {
    Error::corrupted(format!("a row is missing: {}", Hex(key)))
}

/// The tables of a write transaction.
pub struct WriteTables<'t> {
    transaction: &'t WriteTransaction,
    /// Where rows are put; nothing where they go through the engine.
    memtable: Option<Memtable>,
    /// How many bytes were put there.
    buffered_bytes: usize,
    /// The engine's, each opened when it is first needed: one that a commit touches costs it 20 to
    /// 90 µs.
    opened: Box<[OnceCell<redb::Table<'t, Bytes, Bytes>>]>,
}

impl<'t> WriteTables<'t> {
    fn table(&self, table: Table) -> Result<&redb::Table<'t, Bytes, Bytes>> {
        let cell = self
            .opened
            .get(table.index)
            .ok_or_else(|| no_table(table))?;
        if cell.get().is_none() {
            let engine = self.transaction.engine()?;
            let opened = engine
                .open_table(table.definition())
                .map_err(failure::storage)?;
            // No other thread opened it: the cell was empty, and only this thread reaches it.
            let _ = cell.set(opened);
        }
        cell.get().ok_or_else(|| no_table(table))
    }

    fn table_mut(&mut self, table: Table) -> Result<&mut redb::Table<'t, Bytes, Bytes>> {
        self.table(table)?;
        self.opened
            .get_mut(table.index)
            .and_then(OnceCell::get_mut)
            .ok_or_else(|| no_table(table))
    }

    /// The tiers, and the engine's tables beneath, where rows are buffered.
    fn buffered(&self) -> Option<(Over<'_>, &'t EngineTables)> {
        let live = self.memtable.as_ref()?;
        let (_, began) = self.transaction.buffered.as_ref()?;
        let over = Over::new(live, began.tiers.frozen.as_deref());
        Some((over, &*began.engine))
    }

    /// Whether it is committed to the memtable.
    pub fn is_buffered(&self) -> bool {
        self.memtable.is_some()
    }

    /// From here on everything goes through the engine, with what was put before: what is larger than
    /// should be buffered. Waits for another transaction of the engine to end.
    pub fn write_through(&mut self) -> Result<()> {
        let Some(memtable) = self.memtable.take() else {
            return Ok(());
        };
        self.transaction.begin_engine()?;
        let began = self.transaction.buffered.as_ref();
        let frozen = began.and_then(|(_, began)| began.tiers.frozen.as_deref());
        // The engine has it unless its checkpoint failed.
        self.write(&memtable, frozen.filter(|frozen| !*frozen.is_written()))
    }

    /// Puts a row in memory, or that there is none; whether rows are put there.
    fn buffer(
        &mut self,
        table: Table,
        key: &[u8],
        value: Option<&[u8]>,
        added: i8,
    ) -> Result<bool> {
        let Some(memtable) = &mut self.memtable else {
            return Ok(false);
        };
        memtable.put(table, key, value, added);
        self.buffered_bytes += key.len() + value.map_or(0, <[u8]>::len);
        if self.buffered_bytes > MOST_BUFFERED_BYTES {
            self.write_through()?;
        }
        Ok(true)
    }

    /// What a transaction came to, unless it went through the engine.
    pub fn into_memtable(self) -> Option<Memtable> {
        self.memtable
    }

    /// Gives the engine what was buffered, in the order of the keys, and folds what it adds.
    fn write(&mut self, live: &Memtable, frozen: Option<&Tier>) -> Result<()> {
        let over = Over::new(live, frozen);
        for table in self.transaction.tables {
            let mut rows = over.range(*table, (Bound::Unbounded, Bound::Unbounded));
            while let Some(row) = rows.as_mut().and_then(Rows::next) {
                let engine = self.table_mut(*table)?;
                let before = match row.value() {
                    Some(value) => engine.insert(row.key(), value),
                    None => engine.remove(row.key()),
                };
                before.map(drop).map_err(failure::storage)?;
            }
        }
        (self.transaction.fold)(self, over)
    }

    /// Folds what lies over the engine's rows in a view all of whose rows were put here.
    pub fn fold(&mut self, copied: &ReadTables) -> Result<()> {
        (self.transaction.fold)(self, copied.tiers.over())
    }

    /// Takes a table of the engine out, so that another thread writes it while this one writes the
    /// others. It is to come [back](Self::rejoin), as it cannot be opened again.
    pub fn part(&mut self, table: Table) -> Result<Self> {
        self.write_through()?;
        let take = |(index, cell): (usize, &mut OnceCell<_>)| {
            let taken = (index == table.index).then(|| cell.take()).flatten();
            taken.map_or_else(OnceCell::new, OnceCell::from)
        };
        Ok(Self {
            transaction: self.transaction,
            memtable: None,
            buffered_bytes: 0,
            opened: self.opened.iter_mut().enumerate().map(take).collect(),
        })
    }

    /// Joins what was split off.
    pub fn rejoin(&mut self, part: Self) {
        for (cell, mut parted) in self.opened.iter_mut().zip(part.opened) {
            if let Some(table) = parted.take() {
                *cell = OnceCell::from(table);
            }
        }
    }

    /// Sets the value of a key.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_row(table, key, value, 0).map(drop)
    }

    /// Puts a row that is not there, and counts it where rows are buffered; whether it did.
    pub fn put_new(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<bool> {
        self.put_row(table, key, value, 1)
    }

    fn put_row(&mut self, table: Table, key: &[u8], value: &[u8], added: i8) -> Result<bool> {
        if self.buffer(table, key, Some(value), added)? {
            return Ok(true);
        }
        let before = self.table_mut(table)?.insert(key, value);
        before.map(|_| false).map_err(failure::storage)
    }

    /// Writes many rows, in the order of their keys: where enough of them lie between two that are
    /// there, the engine fills their pages to the brim and writes them at once. O(rows), a descent
    /// for the others.
    pub fn put_sorted<'r>(
        &mut self,
        table: Table,
        mut rows: impl Iterator<Item = (&'r [u8], &'r [u8])> + Clone,
    ) -> Result<()> {
        if self.memtable.is_some() {
            return rows.try_for_each(|(key, value)| self.put(table, key, value));
        }
        sorted::put(self.table_mut(table)?, rows)
    }

    /// Whether there was such a row.
    pub fn remove(&mut self, table: Table, key: &[u8]) -> Result<bool> {
        if self.memtable.is_some() {
            let is_there = self.get(table, key)?.is_some();
            if is_there {
                self.buffer(table, key, None, 0)?;
            }
            return Ok(is_there);
        }
        let before = self.table_mut(table)?.remove(key);
        before
            .map(|value| value.is_some())
            .map_err(failure::storage)
    }

    /// Removes a row that is known to be there, and counts that where rows are buffered; whether it did.
    /// It is not looked up there: that would read a page, and of all that a command reads the one
    /// that is least likely to lie in memory. `verify` finds what was missing.
    pub fn take(&mut self, table: Table, key: &[u8]) -> Result<bool> {
        if self.buffer(table, key, None, -1)? {
            return Ok(true);
        }
        match self.remove(table, key)? {
            true => Ok(false),
            false => Err(missing(key)),
        }
    }

    /// Removes the rows of a range of keys.
    pub fn remove_range(&mut self, table: Table, keys: KeyRange<'_>) -> Result<()> {
        self.retain(table, keys, |_, _| Ok(false))
    }

    /// Removes the rows of a range that are not to be kept. After an error some of them may be there
    /// yet.
    pub fn retain(
        &mut self,
        table: Table,
        keys: KeyRange<'_>,
        mut keep: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        if self.memtable.is_some() {
            let mut gone = Vec::new();
            for row in self.range(table, keys)? {
                let (key, value) = row?;
                if !keep(&key, &value)? {
                    gone.push(key.to_vec());
                }
                if gone.len() > MOST_REMOVED_ROWS {
                    break;
                }
            }
            if gone.len() <= MOST_REMOVED_ROWS {
                let mut gone = gone.iter();
                return gone.try_for_each(|key| {
                    let is_buffered = self.buffer(table, key, None, 0)?;
                    (is_buffered || self.remove(table, key)?)
                        .then_some(())
                        .ok_or_else(|| missing(key))
                });
            }
            self.write_through()?;
        }
        let mut result = Ok(());
        let kept = self
            .table_mut(table)?
            .retain_in::<&[u8], _>(keys, |key, value| {
                result.is_err()
                    || keep(key, value).unwrap_or_else(|error| {
                        result = Err(error);
                        true
                    })
            });
        kept.map_err(failure::storage).and(result)
    }

    /// Makes every table, so that reading never meets a missing one.
    pub fn create_all(&self) -> Result<()> {
        let mut tables = self.transaction.tables.iter();
        tables.try_for_each(|table| self.table(*table).map(drop))
    }
}

impl Read for WriteTables<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Slice<'_>>> {
        if let Some((over, engine)) = self.buffered() {
            return engine.get(over, table, key);
        }
        let found = self.table(table)?.get(key).map_err(failure::storage)?;
        Ok(found.map(Slice::in_engine))
    }

    fn range(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>> {
        if let Some((over, engine)) = self.buffered() {
            return engine.range(Some(over), table, keys);
        }
        engine_range(self.table(table)?, keys)
    }

    fn len(&self, table: Table) -> Result<u64> {
        match self.buffered() {
            None => self.table(table)?.len().map_err(failure::storage),
            Some((over, engine)) => merged_len(engine.table(table)?, over, table),
        }
    }

    fn range_beneath(&self, table: Table, keys: KeyRange<'_>) -> Result<Range<'_>> {
        match self.buffered() {
            None => engine_range(self.table(table)?, keys),
            Some((_, engine)) => engine_range(engine.table(table)?, keys),
        }
    }

    fn over(&self, table: Table, keys: KeyRange<'_>) -> Option<Rows<'_>> {
        self.buffered()?.0.range(table, keys)
    }
}
