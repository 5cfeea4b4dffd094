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
    /// Where each entry begins; node by node, the highest first, and behind each its end. Apart
    /// from the counts: a leap looks at many of these and few of those.
    begins: Vec<Point>,
    /// How many rows of its node lie before each entry, and behind each node all its rows.
    before: Vec<u64>,
    /// Where the present node begins among the entries.
    node: usize,
    /// The entry that it stands on; the node's end where all were skipped.
    index: usize,
    /// The rows of the node before that entry.
    skipped: u64,
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
        let mut begins = Vec::with_capacity(USUAL_ENTRIES);
        begins.extend([Point::START, Point::END]);
        let mut before = Vec::with_capacity(USUAL_ENTRIES);
        before.extend([0, total.rows]);
        Self {
            stream: *stream,
            total: *total,
            level: total.height.saturating_add(1),
            begins,
            before,
            node: 0,
            index: 0,
            skipped: 0,
            above: Vec::with_capacity(usize::from(total.height)),
            reached: 0,
            reachable: 0,
            passed: 0,
        }
    }

    fn begin(&self, index: usize) -> Point {
        self.begins.get(index).copied().unwrap_or(Point::END)
    }

    /// Where an entry ends: where the next one begins.
    fn end(&self, index: usize) -> Point {
        self.begin(index + 1)
    }

    /// The rows of the node before an entry.
    fn before(&self, index: usize) -> u64 {
        let before = self.before.get(index).copied();
        before.unwrap_or(self.total.rows)
    }

    fn stand_on(&mut self, index: usize) {
        self.index = index;
        self.skipped = self.before(index);
    }

    /// The index of the node's end.
    fn last(&self) -> usize {
        self.begins.len() - 1
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
        self.before(self.index + 1) - self.skipped
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
        let left = self.begins.get(self.reached + 1..=self.reachable);
        let passed = left.unwrap_or_default().partition_point(|end| *end < place);
        self.passed = self.reached + passed;
        // An entry whose predecessor's end was passed begins before the place.
        if passed == 0 && self.begin(self.passed) >= place {
            return 0;
        }
        self.before(self.passed + 1) - self.skipped
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
        let before = self.skipped;
        self.stand_on(self.reached);
        self.skipped - before
    }

    /// Goes into the present entry, to the level below.
    pub(super) fn descend(&mut self, rows: &impl Read, streams: Streams) -> Result<()> {
        let (begin, end) = (self.begin(self.index), self.end(self.index));
        self.level -= 1;
        let key = node_key(streams.ranks, self.level, &self.stream, &begin.position());
        let node = rows.get(streams.table, &key)?.ok_or_else(missing)?;
        self.above.push((self.node, self.index));
        self.node = self.begins.len();
        let mut before = 0;
        for (begin, count) in entries(&node)?.iter().map(read_entry) {
            self.begins.push(begin);
            self.before.push(before);
            before += count;
        }
        self.begins.push(end);
        self.before.push(before);
        self.stand_on(self.node);
        Ok(())
    }

    /// Goes on to the next node of its level where all of the present one was skipped: the entry
    /// behind the one above tells which it is.
    pub(super) fn follow(&mut self, rows: &impl Read, streams: Streams) -> Result<()> {
        let level = self.level;
        while self.index == self.last() {
            let (node, index) = self.above.pop().ok_or_else(missing)?;
            self.begins.truncate(self.node);
            self.before.truncate(self.node);
            self.level += 1;
            self.node = node;
            self.stand_on(index + 1);
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
