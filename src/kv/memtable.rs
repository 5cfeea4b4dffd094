//! Rows that commits have put and the engine has not: an ordered map for each table, whose versions
//! share what they have in common.
//!
//! A clone is a version: to change it copies the leaves that it changes, each once, so that whoever
//! reads an older version is never waited for, and a transaction that is given up is dropped. Leaves
//! lie side by side in one list, which a version that changes a table copies too: there are few, as
//! the rows go to the engine before they are many.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use super::{KeyRange, Table};

/// Copying a leaf takes as long as finding a row in a tree of a million.
const LEAF_ROWS: usize = 32;

/// How a key begins, as numbers in its order: most keys differ there, and comparing them leads nowhere
/// else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Prefix([u64; 3]);

impl Prefix {
    fn of(key: &[u8]) -> Self {
        let mut bytes = [0; 24];
        for (byte, source) in bytes.iter_mut().zip(key) {
            *byte = *source;
        }
        let (words, _) = bytes.as_chunks();
        let mut words = words.iter().map(|word| u64::from_be_bytes(*word));
        Self(std::array::from_fn(|_| words.next().unwrap_or_default()))
    }
}

/// A key that is looked for.
#[derive(Clone, Copy)]
struct Sought<'k> {
    prefix: Prefix,
    key: &'k [u8],
}

impl<'k> Sought<'k> {
    fn new(key: &'k [u8]) -> Self {
        Self {
            prefix: Prefix::of(key),
            key,
        }
    }
}

/// A row, or that there is none any more.
#[derive(Clone)]
pub(super) struct Row {
    prefix: Prefix,
    /// The key, and the value behind it.
    bytes: Arc<[u8]>,
    generation: u64,
    key_len: u32,
    is_gone: bool,
}

impl Row {
    fn new(key: &[u8], value: Option<&[u8]>, generation: u64) -> Self {
        let rest = value.unwrap_or_default();
        let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, key.len() + rest.len()).collect();
        if let Some(slot) = Arc::get_mut(&mut bytes) {
            let (front, back) = slot.split_at_mut(key.len());
            front.copy_from_slice(key);
            back.copy_from_slice(rest);
        }
        Self {
            prefix: Prefix::of(key),
            bytes,
            generation,
            key_len: u32::try_from(key.len()).unwrap_or(u32::MAX),
            is_gone: value.is_none(),
        }
    }

    pub(super) fn key(&self) -> &[u8] {
        let len = self.key_len as usize;
        self.bytes.get(..len).unwrap_or_default()
    }

    fn compare(&self, sought: Sought<'_>) -> Ordering {
        let by_prefix = self.prefix.cmp(&sought.prefix);
        by_prefix.then_with(|| self.key().cmp(sought.key))
    }

    /// Nothing where there is no such row any more.
    pub(super) fn value(&self) -> Option<&[u8]> {
        if self.is_gone {
            return None;
        }
        self.bytes.get(self.key_len as usize..)
    }
}

/// The rows of one table, in leaves of which none is empty, each with how its first key begins.
#[derive(Clone, Default)]
pub(super) struct Sheet {
    leaves: Vec<(Prefix, Arc<Leaf>)>,
}

struct Leaf(Vec<Row>);

impl Clone for Leaf {
    fn clone(&self) -> Self {
        let mut rows = Vec::with_capacity(LEAF_ROWS + 1);
        rows.extend_from_slice(&self.0);
        Self(rows)
    }
}

/// A leaf as it stands among others.
fn standing(rows: Vec<Row>) -> Option<(Prefix, Arc<Leaf>)> {
    let prefix = rows.first()?.prefix;
    Some((prefix, Arc::new(Leaf(rows))))
}

/// Where a row stands, or could: a leaf, and a place in it that is not behind its last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    leaf: usize,
    row: usize,
}

impl Sheet {
    /// The last leaf that begins at a key or before it; the first where none does.
    fn leaf_of(&self, sought: Sought<'_>) -> usize {
        let behind = self.leaves.partition_point(|(prefix, leaf)| {
            let by_prefix = prefix.cmp(&sought.prefix);
            let order = by_prefix.then_with(|| match leaf.0.first() {
                Some(first) => first.key().cmp(sought.key),
                None => Ordering::Less,
            });
            order.is_le()
        });
        behind.saturating_sub(1)
    }

    fn rows(&self, leaf: usize) -> &[Row] {
        self.leaves.get(leaf).map_or(&[], |(_, leaf)| &leaf.0)
    }

    fn put(&mut self, row: Row) {
        let bytes = Arc::clone(&row.bytes);
        let sought = Sought {
            prefix: row.prefix,
            key: bytes.get(..row.key_len as usize).unwrap_or_default(),
        };
        let at = self.leaf_of(sought);
        let Some((first, leaf)) = self.leaves.get_mut(at) else {
            return self.leaves.extend(standing(vec![row]));
        };
        let Leaf(rows) = Arc::make_mut(leaf);
        match rows.binary_search_by(|known| known.compare(sought)) {
            Ok(found) => {
                if let Some(known) = rows.get_mut(found) {
                    *known = row;
                }
            }
            Err(place) => {
                *first = row.prefix.min(*first);
                rows.insert(place, row);
                if rows.len() > LEAF_ROWS {
                    // What comes in ascending order, as events do, leaves full leaves behind.
                    let at_end = place + 1 == rows.len();
                    let keep = if at_end { LEAF_ROWS } else { LEAF_ROWS / 2 };
                    let split = standing(rows.split_off(keep));
                    self.leaves.splice(at + 1..at + 1, split);
                }
            }
        }
    }

    fn get(&self, key: &[u8]) -> Option<&Row> {
        let sought = Sought::new(key);
        let rows = self.rows(self.leaf_of(sought));
        let found = rows.binary_search_by(|row| row.compare(sought)).ok()?;
        rows.get(found)
    }

    /// The first row that is not before a key, or `behind` it.
    fn place(&self, key: &[u8], behind: bool) -> Place {
        let sought = Sought::new(key);
        let leaf = self.leaf_of(sought);
        let rows = self.rows(leaf);
        let row = rows.partition_point(|row| match behind {
            true => row.compare(sought).is_le(),
            false => row.compare(sought).is_lt(),
        });
        if row < rows.len() {
            return Place { leaf, row };
        }
        Place {
            leaf: (leaf + 1).min(self.leaves.len()),
            row: 0,
        }
    }

    pub(super) fn range(&self, (from, to): KeyRange<'_>) -> Rows<'_> {
        let front = match from {
            Bound::Unbounded => Place::default(),
            Bound::Included(key) => self.place(key, false),
            Bound::Excluded(key) => self.place(key, true),
        };
        let back = match to {
            Bound::Unbounded => Place {
                leaf: self.leaves.len(),
                row: 0,
            },
            Bound::Included(key) => self.place(key, true),
            Bound::Excluded(key) => self.place(key, false),
        };
        Rows {
            leaves: &self.leaves,
            front,
            back,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.leaves.iter().flat_map(|(_, leaf)| &leaf.0)
    }

    /// Those of later generations.
    fn after(&self, generation: u64) -> Self {
        let mut leaves = Vec::new();
        let mut kept = Vec::new();
        for row in self.iter().filter(|row| row.generation > generation) {
            kept.push(row.clone());
            if kept.len() == LEAF_ROWS {
                leaves.extend(standing(std::mem::take(&mut kept)));
            }
        }
        leaves.extend(standing(kept));
        Self { leaves }
    }
}

/// Rows of a sheet in key order, from either end.
pub(super) struct Rows<'a> {
    leaves: &'a [(Prefix, Arc<Leaf>)],
    front: Place,
    back: Place,
}

impl<'a> Rows<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.front >= self.back
    }

    fn at(&self, place: Place) -> Option<&'a Row> {
        let (_, leaf) = self.leaves.get(place.leaf)?;
        leaf.0.get(place.row)
    }

    pub(super) fn first(&self) -> Option<&'a Row> {
        if self.is_empty() {
            return None;
        }
        self.at(self.front)
    }

    pub(super) fn last(&self) -> Option<&'a Row> {
        if self.is_empty() {
            return None;
        }
        self.at(self.before(self.back))
    }

    pub(super) fn pass_first(&mut self) {
        let Place { leaf, row } = self.front;
        let rows = self.leaves.get(leaf).map_or(0, |(_, leaf)| leaf.0.len());
        self.front = if row + 1 < rows {
            Place { leaf, row: row + 1 }
        } else {
            Place {
                leaf: leaf + 1,
                row: 0,
            }
        };
    }

    pub(super) fn pass_last(&mut self) {
        self.back = self.before(self.back);
    }

    fn before(&self, Place { leaf, row }: Place) -> Place {
        if row > 0 {
            return Place { leaf, row: row - 1 };
        }
        let leaf = leaf.saturating_sub(1);
        let rows = self.leaves.get(leaf).map_or(0, |(_, leaf)| leaf.0.len());
        Place {
            leaf,
            row: rows.saturating_sub(1),
        }
    }
}

/// One version of what the engine does not have yet.
#[derive(Clone, Default)]
pub struct Memtable {
    /// By the places of their tables; those without rows may be missing.
    sheets: Vec<Arc<Sheet>>,
    /// What is put now belongs to this one.
    generation: u64,
    bytes: usize,
}

impl Memtable {
    /// The rows of a table, if there are any.
    pub(super) fn sheet(&self, table: Table) -> Option<&Sheet> {
        let sheet = &**self.sheets.get(table.index)?;
        (!sheet.leaves.is_empty()).then_some(sheet)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<&Row> {
        self.sheet(table)?.get(key)
    }

    /// Puts a row, or that there is none; tells what that takes.
    pub(super) fn put(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) -> usize {
        if self.sheets.len() <= table.index {
            self.sheets.resize_with(table.index + 1, Arc::default);
        }
        if let Some(sheet) = self.sheets.get_mut(table.index) {
            Arc::make_mut(sheet).put(Row::new(key, value, self.generation));
        }
        let bytes = size_of::<Row>() + key.len() + value.map_or(0, <[u8]>::len);
        self.bytes += bytes;
        bytes
    }

    /// How many bytes were put since it was frozen last, those that were put over included.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All that is there now, to be given to the engine; what is put from now on is told apart.
    pub(super) fn freeze(&mut self) -> Self {
        let frozen = self.clone();
        self.generation += 1;
        self.bytes = 0;
        frozen
    }

    /// What was put since that was frozen. O(rows).
    pub(super) fn since(&self, frozen: &Self) -> Self {
        let later = |sheet: &Arc<Sheet>| Arc::new(sheet.after(frozen.generation));
        Self {
            sheets: self.sheets.iter().map(later).collect(),
            generation: self.generation,
            bytes: self.bytes,
        }
    }
}

impl fmt::Debug for Memtable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memtable").finish_non_exhaustive()
    }
}
