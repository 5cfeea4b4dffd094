//! Rows that came to the engine and went from it, folded into the nodes that count them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::ops::Bound;

use convodb_core::Result;

use super::edit::inconsistent;
use super::{Builder, Entry, HEAD, Levels, Total, decode_entry, encode_node, entries, node_key};
use crate::index::ordered::{Position, Stream, Streams, position_of};
use convodb_kv::{Read, WriteTables};

/// What became of a stream's rows in the engine since its nodes were written.
pub(super) enum Change {
    /// How many came to each position, or went from it.
    Added(BTreeMap<Position, i8>),
    /// So many that they are all counted anew.
    Rebuilt,
}

impl Default for Change {
    fn default() -> Self {
        Self::Added(BTreeMap::new())
    }
}

impl Change {
    pub(super) fn add(&mut self, position: &Position, rows: i8) {
        if let Self::Added(added) = self {
            *added.entry(*position).or_default() += rows;
        }
    }
}

/// A node as it was read, or what became of it. One that is gone has no entries.
struct Node {
    entries: Vec<Entry>,
    is_changed: bool,
}

/// The nodes of one stream, on the way to their next state.
pub(super) struct Folding {
    streams: Streams,
    levels: Levels,
    stream: Stream,
    height: u8,
    /// By their first entries and levels, as their keys are ordered.
    nodes: BTreeMap<(Position, u8), Node>,
}

/// The index of the last entry before a position.
fn before(entries: &[Entry], position: &Position) -> Result<usize> {
    entries
        .partition_point(|(start, _)| start < position)
        .checked_sub(1)
        .ok_or_else(inconsistent)
}

impl Folding {
    pub(super) fn new(streams: Streams, levels: Levels, stream: Stream) -> Self {
        Self {
            streams,
            levels,
            stream,
            height: 0,
            nodes: BTreeMap::new(),
        }
    }

    /// Writes the total and the nodes of the rows that are there now, those that changed.
    ///
    /// Rows are folded in the order of their positions: those before one are as they are now, and
    /// those behind it as they were.
    pub(super) fn fold(mut self, rows: &mut WriteTables<'_>, change: Change) -> Result<()> {
        let Streams { table, ranks, .. } = self.streams;
        let count = match change {
            Change::Added(added) => {
                let known = rows.get(table, &self.streams.total_key(&self.stream))?;
                let known = known.map(|known| Total::decode(&known)).transpose()?;
                let known = known.unwrap_or_default();
                let mut count = known.rows;
                self.height = known.height;
                for (position, added) in &added {
                    match added {
                        0 => {}
                        1 => self.insert(rows, position, count)?,
                        -1 => self.remove(rows, position)?,
                        _ => return Err(inconsistent()),
                    }
                    count = count
                        .checked_add_signed(i64::from(*added))
                        .ok_or_else(inconsistent)?;
                }
                count
            }
            Change::Rebuilt => self.rebuild(rows)?,
        };
        for ((first, level), node) in &self.nodes {
            let key = node_key(ranks, *level, &self.stream, first);
            if node.entries.is_empty() {
                rows.remove(table, &key)?;
            } else if node.is_changed {
                rows.put(table, &key, &encode_node(&node.entries))?;
            }
        }
        let key = self.streams.total_key(&self.stream);
        match self.streams.first(rows, &self.stream, None)? {
            Some(first) => {
                let total = Total {
                    rows: count,
                    height: self.height,
                    first,
                };
                rows.put(table, &key, &total.encode())
            }
            None => rows.remove(table, &key).map(drop),
        }
    }

    /// Counts a stream anew from its rows. O(rows of the stream).
    fn rebuild(&mut self, rows: &mut WriteTables<'_>) -> Result<u64> {
        let Streams { table, ranks, .. } = self.streams;
        // What the file has goes, also where no node of the same name comes.
        let known = rows.get(table, &self.streams.total_key(&self.stream))?;
        let known = known.map(|known| Total::decode(&known)).transpose()?;
        if known.unwrap_or_default().height > 0 {
            let first = node_key(ranks, 0, &self.stream, &HEAD);
            let last = node_key(ranks, u8::MAX, &self.stream, &[0xFF; HEAD.len()]);
            let keys = (Bound::Included(&first[..]), Bound::Included(&last[..]));
            rows.remove_range(table, keys)?;
        }
        let (streams, stream) = (self.streams, self.stream);
        let mut builder = Builder::new(self.levels, |level, first: &Position, entries| {
            self.set(level, *first, entries);
            Ok(())
        });
        for row in streams.rows(rows, &stream, Bound::Unbounded)? {
            builder.row(position_of(&row?.0)?)?;
        }
        let total = builder.finish()?;
        self.height = total.height;
        Ok(total.rows)
    }

    /// Puts a node in the place of what was known of it.
    fn set(&mut self, level: u8, first: Position, entries: Vec<Entry>) {
        let node = Node {
            entries,
            is_changed: true,
        };
        self.nodes.insert((first, level), node);
    }

    fn node(&mut self, rows: &impl Read, level: u8, first: &Position) -> Result<&mut Node> {
        match self.nodes.entry((*first, level)) {
            Slot::Occupied(known) => Ok(known.into_mut()),
            Slot::Vacant(slot) => {
                let key = node_key(self.streams.ranks, level, &self.stream, first);
                let bytes = rows
                    .get(self.streams.table, &key)?
                    .ok_or_else(inconsistent)?;
                Ok(slot.insert(Node {
                    entries: entries(&bytes)?.iter().map(decode_entry).collect(),
                    is_changed: false,
                }))
            }
        }
    }

    /// The entries of a node that is there.
    fn entries(&mut self, rows: &impl Read, level: u8, first: &Position) -> Result<&[Entry]> {
        let Node { entries, .. } = self.node(rows, level, first)?;
        if entries.is_empty() {
            return Err(inconsistent());
        }
        Ok(entries)
    }

    /// The entries of a node, to be changed.
    fn entries_mut(
        &mut self,
        rows: &impl Read,
        level: u8,
        first: &Position,
    ) -> Result<&mut Vec<Entry>> {
        let node = self.node(rows, level, first)?;
        node.is_changed = true;
        Ok(&mut node.entries)
    }

    /// The last entry of level 1 before a position, and then, level by level, the node in which
    /// the last entry before it lies.
    fn path(&mut self, rows: &impl Read, position: &Position) -> Result<Vec<Position>> {
        let height = self.height;
        let mut path = Vec::with_capacity(usize::from(height) + 1);
        let mut first = HEAD;
        for level in (1..=height).rev() {
            path.push(first);
            let entries = self.entries(rows, level, &first)?;
            let last = entries.get(before(entries, position)?);
            first = last.ok_or_else(inconsistent)?.0;
        }
        path.push(first);
        path.reverse();
        Ok(path)
    }

    /// Counts a row that came to so many.
    fn insert(&mut self, rows: &impl Read, position: &Position, known: u64) -> Result<()> {
        let (level, height) = (self.levels.of(position), self.height);
        let path = self.path(rows, position)?;
        let mut path = path.iter();
        // The rows from the entry before the position up to it, on the level at hand.
        let mut passed = match path.next() {
            Some(from) if level > 0 => {
                let mut passed = self.streams.beneath(rows, &self.stream, from, position)?;
                passed.try_fold(0, |count, row| row.map(|_| count + 1))?
            }
            _ => 0,
        };
        for at in 1..=height.max(level) {
            let first = path.next().copied().unwrap_or(HEAD);
            if at > height {
                let all = u32::try_from(known).map_err(|_| inconsistent())?;
                self.set(at, HEAD, vec![(HEAD, all)]);
            }
            let entries = self.entries_mut(rows, at, &first)?;
            let index = before(entries, position)?;
            let (_, count) = entries.get_mut(index).ok_or_else(inconsistent)?;
            if at > level {
                *count += 1;
                continue;
            }
            let rest = (*count + 1).checked_sub(passed).ok_or_else(inconsistent)?;
            *count = passed;
            entries.insert(index + 1, (*position, rest));
            if at < level {
                // On the levels below its own, the position begins a node.
                let behind = entries.split_off(index + 1);
                passed = entries.iter().map(|(_, count)| count).sum();
                self.set(at, *position, behind);
            }
        }
        self.height = height.max(level);
        Ok(())
    }

    /// Counts a row no more that went.
    fn remove(&mut self, rows: &impl Read, position: &Position) -> Result<()> {
        let (level, height) = (self.levels.of(position), self.height);
        let path = self.path(rows, position)?;
        for (at, first) in (1..=height).zip(path.iter().skip(1)) {
            // On the levels below its own, the position begins a node, which joins the one before.
            let behind = match at < level {
                true => std::mem::take(self.entries_mut(rows, at, position)?),
                false => Vec::new(),
            };
            let entries = self.entries_mut(rows, at, first)?;
            entries.extend(behind);
            let index = before(entries, position)?;
            let taken = if at <= level {
                let own = entries.get(index + 1).filter(|own| own.0 == *position);
                let (_, count) = *own.ok_or_else(inconsistent)?;
                entries.remove(index + 1);
                i64::from(count) - 1
            } else {
                -1
            };
            let (_, count) = entries.get_mut(index).ok_or_else(inconsistent)?;
            *count = u32::try_from(i64::from(*count) + taken).map_err(|_| inconsistent())?;
        }
        // A level whose last row went, goes with its head.
        while let height @ 1.. = self.height
            && self.entries(rows, height, &HEAD)?.len() == 1
        {
            self.set(height, HEAD, Vec::new());
            self.height = height - 1;
        }
        Ok(())
    }
}
