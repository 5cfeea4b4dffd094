//! Rows that commits have put and the engine has not, in two tiers: the *live* one, which commits put
//! into, and behind it the *frozen* one, which a checkpoint gives to the engine.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::tree::{self, Row, Sought, Tree};
use crate::{KeyRange, Table};

/// One version of the rows that are put over others. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct Memtable {
    /// By the places of their tables; those without rows may be missing.
    tables: Vec<Option<Tree>>,
    bytes: usize,
}

impl Memtable {
    fn tree(&self, table: Table) -> Option<&Tree> {
        self.tables.get(table.index)?.as_ref()
    }

    /// Puts a row, or a tombstone, by which there are so many rows more.
    pub(super) fn put(&mut self, table: Table, key: &[u8], value: Option<&[u8]>, added: i8) {
        if self.tables.len() <= table.index {
            self.tables.resize_with(table.index + 1, || None);
        }
        let Some(slot) = self.tables.get_mut(table.index) else {
            return;
        };
        let row = Row::new(key, value, added);
        let bytes = match slot {
            Some(tree) => tree.put(row),
            None => {
                let bytes = row.size();
                *slot = Some(Tree::from(row));
                bytes
            }
        };
        slot.take_if(|tree| tree.is_empty());
        self.bytes = self.bytes.saturating_add_signed(bytes);
    }

    /// How much memory its rows take, about; what was put over counts no more.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A memtable that nothing more is put into.
#[derive(Debug)]
pub(super) struct Tier {
    pub(super) memtable: Memtable,
    /// Whether the engine has it. A commit that gives it to the engine holds the lock, as the next
    /// transaction begins before that returns, and takes it along where the engine has it not.
    pub(super) is_written: Mutex<bool>,
}

impl Tier {
    pub(super) fn is_written(&self) -> MutexGuard<'_, bool> {
        let is_written = self.is_written.lock();
        is_written.unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was frozen, to be [given](super::WriteTransaction::write_frozen) to the engine.
#[derive(Clone, Debug)]
pub struct Frozen {
    pub(super) tier: Arc<Tier>,
    /// The one before, which was last held by a view or a command: who writes this one drops it.
    pub(super) _retired: Option<Arc<Tier>>,
}

/// Both tiers as one commit left them.
#[derive(Clone, Default)]
pub(super) struct Tiers {
    pub(super) live: Memtable,
    pub(super) frozen: Option<Arc<Tier>>,
}

impl Tiers {
    /// Freezes what is live, unless a frozen one is there still. O(1).
    pub(super) fn freeze(&mut self) -> Arc<Tier> {
        let live = &mut self.live;
        let frozen = self.frozen.get_or_insert_with(|| {
            Arc::new(Tier {
                memtable: std::mem::take(live),
                is_written: Mutex::default(),
            })
        });
        Arc::clone(frozen)
    }

    pub(super) fn over(&self) -> Over<'_> {
        Over::new(&self.live, self.frozen.as_deref())
    }
}

/// Both tiers as they are read.
#[derive(Clone, Copy, Debug)]
pub struct Over<'a> {
    live: &'a Memtable,
    frozen: Option<&'a Memtable>,
}

impl<'a> Over<'a> {
    pub(super) fn new(live: &'a Memtable, frozen: Option<&'a Tier>) -> Self {
        let frozen = frozen.map(|tier| &tier.memtable);
        Self { live, frozen }
    }

    pub(super) fn get(self, table: Table, key: &[u8]) -> Option<&'a Row> {
        let live = self.live.tree(table);
        let frozen = self.frozen.and_then(|frozen| frozen.tree(table));
        if live.is_none() && frozen.is_none() {
            return None;
        }
        let sought = Sought::new(key);
        let found = live.and_then(|tree| tree.get(sought));
        found.or_else(|| frozen?.get(sought))
    }

    /// Nothing where nothing lies over the engine's rows.
    pub fn range(self, table: Table, keys: KeyRange<'_>) -> Option<Rows<'a>> {
        let range = |memtable: &'a Memtable| memtable.tree(table).map(|tree| tree.range(keys));
        let rows = Rows {
            live: range(self.live).unwrap_or_default(),
            frozen: self.frozen.and_then(range).unwrap_or_default(),
        };
        (rows.count() > 0).then_some(rows)
    }
}

/// Rows of both tiers in key order, from either end; the live one's replace the frozen one's.
#[derive(Debug, Default)]
pub struct Rows<'a> {
    live: tree::Rows<'a>,
    frozen: tree::Rows<'a>,
}

impl<'a> Rows<'a> {
    /// How many rows both tiers have.
    pub fn count(&self) -> usize {
        self.live.count() + self.frozen.count()
    }

    /// How many rows more there are by them than the engine has. O(1).
    pub fn added(&self) -> i64 {
        self.live.added() + self.frozen.added()
    }

    /// Those of each tier: first the frozen one's, so that no sum of what they add is below zero.
    pub fn tiers(self) -> [tree::Rows<'a>; 2] {
        [self.frozen, self.live]
    }

    pub(super) fn next(&mut self) -> Option<&'a Row> {
        let row = self.first()?;
        self.pass_first();
        Some(row)
    }

    pub(super) fn first(&mut self) -> Option<&'a Row> {
        match (self.live.first(), self.frozen.first()) {
            (Some(live), Some(frozen)) if frozen.cmp(live).is_lt() => Some(frozen),
            (live, frozen) => live.or(frozen),
        }
    }

    pub(super) fn last(&mut self) -> Option<&'a Row> {
        match (self.live.last(), self.frozen.last()) {
            (Some(live), Some(frozen)) if frozen.cmp(live).is_gt() => Some(frozen),
            (live, frozen) => live.or(frozen),
        }
    }

    pub(super) fn pass_first(&mut self) {
        let order = match (self.live.first(), self.frozen.first()) {
            (Some(live), Some(frozen)) => live.cmp(frozen),
            (live, _) => alone(live),
        };
        if order.is_le() {
            self.live.pass_first();
        }
        if order.is_ge() {
            self.frozen.pass_first();
        }
    }

    pub(super) fn pass_last(&mut self) {
        let order = match (self.live.last(), self.frozen.last()) {
            (Some(live), Some(frozen)) => frozen.cmp(live),
            (live, _) => alone(live),
        };
        if order.is_le() {
            self.live.pass_last();
        }
        if order.is_ge() {
            self.frozen.pass_last();
        }
    }
}

/// The order where one tier has no row: its turn comes after that of the other.
fn alone(live: Option<&Row>) -> Ordering {
    match live {
        Some(_) => Ordering::Less,
        None => Ordering::Greater,
    }
}
