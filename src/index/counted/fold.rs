//! Rows that came to the engine and went from it, folded into the nodes that count them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::ops::Bound;

use convodb_core::Result;

use super::edit::inconsistent;
use super::{All, Counter, Entry, HEAD, Levels, OWN, decode_node, encode_node};
use crate::index::ordered::{Point, Position, Stream};
use convodb_kv::{Read, WriteTables};

/// What became of the rows of a stream or union in the engine since its nodes were written.
pub(super) enum Change {
    /// Where rows came and went, of which class, and how many more that is.
    Added(Vec<(Point, usize, i8)>),
    /// So many that they are all counted anew.
    Rebuilt,
}

impl Default for Change {
    fn default() -> Self {
        Self::Added(Vec::new())
    }
}

impl Change {
    pub(super) fn add(&mut self, position: &Position, class: usize, rows: i8) {
        if let Self::Added(added) = self {
            added.push((Point::from(position), class, rows));
        }
    }
}

/// The row that comes to a at or goes from it, by its class, if one does.
fn row<const C: usize>(added: &[i8; C], is_it: impl Fn(i8) -> bool) -> Result<Option<[u32; C]>> {
    let counts = added.map(|added| u32::from(is_it(added)));
    match counts.iter().sum() {
        0 => Ok(None),
        1 => Ok(Some(counts)),
        // No at is in two streams of a union.
        2.. => Err(inconsistent()),
    }
}

fn plus<const C: usize>(mut counts: [u32; C], more: &[u32; C]) -> Result<[u32; C]> {
    for (count, more) in counts.iter_mut().zip(more) {
        *count = count.checked_add(*more).ok_or_else(inconsistent)?;
    }
    Ok(counts)
}

fn minus<const C: usize>(mut counts: [u32; C], less: &[u32; C]) -> Result<[u32; C]> {
    for (count, less) in counts.iter_mut().zip(less) {
        *count = count.checked_sub(*less).ok_or_else(inconsistent)?;
    }
    Ok(counts)
}

/// A node as it was read, or what became of it. One that is gone has no entries.
struct Node<const C: usize> {
    entries: Vec<Entry<C>>,
    is_changed: bool,
}

/// The nodes of a stream or union, on the way to their next state.
pub(super) struct Folding<const C: usize> {
    counter: Counter<C>,
    levels: Levels,
    height: u8,
    /// The streams whose rows are counted, once they are asked for.
    members: Option<Vec<Stream>>,
    /// By their first entries and levels, as their keys are ordered.
    nodes: BTreeMap<(Point, u8), Node<C>>,
}

/// The index of the last entry before a position.
fn before<const C: usize>(entries: &[Entry<C>], position: Point) -> Result<usize> {
    entries
        .partition_point(|(start, _)| *start < position)
        .checked_sub(1)
        .ok_or_else(inconsistent)
}

impl<const C: usize> Folding<C> {
    pub(super) fn new(counter: Counter<C>, levels: Levels) -> Self {
        Self {
            counter,
            levels,
            height: 0,
            members: None,
            nodes: BTreeMap::new(),
        }
    }

    /// Writes the total and the nodes of the rows that are there now, those that changed.
    ///
    /// Rows are folded in the order of their positions: those before one are as they are now, and
    /// those behind it as they were.
    pub(super) fn fold(mut self, rows: &mut WriteTables<'_>, change: Change) -> Result<()> {
        let table = self.counter.streams.table;
        let counts = match change {
            Change::Added(mut added) => {
                let All { height, mut counts } = self.counter.all(rows)?;
                self.height = height;
                // Each stream and tier gave its own in order, which a stable sort makes use of.
                added.sort_by_key(|(at, ..)| *at);
                for added in added.chunk_by(|(a, ..), (b, ..)| a == b) {
                    let Some((at, ..)) = added.first() else {
                        continue;
                    };
                    let mut of_classes = [0; C];
                    for (_, class, rows) in added {
                        *of_classes.get_mut(*class).ok_or_else(inconsistent)? += rows;
                    }
                    if let Some(gone) = row(&of_classes, |added| added < 0)? {
                        self.remove(rows, *at, &gone)?;
                        counts = minus(counts, &gone)?;
                    }
                    if let Some(new) = row(&of_classes, |added| added > 0)? {
                        self.insert(rows, *at, &new, counts)?;
                        counts = plus(counts, &new)?;
                    }
                }
                counts
            }
            Change::Rebuilt => self.rebuild(rows)?,
        };
        for ((first, level), node) in &self.nodes {
            let key = self.counter.node_key(*level, &first.position());
            if node.entries.is_empty() {
                rows.remove(table, &key)?;
            } else if node.is_changed {
                rows.put(table, &key, &encode_node(&node.entries))?;
            }
        }
        let key = self.counter.total_key();
        if counts == [0; C] {
            return rows.remove(table, &key).map(drop);
        }
        let first = match C {
            OWN => self
                .counter
                .streams
                .first(rows, &self.counter.prefix, None)?,
            _ => None,
        };
        let height = self.height;
        rows.put(table, &key, &All { height, counts }.encode(first.as_ref()))
    }

    /// Counts all rows anew. O(rows).
    fn rebuild(&mut self, rows: &mut WriteTables<'_>) -> Result<[u32; C]> {
        let counter = self.counter;
        // What the file has goes, also where no node of the same name comes.
        if counter.all(rows)?.height > 0 {
            let first = counter.node_key(0, &HEAD);
            let last = counter.node_key(u8::MAX, &[0xFF; HEAD.len()]);
            let keys = (Bound::Included(&first[..]), Bound::Included(&last[..]));
            rows.remove_range(counter.streams.table, keys)?;
        }
        let (all, _) = counter.build(rows, self.levels, |level, first, entries| {
            self.set(level, Point::from(first), entries);
            Ok(())
        })?;
        self.height = all.height;
        Ok(all.counts)
    }

    /// Puts a node in the place of what was known of it.
    fn set(&mut self, level: u8, first: Point, entries: Vec<Entry<C>>) {
        let node = Node {
            entries,
            is_changed: true,
        };
        self.nodes.insert((first, level), node);
    }

    fn node(&mut self, rows: &impl Read, level: u8, first: Point) -> Result<&mut Node<C>> {
        match self.nodes.entry((first, level)) {
            Slot::Occupied(known) => Ok(known.into_mut()),
            Slot::Vacant(slot) => {
                let key = self.counter.node_key(level, &first.position());
                let bytes = rows.get(self.counter.streams.table, &key)?;
                Ok(slot.insert(Node {
                    entries: decode_node(&bytes.ok_or_else(inconsistent)?)?,
                    is_changed: false,
                }))
            }
        }
    }

    /// The entries of a node that is there.
    fn entries(&mut self, rows: &impl Read, level: u8, first: Point) -> Result<&[Entry<C>]> {
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
        first: Point,
    ) -> Result<&mut Vec<Entry<C>>> {
        let node = self.node(rows, level, first)?;
        node.is_changed = true;
        Ok(&mut node.entries)
    }

    /// The last entry of level 1 before a position, and then, level by level, the node in which
    /// the last entry before it lies.
    fn path(&mut self, rows: &impl Read, position: Point) -> Result<Vec<Point>> {
        let height = self.height;
        let mut path = Vec::with_capacity(usize::from(height) + 1);
        let mut first = Point::START;
        for level in (1..=height).rev() {
            path.push(first);
            let entries = self.entries(rows, level, first)?;
            let last = entries.get(before(entries, position)?);
            first = last.ok_or_else(inconsistent)?.0;
        }
        path.push(first);
        path.reverse();
        Ok(path)
    }

    /// How many rows of each class there are from a position up to another one. O(streams + rows).
    fn between(&mut self, rows: &impl Read, from: Point, to: Point) -> Result<[u32; C]> {
        let members = match &mut self.members {
            Some(known) => known,
            none => none.insert(self.counter.members(rows)?),
        };
        let (from, to) = (from.position(), to.position());
        let mut counts = [0; C];
        for stream in members {
            let class = self.counter.class(stream);
            let count = class.and_then(|class| counts.get_mut(class));
            let count = count.ok_or_else(inconsistent)?;
            for row in self.counter.streams.beneath(rows, stream, &from, &to)? {
                row?;
                *count += 1;
            }
        }
        Ok(counts)
    }

    /// Counts a row that came to so many.
    fn insert(
        &mut self,
        rows: &impl Read,
        position: Point,
        new: &[u32; C],
        known: [u32; C],
    ) -> Result<()> {
        let level = self.levels.of::<C>(&position.position());
        let height = self.height;
        let path = self.path(rows, position)?;
        let mut path = path.into_iter();
        // The rows from the entry before the position up to it, on the level at hand.
        let mut passed = match path.next() {
            Some(from) if level > 0 => self.between(rows, from, position)?,
            _ => [0; C],
        };
        for at in 1..=height.max(level) {
            let first = path.next().unwrap_or(Point::START);
            if at > height {
                self.set(at, Point::START, vec![(Point::START, known)]);
            }
            let entries = self.entries_mut(rows, at, first)?;
            let index = before(entries, position)?;
            let (_, counts) = entries.get_mut(index).ok_or_else(inconsistent)?;
            let all = plus(*counts, new)?;
            if at > level {
                *counts = all;
                continue;
            }
            *counts = passed;
            entries.insert(index + 1, (position, minus(all, &passed)?));
            if at < level {
                // On the levels below its own, the position begins a node.
                let behind = entries.split_off(index + 1);
                let mut entries = entries.iter();
                passed = entries.try_fold([0; C], |sum, (_, counts)| plus(sum, counts))?;
                self.set(at, position, behind);
            }
        }
        self.height = height.max(level);
        Ok(())
    }

    /// Counts a row no more that went.
    fn remove(&mut self, rows: &impl Read, position: Point, gone: &[u32; C]) -> Result<()> {
        let level = self.levels.of::<C>(&position.position());
        let path = self.path(rows, position)?;
        for (at, first) in (1..=self.height).zip(path.into_iter().skip(1)) {
            // On the levels below its own, the position begins a node, which joins the one before.
            let behind = match at < level {
                true => std::mem::take(self.entries_mut(rows, at, position)?),
                false => Vec::new(),
            };
            let entries = self.entries_mut(rows, at, first)?;
            entries.extend(behind);
            let index = before(entries, position)?;
            let mut own = [0; C];
            if at <= level {
                let risen = entries.get(index + 1).filter(|risen| risen.0 == position);
                (_, own) = *risen.ok_or_else(inconsistent)?;
                entries.remove(index + 1);
            }
            let (_, counts) = entries.get_mut(index).ok_or_else(inconsistent)?;
            *counts = minus(plus(*counts, &own)?, gone)?;
        }
        // A level whose last row went, goes with its head.
        while let height @ 1.. = self.height
            && self.entries(rows, height, Point::START)?.len() == 1
        {
            self.set(height, Point::START, Vec::new());
            self.height = height - 1;
        }
        Ok(())
    }
}
