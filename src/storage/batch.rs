//! Rows that are gathered and then written table by table in key order, as a B-tree likes it.

use std::collections::BTreeMap;

use super::codec::{self, Payload};
use crate::error::Result;
use crate::kv::{Table, WriteTables};

/// New rows of many conversations. Nothing reads them before they are written.
#[derive(Debug, Default)]
pub(super) struct Batch(BTreeMap<Table, Rows>);

/// The rows of one table, key and value behind one another: an allocation for each would cost as
/// much as writing it.
#[derive(Debug, Default)]
struct Rows {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

/// Where a row lies: its key up to the middle, its value up to the end.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: usize,
    middle: usize,
    end: usize,
}

/// Where rows go: into their tables at once, or together with others.
pub(super) trait Sink {
    fn put_row(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()>;
}

impl Sink for WriteTables<'_> {
    fn put_row(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.put(table, key, value)
    }
}

impl Sink for Batch {
    fn put_row(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.0.entry(table).or_default().gather(key, |bytes| {
            bytes.extend_from_slice(value);
            Ok(())
        })
    }
}

impl Rows {
    fn gather(&mut self, key: &[u8], value: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        value(&mut self.bytes)?;
        self.places.push(Place {
            start,
            middle,
            end: self.bytes.len(),
        });
        Ok(())
    }
}

impl Batch {
    pub(super) fn put<'a, R: Payload<'a>>(&mut self, key: &[u8], record: &R) -> Result<()> {
        let rows = self.0.entry(R::TABLE).or_default();
        rows.gather(key, |bytes| codec::encode_onto(bytes, key, record))
    }

    pub(super) fn write(&mut self, rows: &mut WriteTables<'_>) -> Result<()> {
        for (table, mut gathered) in std::mem::take(&mut self.0) {
            let bytes = &gathered.bytes;
            let slice = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
            // Stable, as that sees what is in order already.
            gathered
                .places
                .sort_by(|a, b| slice(a.start, a.middle).cmp(slice(b.start, b.middle)));
            for place in &gathered.places {
                let key = slice(place.start, place.middle);
                rows.put(table, key, slice(place.middle, place.end))?;
            }
        }
        Ok(())
    }
}
