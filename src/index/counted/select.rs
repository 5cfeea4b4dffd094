//! Rank and select on the union of streams, reading nodes only.

use std::ops::Bound;

use super::{ENTRY_LEN, HEAD, Total, entries, node_key, parse_node_key};
use crate::error::{Error, Result};
use crate::index::ordered::{Position, Stream, Streams};
use crate::kv::{Read, Slice};

/// A position as two numbers: a leap compares hundreds of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point(u64, u128);

impl Point {
    /// Behind every row.
    const END: Self = Self(u64::MAX, u128::MAX);

    fn position(self) -> Position {
        let mut position = HEAD;
        let (time, id) = position.split_at_mut(8);
        time.copy_from_slice(&self.0.to_be_bytes());
        id.copy_from_slice(&self.1.to_be_bytes());
        position
    }
}

impl From<&Position> for Point {
    fn from(position: &Position) -> Self {
        let time = position.first_chunk().copied().unwrap_or_default();
        let id = position.last_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(time), u128::from_be_bytes(id))
    }
}

/// An entry's start, and the number of its rows.
fn read_entry(entry: &[u8; ENTRY_LEN]) -> (Point, u64) {
    let start = entry.first_chunk().copied().unwrap_or_default();
    let count = entry.last_chunk().copied().unwrap_or_default();
    (Point::from(&start), u64::from(u32::from_be_bytes(count)))
}

/// Where to begin in a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) stream: Stream,
    /// The first row, or what stands before it.
    pub(crate) start: Position,
}

/// Walking a row costs 50 ns and reading a node 700, so the last rows are walked.
const WALKED_PER_STREAM: u64 = 12;

/// Where in each stream to begin so that, merged, `skip` rows lie before the first row wanted but
/// for the few that are still to be skipped. `skip` is less than the rows of all streams.
/// O(streams * log rows).
pub(crate) fn select(
    rows: &impl Read,
    streams: Streams,
    among: &[(Stream, Total)],
    mut skip: u64,
) -> Result<(Vec<Place>, u64)> {
    let mut walks: Vec<Walk<'_>> = among.iter().map(Walk::new).collect();
    let height = among.iter().map(|(_, total)| total.height).max();
    for level in (1..=height.unwrap_or(0)).rev() {
        if skip <= WALKED_PER_STREAM * walks.len() as u64 {
            break;
        }
        for walk in &mut walks {
            walk.descend(rows, streams, level)?;
        }
        skip -= leap(rows, streams, level, &mut walks, skip)?;
    }
    let places = walks.iter().map(|walk| Place {
        stream: walk.stream,
        start: walk.entry.start.position(),
    });
    Ok((places.collect(), skip))
}

/// Skips entries of one level while no more than `skip` rows can lie before their end, and tells
/// how many rows that were.
///
/// Before the end of an entry lie the rows that were skipped, and at most the present entries of
/// all streams that begin before it: whatever comes behind those, begins behind it.
fn leap<'a, R: Read>(
    rows: &'a R,
    streams: Streams,
    level: u8,
    walks: &mut [Walk<'a>],
    skip: u64,
) -> Result<u64> {
    let mut skipped = 0;
    while let Some(nearest) = walks.iter().map(|walk| walk.entry.end).min() {
        if nearest == Point::END {
            break;
        }
        let before: u64 = walks
            .iter()
            .filter(|walk| walk.entry.start < nearest)
            .map(|walk| walk.entry.rows)
            .sum();
        if skipped + before > skip {
            break;
        }
        for walk in walks.iter_mut().filter(|walk| walk.entry.end == nearest) {
            skipped += walk.entry.rows;
            walk.advance(rows, streams, level)?;
        }
    }
    Ok(skipped)
}

/// An entry: the rows from its start up to its end.
#[derive(Clone, Copy)]
struct Span {
    start: Point,
    end: Point,
    rows: u64,
}

/// A stream's way down: the entry that it stands on, and the node that the entry lies in.
struct Walk<'a> {
    stream: Stream,
    height: u8,
    entry: Span,
    node: Option<Slice<'a>>,
    index: usize,
    /// Where the node ends.
    node_end: Point,
}

fn missing() -> Error {
    Error::corrupted("a node of counts is missing")
}

impl<'a> Walk<'a> {
    /// At the top: the whole stream as one entry.
    fn new((stream, total): &(Stream, Total)) -> Self {
        Self {
            stream: *stream,
            height: total.height,
            entry: Span {
                start: Point(0, 0),
                end: Point::END,
                rows: total.rows,
            },
            node: None,
            index: 0,
            node_end: Point::END,
        }
    }

    /// Goes into the present entry, to the first entry of the level below.
    fn descend<R: Read>(&mut self, rows: &'a R, streams: Streams, level: u8) -> Result<()> {
        if self.height < level || self.entry.rows == 0 {
            return Ok(());
        }
        let first = self.entry.start.position();
        let key = node_key(streams.ranks, level, &self.stream, &first);
        self.node = Some(rows.get(streams.table, &key)?.ok_or_else(missing)?);
        self.node_end = self.entry.end;
        self.enter(0)
    }

    /// Stands on an entry of the node.
    fn enter(&mut self, index: usize) -> Result<()> {
        let node = self.node.as_ref().ok_or_else(missing)?;
        let entries = entries(node)?;
        let (start, rows) = read_entry(entries.get(index).ok_or_else(missing)?);
        let end = match entries.get(index + 1) {
            Some(next) => read_entry(next).0,
            None => self.node_end,
        };
        self.index = index;
        self.entry = Span { start, end, rows };
        Ok(())
    }

    /// Goes on to the next entry, which may be the first of the next node.
    fn advance<R: Read>(&mut self, rows: &'a R, streams: Streams, level: u8) -> Result<()> {
        if self.entry.end == Point::END {
            self.entry = Span {
                start: Point::END,
                end: Point::END,
                rows: 0,
            };
            return Ok(());
        }
        if self.entry.end != self.node_end {
            return self.enter(self.index + 1);
        }
        let key = |first: Point| node_key(streams.ranks, level, &self.stream, &first.position());
        let (from, to) = (key(self.node_end), key(Point::END));
        let keys = (Bound::Included(&from[..]), Bound::Included(&to[..]));
        let mut nodes = rows.range(streams.table, keys)?;
        let (_, node) = nodes.next().transpose()?.ok_or_else(missing)?;
        self.node_end = match nodes.next().transpose()? {
            Some((key, _)) => Point::from(&parse_node_key(&key).ok_or_else(missing)?.2),
            None => Point::END,
        };
        self.node = Some(node);
        self.enter(0)
    }
}

/// How many rows of these streams lie before a position. O(streams * log rows).
pub(crate) fn rank(
    rows: &impl Read,
    streams: Streams,
    among: &[(Stream, Total)],
    position: &Position,
) -> Result<u64> {
    let point = Point::from(position);
    let mut rank = 0;
    for (stream, total) in among {
        let mut start = Point(0, 0);
        for level in (1..=total.height).rev() {
            let key = node_key(streams.ranks, level, stream, &start.position());
            let node = rows.get(streams.table, &key)?.ok_or_else(missing)?;
            // The entries before the one that holds the position lie before it whole.
            let mut holding = 0;
            for (next, count) in entries(&node)?.iter().map(read_entry) {
                if next > point {
                    break;
                }
                rank += holding;
                holding = count;
                start = next;
            }
        }
        let (from, to) = (stream.key(&start.position()), stream.key(position));
        let keys = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
        for row in rows.range(streams.table, keys)? {
            row?;
            rank += 1;
        }
    }
    Ok(rank)
}
