//! A stream's way down to a row, node by node.

use std::ops::Bound;

use convodb_core::{Error, Result};

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

/// The node of a stream that a select has reached, the entry, and the nodes above.
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
    /// The entry that it has reached; the node's end where all were skipped.
    index: usize,
    /// The rows of the node before that entry.
    pub(super) skipped: u64,
    /// The same two of the nodes above.
    above: Vec<(usize, usize)>,
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
        }
    }

    fn begin(&self, index: usize) -> Point {
        self.begins.get(index).copied().unwrap_or(Point::END)
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

    pub(super) fn node_end(&self) -> Point {
        self.begin(self.begins.len() - 1)
    }

    /// Where the present entry ends: where the next one begins.
    pub(super) fn present_end(&self) -> Point {
        self.begin(self.index + 1)
    }

    pub(super) fn present_begin(&self) -> Point {
        self.begin(self.index)
    }

    pub(super) fn present_rows(&self) -> u64 {
        self.before(self.index + 1) - self.skipped
    }

    /// How much of the list the present entry spans, in time and in rows; nothing where there is
    /// no level below.
    pub(super) fn width(&self) -> Option<(u64, u64)> {
        let time = match self.present_end() {
            Point::END => u64::MAX,
            end => {
                let first = Point::from(&self.total.first);
                end.0.saturating_sub(self.begin(self.index).max(first).0)
            }
        };
        (self.level > 1).then(|| (time, self.present_rows()))
    }

    /// Where the present entry and those behind it end, and the rows of the node before each end.
    pub(super) fn behind(&self) -> (&[Point], &[u64]) {
        let ends = self.begins.get(self.index + 1..);
        let before = self.before.get(self.index + 1..);
        (ends.unwrap_or_default(), before.unwrap_or_default())
    }

    /// Skips this many entries, and returns how many rows they hold.
    pub(super) fn skip(&mut self, entries: usize) -> u64 {
        let before = self.skipped;
        self.stand_on(self.index + entries);
        self.skipped - before
    }

    /// Goes into the present entry, to the level below.
    pub(super) fn descend(&mut self, rows: &impl Read, streams: Streams) -> Result<()> {
        let (begin, end) = (self.present_begin(), self.present_end());
        self.level -= 1;
        let key = node_key(streams.ranks, self.level, &self.stream, &begin.position());
        let node = rows.get(streams.table, &key)?.ok_or_else(missing)?;
        self.above.push((self.node, self.index));
        self.node = self.begins.len();
        let mut before = 0;
        let entries = entries(&node)?;
        self.begins
            .extend(entries.iter().map(|entry| read_entry(entry).0));
        self.before.extend(entries.iter().map(|entry| {
            let behind = before + read_entry(entry).1;
            std::mem::replace(&mut before, behind)
        }));
        self.begins.push(end);
        self.before.push(before);
        self.stand_on(self.node);
        Ok(())
    }

    /// Goes on to the next node of its level where all of the present one was skipped: the entry
    /// behind the one above names it.
    pub(super) fn follow(&mut self, rows: &impl Read, streams: Streams) -> Result<()> {
        let level = self.level;
        while self.index == self.begins.len() - 1 {
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
