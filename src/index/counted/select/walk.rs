//! A stream's way down to a row, node by node.

use std::ops::Bound;

use crate::error::{Error, Result};
use crate::index::counted::{ENTRY_LEN, Total, entries, node_key, parse_node_key};
use crate::index::ordered::{Point, Start, Stream, Streams};
use crate::kv::Read;

/// An entry's start, and the number of its rows.
pub(super) fn read_entry(entry: &[u8; ENTRY_LEN]) -> (Point, u64) {
    let start = entry.first_chunk().copied().unwrap_or_default();
    let count = entry.last_chunk().copied().unwrap_or_default();
    (Point::from(&start), u64::from(u32::from_be_bytes(count)))
}

/// Most nodes have no more.
const USUAL_ENTRIES: usize = 64;

/// The node of a stream that a select stands in, and the entry.
pub(super) struct Walk {
    stream: Stream,
    total: Total,
    /// The level of the node. Above the highest, the whole stream is one entry.
    level: u8,
    /// Where each entry of the node begins, and how many rows of the node lie before it.
    entries: Vec<(Point, u64)>,
    /// The rows of the node.
    rows: u64,
    node_end: Point,
    /// The entry that it stands on; behind the last where all were skipped.
    index: usize,
    /// Of the ends of entries, in their order: how many a leap reaches surely, how many at most,
    /// and how many lie before the place that it looks at.
    reached: usize,
    reachable: usize,
    passed: usize,
}

pub(super) fn missing() -> Error {
    Error::corrupted("a node of counts is missing")
}

impl Walk {
    pub(super) fn new((stream, total): &(Stream, Total)) -> Self {
        let mut entries = Vec::with_capacity(USUAL_ENTRIES);
        entries.push((Point::START, 0));
        Self {
            stream: *stream,
            total: *total,
            level: total.height.saturating_add(1),
            entries,
            rows: total.rows,
            node_end: Point::END,
            index: 0,
            reached: 0,
            reachable: 0,
            passed: 0,
        }
    }

    pub(super) fn node_end(&self) -> Point {
        self.node_end
    }

    /// Where an entry begins.
    fn begin(&self, index: usize) -> Point {
        let entry = self.entries.get(index);
        entry.map_or(self.node_end, |(begin, _)| *begin)
    }

    /// Where an entry ends: where the next one begins.
    fn end(&self, index: usize) -> Point {
        self.begin(index + 1)
    }

    /// The rows of the node before an entry.
    fn before(&self, index: usize) -> u64 {
        self.entries.get(index).map_or(self.rows, |(_, rows)| *rows)
    }

    pub(super) fn present_end(&self) -> Point {
        self.end(self.index)
    }

    pub(super) fn begins_before(&self, place: Point) -> bool {
        self.begin(self.index) < place
    }

    pub(super) fn present_rows(&self) -> u64 {
        self.before(self.index + 1) - self.before(self.index)
    }

    /// How much of the list the present entry spans, in time and in rows; nothing where there is
    /// no level below.
    pub(super) fn width(&self) -> Option<(u64, u64)> {
        let time = match self.end(self.index) {
            Point::END => u64::MAX,
            end => {
                let first = Point::from(&self.total.first);
                end.0.saturating_sub(self.begin(self.index).max(first).0)
            }
        };
        (self.level > 1).then(|| (time, self.present_rows()))
    }

    /// Begins a leap that looks at no place behind this one. The end of the stream is behind
    /// every row wanted.
    pub(super) fn look_up_to(&mut self, known: Point) {
        let ends = self.entries.len() - usize::from(self.node_end == Point::END);
        self.reached = self.index;
        self.reachable = ends;
        self.look_at(known);
        self.reachable = self.passed + usize::from(self.end(self.passed) == known);
        self.reachable = self.reachable.min(ends);
    }

    /// How many ends are neither reached nor out of reach.
    pub(super) fn left(&self) -> usize {
        self.reachable - self.reached
    }

    /// The middle one of the ends that are left.
    pub(super) fn middle(&self) -> Option<Point> {
        (self.left() > 0).then(|| self.end(self.reached + self.left() / 2))
    }

    /// How many rows the entries hold that begin before a place, from the present one on.
    pub(super) fn look_at(&mut self, place: Point) -> u64 {
        let (mut from, mut to) = (self.reached, self.reachable);
        while from < to {
            let middle = from + (to - from) / 2;
            if self.end(middle) < place {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        self.passed = from;
        if self.begin(from) >= place {
            return 0;
        }
        self.before(from + 1) - self.before(self.index)
    }

    /// What follows for the ends from whether the leap reaches the place.
    pub(super) fn decide(&mut self, place: Point, reaches: bool) {
        if reaches {
            self.reached = self.passed + usize::from(self.end(self.passed) == place);
        } else {
            self.reachable = self.passed;
        }
    }

    /// Skips the entries whose ends are reached, and tells how many rows they hold.
    pub(super) fn skip(&mut self) -> u64 {
        let skipped = self.before(self.reached) - self.before(self.index);
        self.index = self.reached;
        skipped
    }

    /// Goes into the present entry, to the level below.
    pub(super) fn descend(&mut self, rows: &impl Read, streams: Streams) -> Result<()> {
        let begin = self.begin(self.index).position();
        self.node_end = self.end(self.index);
        self.level -= 1;
        let key = node_key(streams.ranks, self.level, &self.stream, &begin);
        let node = rows.get(streams.table, &key)?.ok_or_else(missing)?;
        self.enter(&node)
    }

    /// Goes on to the next node where all of the present one was skipped.
    pub(super) fn follow(&mut self, rows: &impl Read, streams: Streams) -> Result<()> {
        if self.index < self.entries.len() {
            return Ok(());
        }
        let key =
            |first: Point| node_key(streams.ranks, self.level, &self.stream, &first.position());
        let (from, to) = (key(self.node_end), key(Point::END));
        let keys = (Bound::Included(&from[..]), Bound::Included(&to[..]));
        let mut nodes = rows.range(streams.table, keys)?;
        let (_, node) = nodes.next().transpose()?.ok_or_else(missing)?;
        self.node_end = match nodes.next().transpose()? {
            Some((key, _)) => Point::from(&parse_node_key(&key).ok_or_else(missing)?.2),
            None => Point::END,
        };
        self.enter(&node)
    }

    /// Stands on the first entry of a node.
    fn enter(&mut self, node: &[u8]) -> Result<()> {
        self.entries.clear();
        self.rows = 0;
        self.index = 0;
        let entries = entries(node)?.iter().map(read_entry);
        self.entries.extend(entries.map(|(begin, count)| {
            let before = self.rows;
            self.rows += count;
            (begin, before)
        }));
        Ok(())
    }

    /// Where to begin reading rows.
    pub(super) fn start(&self) -> Start {
        let begin = self.begin(self.index).position();
        Start {
            stream: self.stream,
            from: Bound::Included(begin),
            least: begin.max(self.total.first),
        }
    }
}
