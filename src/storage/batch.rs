//! Rows that are gathered and then written table by table in key order, as a B-tree likes it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::codec::{self, Record};
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

impl Batch {
    pub(super) fn put<R: Record + Serialize>(&mut self, key: &[u8], record: &R) -> Result<()> {
        let Rows { bytes, places } = self.0.entry(R::TABLE).or_default();
        let start = bytes.len();
        bytes.extend_from_slice(key);
        let middle = bytes.len();
        codec::encode_onto(bytes, key, record)?;
        places.push(Place {
            start,
            middle,
            end: bytes.len(),
        });
        Ok(())
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
