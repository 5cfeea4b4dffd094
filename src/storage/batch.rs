//! Rows that are gathered and then written table by table in key order, as a B-tree likes it.

use std::collections::BTreeMap;
use std::ops::Range;

use convodb_core::codec::Record;
use convodb_core::{Error, Result};

use super::{Totals, codec, plan};
use crate::index::{Edits, POSITION_LEN, Stream};
use convodb_kv::{Table, WriteTables};

/// New rows of many conversations. Nothing reads them before they are written.
#[derive(Debug, Default)]
pub(super) struct Batch(BTreeMap<Table, Rows>);

/// The rows of one table, key and value behind one another: an allocation for each would cost as
/// much as writing it.
#[derive(Debug, Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    entries: Vec<EntryOffset>,
}

/// Where a row is: its key, and its value behind it.
#[derive(Clone, Copy, Debug)]
struct EntryOffset {
    /// How the key begins: most keys differ there, and comparing them leads nowhere else.
    prefix: u128,
    start: usize,
    key_len: u32,
    value_len: u32,
}

/// Where rows go: into their tables at once, or together with others.
pub(super) trait Sink {
    /// Puts a record behind its version.
    fn put_record<R: Record>(&mut self, table: Table, key: &[u8], record: &R) -> Result<()>;
    /// Puts a row that says all in its key.
    fn put_key(&mut self, table: Table, key: &[u8]) -> Result<()>;
}

impl Sink for WriteTables<'_> {
    fn put_record<R: Record>(&mut self, table: Table, key: &[u8], record: &R) -> Result<()> {
        let mut bytes = Vec::with_capacity(256);
        codec::append_row(&mut bytes, record)?;
        self.put(table, key, &bytes)
    }

    fn put_key(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.put(table, key, &[])
    }
}

impl Sink for Batch {
    fn put_record<R: Record>(&mut self, table: Table, key: &[u8], record: &R) -> Result<()> {
        self.put(table, key, |bytes| codec::append_row(bytes, record))
    }

    fn put_key(&mut self, table: Table, key: &[u8]) -> Result<()> {
        self.put(table, key, |_| Ok(()))
    }
}

impl Rows {
    /// Adds a row, whose value is appended.
    pub(super) fn put(
        &mut self,
        key: &[u8],
        append_value: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let bytes = &mut self.bytes;
        let start = bytes.len();
        bytes.extend_from_slice(key);
        let middle = bytes.len();
        append_value(bytes)?;
        self.entries.push(EntryOffset {
            prefix: prefix(key),
            start,
            key_len: len(start..middle)?,
            value_len: len(middle..bytes.len())?,
        });
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<EntryOffset>()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Stable, as that sees what is in order already.
    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        self.entries.sort_by(|a, b| {
            let by_prefix = a.prefix.cmp(&b.prefix);
            by_prefix.then_with(|| a.row(bytes).0.cmp(b.row(bytes).0))
        });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.entries.iter().map(|entry| entry.row(&self.bytes))
    }

    /// Writes sorted index entries, stream by stream.
    pub(super) fn write_index(
        &self,
        rows: &mut WriteTables<'_>,
        index: &mut Edits,
        totals: &mut Totals,
    ) -> Result<()> {
        let stream = |entry: &EntryOffset| {
            let (key, _) = entry.row(&self.bytes);
            key.split_at(key.len().saturating_sub(POSITION_LEN)).0
        };
        for entries in self.entries.chunk_by(|a, b| stream(a) == stream(b)) {
            let new = entries.iter().map(|entry| entry.row(&self.bytes));
            let stream = entries.first().map_or(&[][..], stream);
            index.insert_many(rows, totals, &Stream::new(stream), new)?;
        }
        Ok(())
    }
}

impl EntryOffset {
    fn row(self, bytes: &[u8]) -> (&[u8], &[u8]) {
        let rest = bytes.get(self.start..).unwrap_or_default();
        let (key, rest) = rest
            .split_at_checked(self.key_len as usize)
            .unwrap_or_default();
        (key, rest.get(..self.value_len as usize).unwrap_or_default())
    }
}

/// How a key begins, as a number in its order.
pub(super) fn prefix(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    for (byte, source) in bytes.iter_mut().zip(key) {
        *byte = *source;
    }
    u128::from_be_bytes(bytes)
}

fn len(range: Range<usize>) -> Result<u32> {
    u32::try_from(range.len()).map_err(|_| Error::corrupted("a record has no end"))
}

impl Batch {
    pub(super) fn put(
        &mut self,
        table: Table,
        key: &[u8],
        append_value: impl FnOnce(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        self.0.entry(table).or_default().put(key, append_value)
    }

    /// How many it takes.
    pub(super) fn bytes(&self) -> usize {
        self.0.values().map(Rows::bytes).sum()
    }

    pub(super) fn take(&mut self, table: Table) -> Rows {
        self.0.remove(&table).unwrap_or_default()
    }

    pub(super) fn tables_mut(&mut self) -> impl Iterator<Item = (Table, &mut Rows)> {
        self.0.iter_mut().map(|(table, rows)| (*table, rows))
    }

    /// Writes all of them, and leaves none.
    pub(super) fn write(
        &mut self,
        rows: &mut WriteTables<'_>,
        index: &mut Edits,
        totals: &mut Totals,
    ) -> Result<()> {
        for (table, gathered) in self.tables_mut() {
            gathered.sort();
            match table == plan::STREAMS.table {
                true => gathered.write_index(rows, index, totals)?,
                false => rows.put_sorted(table, gathered.iter())?,
            }
            gathered.clear();
        }
        Ok(())
    }
}
