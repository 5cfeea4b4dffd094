//! A way down to a row, node by node.

use std::ops::{Bound, Range};

use convodb_core::Result;

use super::nodes::{Nodes, missing};
use crate::index::counted::Total;
use crate::index::ordered::{Point, Start, Stream, position_of};
use convodb_kv::{Read, Rows, TierRows};

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

/// What lies over a stream in one tier.
struct Over<'a> {
    stream: Stream,
    rows: TierRows<'a>,
    /// How many of these rows lie before each entry.
    before: Vec<usize>,
}

impl Over<'_> {
    /// Which of the rows are in an entry.
    fn of_entry(&self, index: usize) -> Range<usize> {
        match self.before.get(index..) {
            Some([from, to, ..]) => *from..*to,
            _ => 0..0,
        }
    }
}

/// The node that a select has reached, the entry, and the nodes above.
pub(super) struct Walk<'a, R> {
    nodes: Nodes<'a, R>,
    total: Total,
    /// Where each entry begins; node by node, the highest first, and behind each its end. Apart
    /// from the counts: a leap looks at many of these and few of those.
    begins: Vec<Point>,
    /// How many rows of its node lie before each entry, and behind each node all its rows.
    before: Vec<u64>,
    /// What lies over the rows, once their whole is descended into.
    over: Vec<Over<'a>>,
    at: Reached,
    /// The rows of the node before the present entry.
    pub(super) skipped: u64,
    above: Vec<Reached>,
}

impl<'a, R: Read> Walk<'a, R> {
    pub(super) fn new(nodes: Nodes<'a, R>) -> Self {
        let total = nodes.total();
        let mut begins = Vec::with_capacity(USUAL_ENTRIES);
        begins.extend([Point::START, Point::END]);
        let mut before = Vec::with_capacity(USUAL_ENTRIES);
        before.extend([0, total.rows]);
        Self {
            nodes,
            total,
            begins,
            before,
            over: Vec::new(),
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

    /// Which rows of each that lies over them are in the present entry.
    fn present_over(&self) -> Vec<Range<usize>> {
        let over = self.over.iter();
        over.map(|over| over.of_entry(self.at.index)).collect()
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
                let over = self.over.iter();
                let over = over.map(|over| over.of_entry(self.at.index).len());
                over.sum::<usize>() > MADE_ENTRIES
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
                let over = self.nodes.over()?;
                let added = over.iter().map(|(_, rows)| rows.added()).sum();
                self.over
                    .extend(over.into_iter().map(|(stream, rows)| Over {
                        before: vec![0, rows.count()],
                        stream,
                        rows,
                    }));
                self.nodes.top(added)?
            }
            MADE | 1 => None,
            level => {
                let node = self.nodes.get(level - 1, &begin.position())?;
                Some((level - 1, node))
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
                for (begin, rows) in self.nodes.entries(&node)? {
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
        self.add_over(&over)?;
        self.stand_on(self.at.node);
        Ok(())
    }

    /// Adds what lies over the engine's rows of the present node.
    fn add_over(&mut self, within: &[Range<usize>]) -> Result<()> {
        let node = self.at.node;
        let begins = self.begins.get(node..).unwrap_or_default();
        for (over, within) in self.over.iter_mut().zip(within) {
            over.before.resize(self.begins.len(), within.start);
            if within.is_empty() {
                continue;
            }
            let counts = self.before.iter_mut().zip(&mut over.before).skip(node);
            let add = |(before, over_before): (&mut u64, &mut usize), rows, added| {
                *before = before.saturating_add_signed(added);
                *over_before += rows;
            };
            if within.len() > FEW_OVER * begins.len() {
                let key = |begin: &Point| over.stream.key(&begin.position());
                let keys: Vec<_> = begins.iter().map(key).collect();
                let mut counts = counts;
                over.rows.visit_sums(&keys, |rows, added| {
                    if let Some(counts) = counts.next() {
                        add(counts, rows, added);
                    }
                });
                continue;
            }
            let mut rows = over.rows.part(within.start, within.end).each_added();
            let mut next = rows.next();
            let (mut passed, mut sum) = (0, 0);
            for (begin, counts) in begins.iter().zip(counts) {
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
        within: &[Range<usize>],
    ) -> Result<()> {
        let mut starts = vec![begin];
        for (over, within) in self.over.iter().zip(within) {
            let part = over.rows.part(within.start, within.end);
            for key in part.spread((MADE_ENTRIES / self.over.len()).max(1)) {
                starts.push(Point::from(position_of(key)?));
            }
        }
        starts.sort_unstable();
        starts.dedup();
        let mut counts = vec![0; starts.len()];
        let (from, to) = (begin.position(), end.position());
        for stream in self
            .nodes
            .with_rows(self.over.iter().map(|over| &over.stream))
        {
            let rows = self
                .nodes
                .streams
                .beneath(self.nodes.rows, &stream, &from, &to)?;
            let mut rows = Rows::from(rows);
            let mut at = 0;
            while let Some((key, _)) = rows.advance()? {
                let row = Point::from(position_of(key)?);
                while starts.get(at + 1).is_some_and(|next| *next <= row) {
                    at += 1;
                }
                if let Some(count) = counts.get_mut(at) {
                    *count += 1;
                }
            }
        }
        self.begins.extend(starts);
        let mut before = 0;
        for count in counts {
            self.before.push(before);
            before += count;
        }
        self.before.push(before);
        Ok(())
    }

    /// Goes on to the next node of its level where all of the present one was skipped: the entry
    /// behind the one above names it.
    pub(super) fn follow(&mut self, skip: u64) -> Result<()> {
        let level = self.at.level;
        while self.at.index == self.begins.len() - 1 {
            self.begins.truncate(self.at.node);
            self.before.truncate(self.at.node);
            for over in &mut self.over {
                over.before.truncate(self.at.node);
            }
            self.at = self.above.pop().ok_or_else(missing)?;
            self.stand_on(self.at.index + 1);
        }
        while self.at.level > level {
            self.descend(skip)?;
        }
        Ok(())
    }

    /// Where to begin reading the rows of each stream.
    pub(super) fn starts(&self) -> impl Iterator<Item = Start> + '_ {
        let begin = self.present_begin().position();
        self.nodes.known.iter().map(move |(stream, total)| Start {
            stream: *stream,
            from: Bound::Included(begin),
            least: begin.max(total.first),
        })
    }
}
