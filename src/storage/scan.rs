//! Whole tables, row by row, held to what the engine says of them: as many rows as it counts, in
//! ascending order.
//!
//! A page whose write was lost together with its checksum can hide rows, show some twice or never end.
//! No copy is made of such a table, and `verify` reports it.

use std::ops::Bound;

use convodb_core::{Error, Result};

use super::FindingKind;
use super::batch::Rows;
use convodb_kv::{Range, Read, Slice, Table, WriteTables};

type Row<'a> = (Slice<'a>, Slice<'a>);

/// A table that is read from its first row to its last.
pub(super) struct Scan<'a> {
    table: Table,
    rows: Range<'a>,
    len: u64,
    read: u64,
    last: Vec<u8>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(rows: &'a impl Read, table: Table) -> Result<Self> {
        Ok(Self {
            table,
            rows: rows.range(table, (Bound::Unbounded, Bound::Unbounded))?,
            len: rows.len(table)?,
            read: 0,
            last: Vec::new(),
        })
    }

    /// The next row, and what is wrong with its place; at the end, with the number of rows. Ends
    /// after one row too many at the latest.
    pub(super) fn step(&mut self) -> Result<(Option<Row<'a>>, Option<FindingKind>)> {
        if self.read > self.len {
            return Ok((None, Some(FindingKind::Unexpected)));
        }
        let Some(row) = self.rows.next().transpose()? else {
            let lacks_rows = self.read < self.len;
            return Ok((None, lacks_rows.then_some(FindingKind::Missing)));
        };
        let descends = self.read > 0 && row.0[..] <= self.last[..];
        self.read += 1;
        self.last.clear();
        self.last.extend_from_slice(&row.0);
        Ok((Some(row), descends.then_some(FindingKind::Misplaced)))
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Result<Row<'a>>;

    /// What is not as it should be is an error.
    fn next(&mut self) -> Option<Self::Item> {
        let what = match self.step() {
            Ok((row, None)) => return row.map(Ok),
            Ok((Some(_), _)) => "has rows out of their order",
            Ok((None, _)) => "has not as many rows as it should have",
            Err(error) => return Some(Err(error)),
        };
        let message = format!("`{}` {what}", self.table.name);
        Some(Err(Error::corrupted(message)))
    }
}

/// So many bytes of rows are copied at a time.
const COPIED_BYTES: usize = 1 << 20;

/// Copies a table to another file, in key order.
pub(super) fn copy(from: &impl Read, table: Table, to: &mut WriteTables<'_>) -> Result<()> {
    let mut copied = Rows::default();
    for row in Scan::new(from, table)? {
        let (key, value) = row?;
        copied.put(&key, |bytes| {
            bytes.extend_from_slice(&value);
            Ok(())
        })?;
        if copied.bytes() >= COPIED_BYTES {
            to.put_sorted(table, copied.iter())?;
            copied.clear();
        }
    }
    to.put_sorted(table, copied.iter())
}
