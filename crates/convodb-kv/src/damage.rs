//! Reads that met damaged pages: the same ones are answered without redb, whose handle every other
//! damaged page ends.

use std::collections::HashSet;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use convodb_core::{Details, Error, Hex, Result};

use crate::rows::EngineRow;
use crate::{KeyRange, Table, failure};

/// More reads than this are not remembered.
const MOST: usize = 10_000;

/// What was read of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// The row at a key.
    At,
    /// The bounds of a range.
    Between,
    /// The row after a key, or the first of a range.
    Next,
    /// The row before a key, or the last of a range.
    NextBack,
}

/// The table, and where in it.
type Met = (usize, Step, Box<[u8]>);

#[derive(Debug, Default)]
pub(super) struct Damage {
    /// Whether there is any: all that an undamaged file pays for.
    is_known: AtomicBool,
    met: RwLock<HashSet<Met>>,
}

impl Damage {
    pub(super) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }

    /// There may be some: ranges note from now on where they meet it.
    pub(super) fn suspect(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }

    /// An error where this step met a damaged page before.
    pub(super) fn check(&self, table: Table, step: Step, key: &[u8]) -> Result<()> {
        if !self.is_known() {
            return Ok(());
        }
        let met = self.met.read().unwrap_or_else(PoisonError::into_inner);
        match met.contains(&(table.index, step, key.into())) {
            true => Err(damaged(table, key)),
            false => Ok(()),
        }
    }

    /// The error of a step, which is remembered if it met a damaged page.
    pub(super) fn note(
        &self,
        table: Table,
        step: Step,
        key: &[u8],
        error: redb::StorageError,
    ) -> Error {
        if !failure::is_damage(&error) {
            return failure::storage(error);
        }
        let mut met = self.met.write().unwrap_or_else(PoisonError::into_inner);
        if met.len() < MOST {
            met.insert((table.index, step, key.into()));
        }
        self.suspect();
        damaged(table, key).with_source(failure::storage(error))
    }
}

fn damaged(table: Table, key: &[u8]) -> Error {
    let name = table.name;
    let key_name = Hex(key);
    let message = format!("a page of the table `{name}` is damaged, at or near the key {key_name}");
    Error::corrupted(message).with_details(Details::Page {
        table: Some(name),
        key: key.into(),
    })
}

/// Bounds as bytes.
pub(super) fn bytes_of((from, to): KeyRange<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for bound in [from, to] {
        let (kind, key): (u8, &[u8]) = match bound {
            Bound::Unbounded => (0, &[]),
            Bound::Included(key) => (1, key),
            Bound::Excluded(key) => (2, key),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&(key.len() as u64).to_le_bytes());
        bytes.extend_from_slice(key);
    }
    bytes
}

/// Steps of a range in a file that is known to be damaged.
pub(super) struct Steps<'a> {
    damage: &'a Damage,
    table: Table,
    /// Where it stands from either end: at its bounds, then at the row that it returned last.
    front: Vec<u8>,
    back: Vec<u8>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(damage: &'a Damage, table: Table, keys: KeyRange<'_>) -> Self {
        let bounds = bytes_of(keys);
        Self {
            damage,
            table,
            front: bounds.clone(),
            back: bounds,
        }
    }

    /// Takes a step, unless it is known to meet damage.
    pub(super) fn take<'r>(
        &mut self,
        step: Step,
        next: impl FnOnce() -> Option<std::result::Result<EngineRow<'r>, redb::StorageError>>,
    ) -> Result<Option<EngineRow<'r>>> {
        let place = match step {
            Step::NextBack => &mut self.back,
            _ => &mut self.front,
        };
        self.damage.check(self.table, step, place)?;
        match next() {
            Some(Ok(row)) => {
                place.clear();
                place.extend_from_slice(row.0.value());
                Ok(Some(row))
            }
            Some(Err(error)) => Err(self.damage.note(self.table, step, place, error)),
            None => Ok(None),
        }
    }
}
