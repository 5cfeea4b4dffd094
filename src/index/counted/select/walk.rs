//! A stream's way down to a row, node by node.

use std::ops::{Bound, Range};

use convodb_core::{Error, Result};

use crate::index::counted::{ENTRY_LEN, Total, edit::inconsistent, entries, node_key, top};
use crate::index::ordered::{Point, Start, Stream, Streams, position_of};
use convodb_kv::{OverRows, Read, Rows, TierRows};

/// An entry's start, and the number of its rows.
pub(super) fn read_entry(entry: &[u8; ENTRY_LEN]) -> (Point, u64) {
    let start = entry.first_chunk().copied().unwrap_or_default();
    let count = entry.last_chunk().copied().unwrap_or_default();
    (Point::from(&start), u64::from(u32::from_be_bytes(count)))
}

/// Most ways down have no more.
const USUAL_ENTRIES: usize = 128;

/// So many entries are made where rows over the engine's lie close, as the newest do: a thousand
/// in an entry of eight of the engine's.
const MADE_ENTRIES: usize = 32;

/// A node, and how far a select has come in it.
#[derive(Clone, Copy)]
struct Reached {
    /// That of its entries: above the highest the whole stream is one entry, and below the lowest are
    /// those that are made.
    level: u8,
    /// Where it begins among the entries.
    node: usize,
    /// The entry; the node's end where all were skipped.
    index: usize,
}

/// Up to so many rows an entry that lie over a node are added up one by one; above that, one pass by the
/// entries' keys skips most of them.
const FEW_OVER: usize = 8;

const WHOLE: u8 = u8::MAX;
const MADE: u8 = 0;

/// The node of a stream that a select has reached, the entry, and the nodes above.
pub(super) struct Walk<'a, R> {
    rows: &'a R,
    streams: Streams,
    stream: Stream,
    total: Total,
    /// Where each entry begins; node by node, the highest first, and behind each its end. Apart
    /// from the counts: a leap looks at many of these and few of those.
    begins: Vec<Point>,
    /// How many rows of its node lie before each entry, and behind each node all its rows.
    before: Vec<u64>,
    /// What lies over the stream, tier by tier, once its whole is descended into.
    over: [TierRows<'a>; 2],
    /// How many of these lie before each entry; nothing where none do in the whole stream.
    over_before: Vec<[usize; 2]>,
    at: Reached,
    /// The rows of the node before the present entry.
    pub(super) skipped: u64,
    above: Vec<Reached>,
}

pub(super) fn missing() -> Error {
    Error::corrupted("a node of counts is missing")
}

impl<'a, R: Read> Walk<'a, R> {
    pub(super) fn new(rows: &'a R, streams: Streams, (stream, total): &(Stream, Total)) -> Self {
        let mut begins = Vec::with_capacity(USUAL_ENTRIES);
        begins.extend([Point::START, Point::END]);
        let mut before = Vec::with_capacity(USUAL_ENTRIES);
        before.extend([0, total.rows]);
        Self {
            rows,
            streams,
            stream: *stream,
            total: *total,
            begins,
            before,
            over: Default::default(),
            over_before: Vec::new(),
            at: Reached {
                level: WHOLE,
                node: 0,
                index: 0,
            },
            skipped: 0,
            above: Vec::new(),
        }
    }

    fn begin(&self, index: usize) -> Point {
        self.begins.get(index).copied().unwrap_or(Point::END)
    }

    /// Which of each tier's rows lie over the engine's in the present entry.
    fn present_over(&self) -> [Range<usize>; 2] {
        match self.over_before.get(self.at.index..) {
            Some([[frozen, live], [frozen_end, live_end], ..]) => {
                [*frozen..*frozen_end, *live..*live_end]
            }
            _ => Default::default(),
        }
    }

    /// The rows of the node before an entry.
    fn before(&self, index: usize) -> u64 {
        let before = self.before.get(index).copied();
        before.unwrap_or(self.total.rows)
    }

    fn stand_on(&mut self, index: usize) {
        self.at.index = index;
        self.skipped = self.before(index);
    }

    pub(super) fn node_end(&self) -> Point {
        self.begin(self.begins.len() - 1)
    }

    /// Where the present entry ends: where the next one begins.
    pub(super) fn present_end(&self) -> Point {
        self.begin(self.at.index + 1)
    }

    pub(super) fn present_begin(&self) -> Point {
        self.begin(self.at.index)
    }

    pub(super) fn present_rows(&self) -> u64 {
        let behind = self.before(self.at.index + 1);
        behind.saturating_sub(self.skipped)
    }

    /// How much of the list the present entry spans, in time and in rows; nothing where it is not worth
    /// a descent.
    pub(super) fn width(&self, worth: u64) -> Option<(u64, u64)> {
        let rows = self.present_rows();
        let (begin, end) = (self.present_begin(), self.present_end());
        let has_below = match self.at.level {
            MADE | 1 => {
                let over = self.present_over();
                let over: usize = over.iter().map(Range::len).sum();
                over > MADE_ENTRIES
            }
            _ => true,
        };
        let is_deep = has_below && rows > worth;
        let time = match end {
            Point::END => u64::MAX,
            end => {
                let first = Point::from(&self.total.first);
                end.0.saturating_sub(begin.max(first).0)
            }
        };
        is_deep.then_some((time, rows))
    }

    /// Where the present entry and those behind it end, and the rows of the node before each end.
    pub(super) fn behind(&self) -> (&[Point], &[u64]) {
        let ends = self.begins.get(self.at.index + 1..);
        let before = self.before.get(self.at.index + 1..);
        (ends.unwrap_or_default(), before.unwrap_or_default())
    }

    /// Skips this many entries, and returns how many rows they hold.
    pub(super) fn skip(&mut self, entries: usize) -> u64 {
        let before = self.skipped;
        self.stand_on(self.at.index + entries);
        self.skipped.saturating_sub(before)
    }

    /// Goes into the present entry, to the level below, as far as a row can be before which `skip` rows
    /// lie.
    pub(super) fn descend(&mut self, skip: u64) -> Result<()> {
        let (begin, mut end) = (self.present_begin(), self.present_end());
        let node = match self.at.level {
            WHOLE => {
                let (from, to) = (begin.position(), end.position());
                let over = self.streams.over(self.rows, &self.stream, &from, &to);
                let added = over.as_ref().map_or(0, OverRows::added);
                if let Some(over) = over {
                    self.over = over.tiers();
                    let counts = self.over.each_ref().map(TierRows::count);
                    self.over_before.reserve(USUAL_ENTRIES);
                    self.over_before.extend([[0, 0], counts]);
                }
                let known = self.total.rows.checked_add_signed(-added);
                let known = known.ok_or_else(inconsistent)?;
                top(self.rows, self.streams, &self.stream, &self.total, known)?
            }
            MADE | 1 => None,
            level => {
                let level = level - 1;
                let key = node_key(self.streams.ranks, level, &self.stream, &begin.position());
                let node = self.rows.get(self.streams.table, &key)?;
                Some((level, node.ok_or_else(missing)?))
            }
        };
        let over = self.present_over();
        self.above.push(self.at);
        self.at.node = self.begins.len();
        match node {
            Some((level, node)) => {
                self.at.level = level;
                let mut before = 0;
                let over: usize = over.iter().map(Range::len).sum();
                for (begin, rows) in entries(&node)?.iter().map(read_entry) {
                    if before > skip + over as u64 {
                        end = begin;
                        break;
                    }
                    self.begins.push(begin);
                    self.before.push(before);
                    before += rows;
                }
                self.before.push(before);
            }
            None => {
                self.at.level = MADE;
                self.make_entries((begin, end), &over)?;
            }
        }
        self.begins.push(end);
        if !self.over_before.is_empty() {
            let before = over.each_ref().map(|over| over.start);
            self.over_before.resize(self.begins.len(), before);
        }
        self.add_over(&over)?;
        self.stand_on(self.at.node);
        Ok(())
    }

    /// Adds what lies over the engine's rows of the present node.
    fn add_over(&mut self, over: &[Range<usize>; 2]) -> Result<()> {
        let node = self.at.node;
        let begins = self.begins.get(node..).unwrap_or_default();
        for (tier, (rows, over)) in self.over.iter().zip(over).enumerate() {
            if over.is_empty() {
                continue;
            }
            let counts = self.before.iter_mut().zip(&mut self.over_before).skip(node);
            let entries = begins.iter().zip(counts);
            let add = |(before, over_before): (&mut u64, &mut [usize; 2]), rows, added| {
                *before = before.saturating_add_signed(added);
                if let Some(over_before) = over_before.get_mut(tier) {
                    *over_before += rows;
                }
            };
            if over.len() > FEW_OVER * begins.len() {
                let key = |begin: &Point| self.stream.key(&begin.position());
                let keys: Vec<_> = begins.iter().map(key).collect();
                let mut entries = entries;
                rows.visit_sums(&keys, |rows, added| {
                    if let Some((_, counts)) = entries.next() {
                        add(counts, rows, added);
                    }
                });
                continue;
            }
            let mut rows = rows.part(over.start, over.end).each_added();
            let mut next = rows.next();
            let (mut passed, mut sum) = (0, 0);
            for (begin, counts) in entries {
                while let Some((key, added)) = next
                    && Point::from(position_of(key)?) < *begin
                {
                    passed += 1;
                    sum += i64::from(added);
                    next = rows.next();
                }
                add(counts, passed, sum);
            }
        }
        Ok(())
    }

    /// Divides an entry that has no level below it by rows over the engine's. O(rows that the engine
    /// has of it).
    fn make_entries(
        &mut self,
        (begin, end): (Point, Point),
        over: &[Range<usize>; 2],
    ) -> Result<()> {
        let mut starts = Vec::with_capacity(1 + MADE_ENTRIES);
        starts.push(begin);
        for (rows, over) in self.over.iter().zip(over) {
            let part = rows.part(over.start, over.end);
            for key in part.spread(MADE_ENTRIES / 2) {
                starts.push(Point::from(position_of(key)?));
            }
        }
        starts.sort_unstable();
        starts.dedup();
        self.begins.extend(&starts);
        let (from, to) = (begin.position(), end.position());
        let beneath = self.streams.beneath(self.rows, &self.stream, &from, &to)?;
        let mut beneath = Rows::from(beneath);
        let mut count = 0;
        let mut next = beneath
            .advance()?
            .map(|(key, _)| position_of(key).map(Point::from));
        for start in starts.into_iter().skip(1).chain([end]) {
            self.before.push(count);
            while let Some(row) = next.take().transpose()? {
                if row >= start {
                    next = Some(Ok(row));
                    break;
                }
                count += 1;
                next = beneath
                    .advance()?
                    .map(|(key, _)| position_of(key).map(Point::from));
            }
        }
        self.before.push(count);
        Ok(())
    }

    /// Goes on to the next node of its level where all of the present one was skipped: the entry
    /// behind the one above names it.
    pub(super) fn follow(&mut self, skip: u64) -> Result<()> {
        let level = self.at.level;
        while self.at.index == self.begins.len() - 1 {
            self.begins.truncate(self.at.node);
            self.before.truncate(self.at.node);
            self.over_before.truncate(self.at.node);
            self.at = self.above.pop().ok_or_else(missing)?;
            self.stand_on(self.at.index + 1);
        }
        while self.at.level > level {
            self.descend(skip)?;
        }
        Ok(())
    }

    /// Where to begin reading rows.
    pub(super) fn start(&self) -> Start {
        let begin = self.present_begin().position();
        Start {
            stream: self.stream,
            from: Bound::Included(begin),
            least: begin.max(self.total.first),
        }
    }
}
