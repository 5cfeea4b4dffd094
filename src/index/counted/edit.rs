//! Rows that come and go, with the totals of their streams.

use std::collections::BTreeMap;

use convodb_core::{Error, Result};

use super::fold::{Change, Folding};
use super::{CLASSES, Counter, Levels, OWN, Totals};
use crate::index::ordered::{Place, Position, Stream, Streams, position_of};
use convodb_kv::{OverRows, WriteTables};

/// What a transaction changes of streams, and where it went through the engine, what is to be folded
/// into their nodes and those of their unions.
pub struct Edits {
    streams: Streams,
    levels: Levels,
    changes: BTreeMap<Stream, Change>,
    of_unions: BTreeMap<Stream, Change>,
}

/// Many new rows of one stream are counted by walking all of it or of its union, if that has not more
/// than so many times as many rows.
const WORTH_A_REBUILD: u64 = 8;

pub(super) fn inconsistent() -> Error {
    Error::corrupted("the counts of a stream contradict its rows")
}

impl Edits {
    pub fn new(streams: Streams, levels: Levels) -> Self {
        Self {
            streams,
            levels,
            changes: BTreeMap::new(),
            of_unions: BTreeMap::new(),
        }
    }

    /// Adds a row that is not there yet. O(log rows of the stream).
    pub fn insert(
        &mut self,
        rows: &mut WriteTables<'_>,
        totals: &mut impl Totals,
        (stream, position): &Place,
        value: &[u8],
    ) -> Result<()> {
        if !rows.put_new(self.streams.table, &stream.key(position), value)? {
            self.count(stream, position, 1);
        }
        add(totals, stream, position, 1)
    }

    /// Takes a row out that is there. O(log rows of the stream).
    pub fn remove(
        &mut self,
        rows: &mut WriteTables<'_>,
        totals: &mut impl Totals,
        (stream, position): &Place,
    ) -> Result<()> {
        if !rows.take(self.streams.table, &stream.key(position))? {
            self.count(stream, position, -1);
        }
        let total = totals.total_mut(stream)?;
        total.rows = total.rows.checked_sub(1).ok_or_else(inconsistent)?;
        if total.first == *position {
            let next = self.streams.first(rows, stream, Some(position))?;
            total.first = next.unwrap_or_default();
        }
        Ok(())
    }

    /// Adds many rows of one stream, keys and values, in the order of their positions.
    pub fn insert_many<'v>(
        &mut self,
        rows: &mut WriteTables<'_>,
        totals: &mut impl Totals,
        stream: &Stream,
        mut new: impl ExactSizeIterator<Item = (&'v [u8], &'v [u8])> + Clone,
    ) -> Result<()> {
        let (known, count) = (totals.total_mut(stream)?.rows, new.len() as u64);
        let is_rebuilt = matches!(self.changes.get(stream), Some(Change::Rebuilt));
        if rows.is_buffered() || !is_rebuilt && known > WORTH_A_REBUILD * count {
            return new.try_for_each(|(key, value)| {
                let place = (*stream, *position_of(key)?);
                self.insert(rows, totals, &place, value)
            });
        }
        rows.put_sorted(self.streams.table, new.clone())?;
        self.changes.insert(*stream, Change::Rebuilt);
        if let Some((union, class)) = (self.streams.union)(stream) {
            let change = self.of_unions.entry(union).or_default();
            let known = Counter::<CLASSES>::new(self.streams, union).all(rows)?;
            if known.rows() <= WORTH_A_REBUILD * count {
                *change = Change::Rebuilt;
            } else {
                for (key, _) in new.clone() {
                    change.add(position_of(key)?, class, 1);
                }
            }
        }
        match new.next() {
            Some((first, _)) => add(totals, stream, position_of(first)?, count),
            None => Ok(()),
        }
    }

    /// Folds what went through the engine into totals and nodes there, each written once.
    pub fn settle(&mut self, rows: &mut WriteTables<'_>) -> Result<()> {
        for (stream, change) in std::mem::take(&mut self.changes) {
            let counter = Counter::<OWN>::new(self.streams, stream);
            Folding::new(counter, self.levels).fold(rows, change)?;
        }
        for (union, change) in std::mem::take(&mut self.of_unions) {
            let counter = Counter::<CLASSES>::new(self.streams, union);
            Folding::new(counter, self.levels).fold(rows, change)?;
        }
        Ok(())
    }

    /// Folds what rows add that were over the engine's and are in it now.
    pub fn fold(&mut self, rows: &mut WriteTables<'_>, over: OverRows<'_>) -> Result<()> {
        for ((stream, position), added) in self.streams.each_added(over) {
            self.count(&stream, &position, added);
        }
        self.settle(rows)
    }

    fn count(&mut self, stream: &Stream, position: &Position, rows: i8) {
        let change = self.changes.entry(*stream).or_default();
        change.add(position, 0, rows);
        if let Some((union, class)) = (self.streams.union)(stream) {
            let change = self.of_unions.entry(union).or_default();
            change.add(position, class, rows);
        }
    }
}

/// Counts new rows of a stream, of which this is the first.
fn add(totals: &mut impl Totals, stream: &Stream, first: &Position, rows: u64) -> Result<()> {
    let total = totals.total_mut(stream)?;
    total.first = match total.rows {
        0 => *first,
        _ => total.first.min(*first),
    };
    total.rows += rows;
    Ok(())
}
