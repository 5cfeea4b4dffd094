//! A stream's way down to a row, node by node.

use std::ops::Bound;

use crate::error::{Error, Result};
use crate::index::counted::{ENTRY_LEN, Total, entries, node_key};
use crate::index::ordered::{Point, Start, Stream, Streams};
use crate::kv::Read;

/// An entry's start, and the number of its rows.
pub(super) fn read_entry(entry: &[u8; ENTRY_LEN]) -> (Point, u64) {
    let start = entry.first_chunk().copied().unwrap_or_default();
    let count = entry.last_chunk().copied().unwrap_or_default();
    (Point::from(&start), u64::from(u32::from_be_bytes(count)))
}

/// Most ways down have no more.
const USUAL_ENTRIES: usize = 128;

/// The node of a stream that a select stands in, the entry, and the nodes above.
pub(super) struct Walk {
    stream: Stream,
    total: Total,
    /// The level of the node. Above the highest, the whole stream is one entry.
    level: u8,
    /// Where each entry begins, and how many rows of its node lie before it; node by node, the
    /// highest first, and behind each its end and all its rows.
    entries: Vec<(Point, u64)>,
    /// Where the present node begins among the entries.
    node: usize,
    /// The entry that it stands on; the node's end where all were skipped.
    index: usize,
    /// The same two of the nodes above.
    above: Vec<(usize, usize)>,
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
        entries.extend([(Point::START, 0), (Point::END, total.rows)]);
        Self {
            stream: *stream,
            total: *total,
            level: total.height.saturating_add(1),
            entries,
            node: 0,
            index: 0,
            above: Vec::with_capacity(usize::from(total.height)),
            reached: 0,
            reachable: 0,
            passed: 0,
        }
    }

    /// An entry, or the end of the node.
    fn entry(&self, index: usize) -> (Point, u64) {
        self.entries
            .get(index)
            .copied()
            .unwrap_or((Point::END, self.total.rows))
    }

    fn begin(&self, index: usize) -> Point {
        self.entry(index).0
    }

    /// Where an entry ends: where the next one begins.
    fn end(&self, index: usize) -> Point {
        self.begin(index + 1)
    }

    /// The rows of the node before an entry.
    fn before(&self, index: usize) -> u64 {
        self.entry(index).1
    }

    /// The index of the node's end.
    fn last(&self) -> usize {
        self.entries.len() - 1
    }

    pub(super) fn node_end(&self) -> Point {
        self.begin(self.last())
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
        let ends = self.last() - usize::from(self.node_end() == Point::END);
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
        let left = self.entries.get(self.reached + 1..=self.reachable);
        let left = left.unwrap_or_default();
        self.passed = self.reached + left.partition_point(|(end, _)| *end < place);
        if self.begin(self.passed) >= place {
            return 0;
        }
        self.before(self.passed + 1) - self.before(self.index)
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
        let (begin, end) = (self.begin(self.index), self.end(self.index));
        self.level -= 1;
        let key = node_key(streams.ranks, self.level, &self.stream, &begin.position());
        let node = rows.get(streams.table, &key)?.ok_or_else(missing)?;
        self.above.push((self.node, self.index));
        self.node = self.entries.len();
        self.index = self.node;
        let mut before = 0;
        let entries = entries(&node)?.iter().map(read_entry);
        self.entries.extend(entries.map(|(begin, count)| {
            let entry = (begin, before);
            before += count;
            entry
        }));
        self.entries.push((end, before));
        Ok(())
    }

    /// Goes on to the next node of its level where all of the present one was skipped: the entry
    /// behind the one above tells which it is.
    pub(super) fn follow(&mut self, rows: &impl Read, streams: Streams) -> Result<()> {
        let level = self.level;
        while self.index == self.last() {
            let (node, index) = self.above.pop().ok_or_else(missing)?;
            self.entries.truncate(self.node);
            self.level += 1;
            (self.node, self.index) = (node, index + 1);
        }
        while self.level > level {
            self.descend(rows, streams)?;
        }
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
