//! Rows that are gathered and then written table by table in key order, as a B-tree likes it.

use std::collections::BTreeMap;
use std::ops::Range;

use convodb_core::codec::Record;
use convodb_core::{Error, Result};

use super::codec;
use crate::kv::{Table, WriteTables};

/// New rows of many conversations. Nothing reads them before they are written.
#[derive(Debug, Default)]
pub(super) struct Batch(BTreeMap<Table, Rows>);

/// The rows of one table, key and value behind one another: an allocation for each would cost as
/// much as writing it.
#[derive(Debug, Default)]
struct Rows {
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
    /// Puts a record in its envelope.
    fn put_record<R: Record>(&mut self, table: Table, key: &[u8], record: &R) -> Result<()>;
}

impl Sink for WriteTables<'_> {
    fn put_record<R: Record>(&mut self, table: Table, key: &[u8], record: &R) -> Result<()> {
        let mut bytes = Vec::with_capacity(256);
        codec::append_row(&mut bytes, table, key, record)?;
        self.put(table, key, &bytes)
    }
}

impl Sink for Batch {
    fn put_record<R: Record>(&mut self, table: Table, key: &[u8], record: &R) -> Result<()> {
        let Rows { bytes, entries } = self.0.entry(table).or_default();
        let start = bytes.len();
        bytes.extend_from_slice(key);
        let middle = bytes.len();
        codec::append_row(bytes, table, key, record)?;
        entries.push(EntryOffset {
            prefix: prefix(key),
            start,
            key_len: len(start..middle)?,
            value_len: len(middle..bytes.len())?,
        });
        Ok(())
    }
}

impl Rows {
    fn bytes(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<EntryOffset>()
    }

    /// Stable, as that sees what is in order already.
    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.entries.sort_by(|a, b| {
            let by_prefix = a.prefix.cmp(&b.prefix);
            by_prefix.then_with(|| a.row(bytes).0.cmp(b.row(bytes).0))
        });
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        self.entries.iter().map(|entry| entry.row(&self.bytes))
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
fn prefix(key: &[u8]) -> u128 {
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
    /// How many it takes.
    pub(super) fn bytes(&self) -> usize {
        self.0.values().map(Rows::bytes).sum()
    }

    pub(super) fn write(&mut self, rows: &mut WriteTables<'_>) -> Result<()> {
        for (table, mut gathered) in std::mem::take(&mut self.0) {
            gathered.sort();
            rows.put_sorted(table, gathered.iter())?;
        }
        Ok(())
    }
}
