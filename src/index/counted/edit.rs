//! Counts kept with every row that comes and goes, and written once for many of them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::ops::Bound;

use convodb_core::{Error, Result};

use super::{Builder, Entry, HEAD, Levels, Total, decode_entry, encode_node, entries, node_key};
use crate::index::ordered::{Place, Position, Stream, Streams, position_of};
use crate::kv::{Read, WriteTables};

/// A node as it was read, or what became of it. One that is gone has no entries.
struct Node {
    entries: Vec<Entry>,
    is_changed: bool,
}

/// A stream that rows came to or went from.
#[derive(Default)]
struct Edit {
    total: Total,
    /// By their first entries and levels, as their keys are ordered.
    nodes: BTreeMap<(Position, u8), Node>,
}

impl Edit {
    /// Puts a node in the place of what was known of it.
    fn set(&mut self, level: u8, first: Position, entries: Vec<Entry>) {
        let node = Node {
            entries,
            is_changed: true,
        };
        self.nodes.insert((first, level), node);
    }
}

/// The streams that a transaction changes, with the nodes that it read and changed.
pub struct Edits {
    streams: Streams,
    levels: Levels,
    edits: BTreeMap<Stream, Edit>,
    /// The streams whose totals have changed since they were last reported; one may occur twice.
    unreported: Vec<Stream>,
}

/// Many new rows of one stream are counted by walking all of it, if it has not more than so many
/// times as many rows.
const WORTH_A_REBUILD: u64 = 8;

impl Edits {
    pub fn new(streams: Streams, levels: Levels) -> Self {
        Self {
            streams,
            levels,
            edits: BTreeMap::new(),
            unreported: Vec::new(),
        }
    }

    /// Adds a row that is not there yet. O(log rows of the stream).
    pub fn insert(
        &mut self,
        rows: &mut WriteTables<'_>,
        (stream, position): &Place,
        value: &[u8],
    ) -> Result<()> {
        rows.put(self.streams.table, &stream.key(position), value)?;
        let level = self.levels.of(position);
        self.stream(rows, stream)?.insert(rows, position, level)
    }

    /// Takes a row out that is there. O(log rows of the stream).
    pub fn remove(&mut self, rows: &mut WriteTables<'_>, place: &Place) -> Result<()> {
        let (stream, position) = place;
        rows.take(self.streams.table, &stream.key(position))?;
        let level = self.levels.of(position);
        self.stream(rows, stream)?.remove(rows, position, level)
    }

    /// Adds many rows of one stream, in the order of their positions.
    pub fn insert_many<'v>(
        &mut self,
        rows: &mut WriteTables<'_>,
        stream: &Stream,
        new: &[(Position, &'v [u8])],
    ) -> Result<()> {
        let known = self.stream(rows, stream)?.edit.total.rows;
        if known > WORTH_A_REBUILD * new.len() as u64 {
            for (position, value) in new {
                self.insert(rows, &(*stream, *position), value)?;
            }
            return Ok(());
        }
        let key = |(position, value): &(Position, &'v [u8])| (stream.key(position), *value);
        let keyed: Vec<_> = new.iter().map(key).collect();
        let keyed = keyed.iter().map(|(key, value)| (&key[..], *value));
        rows.put_sorted(self.streams.table, keyed)?;
        self.rebuild(rows, stream)
    }

    /// Counts a stream anew from its rows. O(rows of the stream).
    fn rebuild(&mut self, rows: &mut WriteTables<'_>, stream: &Stream) -> Result<()> {
        let streams = self.streams;
        // What the file has goes, also where no node of the same name comes.
        if streams.total(rows, stream)?.height > 0 {
            let first = node_key(streams.ranks, 0, stream, &HEAD);
            let last = node_key(streams.ranks, u8::MAX, stream, &[0xFF; HEAD.len()]);
            let keys = (Bound::Included(&first[..]), Bound::Included(&last[..]));
            rows.remove_range(streams.table, keys)?;
        }
        let mut edit = Edit::default();
        let mut builder = Builder::new(self.levels, |level, first: &Position, entries| {
            edit.set(level, *first, entries);
            Ok(())
        });
        for row in streams.rows(rows, stream, Bound::Unbounded)? {
            builder.row(position_of(&row?.0)?)?;
        }
        edit.total = builder.finish()?;
        self.edits.insert(*stream, edit);
        Ok(())
    }

    /// Writes what changed, each node and total once, in key order, and reports the totals.
    pub fn settle(
        &mut self,
        rows: &mut WriteTables<'_>,
        report: impl FnMut(&Stream, Total),
    ) -> Result<()> {
        self.report(report);
        let Streams { table, ranks, .. } = self.streams;
        for (stream, edit) in std::mem::take(&mut self.edits) {
            for ((first, level), node) in edit.nodes {
                let key = node_key(ranks, level, &stream, &first);
                if node.entries.is_empty() {
                    rows.remove(table, &key)?;
                } else if node.is_changed {
                    rows.put(table, &key, &encode_node(&node.entries))?;
                }
            }
            let key = self.streams.total_key(&stream);
            if edit.total.rows == 0 {
                rows.remove(table, &key)?;
            } else {
                rows.put(table, &key, &edit.total.encode())?;
            }
        }
        Ok(())
    }

    /// Reports the totals that have changed since the last report.
    pub fn report(&mut self, mut report: impl FnMut(&Stream, Total)) {
        for stream in self.unreported.drain(..) {
            if let Some(edit) = self.edits.get(&stream) {
                report(&stream, edit.total);
            }
        }
    }

    /// The counts of a stream that is to be changed.
    fn stream(&mut self, rows: &impl Read, stream: &Stream) -> Result<Counts<'_>> {
        self.unreported.push(*stream);
        let edit = match self.edits.entry(*stream) {
            Slot::Occupied(known) => known.into_mut(),
            Slot::Vacant(new) => new.insert(Edit {
                total: self.streams.total(rows, stream)?,
                nodes: BTreeMap::new(),
            }),
        };
        Ok(Counts {
            streams: self.streams,
            stream: *stream,
            edit,
        })
    }
}

/// The counts of one stream, on the way to their next state.
struct Counts<'a> {
    streams: Streams,
    stream: Stream,
    edit: &'a mut Edit,
}

fn inconsistent() -> Error {
    Error::corrupted("the counts of a stream contradict its rows")
}

/// The index of the last entry before a position.
fn before(entries: &[Entry], position: &Position) -> Result<usize> {
    entries
        .partition_point(|(start, _)| start < position)
        .checked_sub(1)
        .ok_or_else(inconsistent)
}

impl Counts<'_> {
    fn node(&mut self, rows: &impl Read, level: u8, first: &Position) -> Result<&mut Node> {
        match self.edit.nodes.entry((*first, level)) {
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
        let height = self.edit.total.height;
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

    /// The row is there already.
    fn insert(&mut self, rows: &impl Read, position: &Position, level: u8) -> Result<()> {
        let Total {
            rows: known,
            height,
            first: newest,
        } = self.edit.total;
        let path = self.path(rows, position)?;
        let mut path = path.iter();
        // The rows from the entry before the position up to it, on the level at hand.
        let mut passed = match path.next() {
            Some(from) if level > 0 => self.streams.walk(rows, &self.stream, from, position)?,
            _ => 0,
        };
        for at in 1..=height.max(level) {
            let first = path.next().copied().unwrap_or(HEAD);
            if at > height {
                let all = u32::try_from(known).map_err(|_| inconsistent())?;
                self.edit.set(at, HEAD, vec![(HEAD, all)]);
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
                self.edit.set(at, *position, behind);
            }
        }
        self.edit.total = Total {
            rows: known + 1,
            height: height.max(level),
            first: match known {
                0 => *position,
                _ => newest.min(*position),
            },
        };
        Ok(())
    }

    /// The row is gone already.
    fn remove(&mut self, rows: &impl Read, position: &Position, level: u8) -> Result<()> {
        let height = self.edit.total.height;
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
        let known = self.edit.total.rows;
        self.edit.total.rows = known.checked_sub(1).ok_or_else(inconsistent)?;
        if self.edit.total.first == *position {
            let behind = Bound::Excluded(position);
            let next = self.streams.rows(rows, &self.stream, behind)?.next();
            self.edit.total.first = match next.transpose()? {
                Some((key, _)) => *position_of(&key)?,
                None => HEAD,
            };
        }
        // A level whose last row went, goes with its head.
        while let height @ 1.. = self.edit.total.height
            && self.entries(rows, height, &HEAD)?.len() == 1
        {
            self.edit.set(height, HEAD, Vec::new());
            self.edit.total.height = height - 1;
        }
        Ok(())
    }
}
