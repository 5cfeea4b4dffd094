//! Whole tables, row by row, held to what the engine says of them: as many rows as it counts, in
//! ascending order.
//!
//! In a file that was opened unchecked a damaged page can hide rows, show some twice or never end.
//! No copy is made of such a table, and `verify` reports it.

use std::cmp::Ordering;
use std::ops::Bound;

use convodb_core::{Error, Result};

use crate::kv::{Range, Read, Slice, Table, WriteTables};

pub(super) type Row<'a> = (Slice<'a>, Slice<'a>);

/// What comes next in a table.
pub(super) enum Step<'a> {
    Row(Row<'a>),
    /// A row whose key does not come after the one before it.
    Misplaced(Row<'a>),
    /// The end, with how many rows there were beside how many there should be.
    End(Ordering),
}

/// A table that is read from its first row to its last.
pub(super) struct Scan<'a> {
    pub(super) table: Table,
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

    /// Ends after one row too many at the latest.
    pub(super) fn step(&mut self) -> Result<Step<'a>> {
        if self.read > self.len {
            return Ok(Step::End(Ordering::Greater));
        }
        let Some(row) = self.rows.next() else {
            return Ok(Step::End(self.read.cmp(&self.len)));
        };
        let row = row?;
        let ascends = self.read == 0 || row.0[..] > self.last[..];
        self.read += 1;
        self.last.clear();
        self.last.extend_from_slice(&row.0);
        Ok(if ascends {
            Step::Row(row)
        } else {
            Step::Misplaced(row)
        })
    }
}

impl<'a> Iterator for Scan<'a> {
    type Item = Result<Row<'a>>;

    /// What is not as it should be is an error.
    fn next(&mut self) -> Option<Self::Item> {
        let name = self.table.name;
        let damaged = |what: &str| Some(Err(Error::corrupted(format!("`{name}` {what}"))));
        match self.step() {
            Ok(Step::Row(row)) => Some(Ok(row)),
            Ok(Step::End(Ordering::Equal)) => None,
            Ok(Step::Misplaced(_)) => damaged("has rows out of their order"),
            Ok(Step::End(_)) => damaged("has not as many rows as it should have"),
            Err(error) => Some(Err(error)),
        }
    }
}

/// Copies a table to another file, in key order.
pub(super) fn copy(from: &impl Read, table: Table, to: &mut WriteTables<'_>) -> Result<()> {
    for row in Scan::new(from, table)? {
        let (key, value) = row?;
        to.put(table, &key, &value)?;
    }
    Ok(())
}
