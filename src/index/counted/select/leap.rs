//! How far a select can skip entries of all streams at once.

use super::walk::Walk;
use crate::index::ordered::Point;
use convodb_kv::Read;

/// The ends of a stream's entries between those that a leap surely reaches and those that it surely
/// does not. A select looks at seven hundred such for the middle of eight streams, so they are slices
/// that shrink, not indexes into what they are taken from.
struct Ends<'a> {
    undecided: &'a [Point],
    /// The rows of the node before each of these, and before the one behind them.
    before: &'a [u64],
    /// Where the entry begins that precedes the first of these.
    begin: Point,
    /// The rows of the node before the present entry.
    skipped: u64,
    /// How many entries are surely skipped.
    reached: usize,
    /// How many of the undecided ends lie before the place that is looked at.
    passed: usize,
}

impl<'a> Ends<'a> {
    /// Those up to a place. The end of the stream is behind every row wanted.
    fn up_to<R: Read>(known: Point, walk: &'a Walk<'_, R>) -> Self {
        let (ends, before) = walk.behind();
        let near = ends.partition_point(|end| *end <= known && *end < Point::END);
        let (undecided, _) = ends.split_at_checked(near).unwrap_or_default();
        Self {
            undecided,
            before,
            begin: walk.present_begin(),
            skipped: walk.skipped,
            reached: 0,
            passed: 0,
        }
    }

    /// How many rows the entries hold that begin before a place, from the present one on.
    #[inline]
    fn look_at(&mut self, place: Point) -> u64 {
        self.passed = self.undecided.partition_point(|end| *end < place);
        if self.passed == 0 && self.begin >= place {
            return 0;
        }
        let before = self.before.get(self.passed).copied();
        before.unwrap_or_default() - self.skipped
    }

    /// What follows from whether the leap reaches the place, which may be an end of this stream.
    #[inline]
    fn decide(&mut self, reaches: bool, own: bool) {
        let undecided = self.undecided;
        if reaches {
            let passed = self.passed + usize::from(own);
            if let Some(last) = passed.checked_sub(1)
                && let Some(begin) = undecided.get(last)
            {
                self.begin = *begin;
                self.undecided = undecided.get(passed..).unwrap_or_default();
                self.before = self.before.get(passed..).unwrap_or_default();
                self.reached += passed;
            }
        } else {
            self.undecided = undecided.get(..self.passed).unwrap_or_default();
        }
    }
}

/// Skips entries up to the farthest end of one before which no more than `skip` rows can lie, and
/// returns the number of these rows.
///
/// Before a place lie at most the entries of all streams that begin before it; what a stream has
/// behind its node is not known, so no place is behind the end of one. The entries are counted for
/// ever fewer places: each time for the middle one of the stream that has most of them left, which
/// rules out half of these, and of the other streams what lies on the same side.
pub(super) fn leap<R: Read>(walks: &mut [Walk<'_, R>], skip: u64) -> u64 {
    let nearest = walks.iter().map(Walk::present_end).min();
    let nearest = nearest.unwrap_or(Point::END);
    let begun = walks.iter().filter(|walk| walk.present_begin() < nearest);
    if begun.map(Walk::present_rows).sum::<u64>() > skip {
        return 0;
    }
    let known = walks.iter().map(Walk::node_end).min();
    let known = known.unwrap_or(Point::END);
    let mut streams: Vec<Ends<'_>> = walks.iter().map(|walk| Ends::up_to(known, walk)).collect();
    while let Some((own, place)) = widest(&streams) {
        let before: u64 = streams.iter_mut().map(|ends| ends.look_at(place)).sum();
        let reaches = before <= skip;
        for (nth, ends) in streams.iter_mut().enumerate() {
            ends.decide(reaches, nth == own);
        }
    }
    let reached: Vec<usize> = streams.iter().map(|ends| ends.reached).collect();
    let skipped = |(walk, entries): (&mut Walk<'_, R>, usize)| walk.skip(entries);
    walks.iter_mut().zip(reached).map(skipped).sum()
}

/// The stream that has most ends left, and the middle one of them.
fn widest(streams: &[Ends<'_>]) -> Option<(usize, Point)> {
    let left = |(_, ends): &(usize, &Ends<'_>)| ends.undecided.len();
    let (nth, ends) = streams.iter().enumerate().max_by_key(left)?;
    let middle = ends.undecided.get(ends.undecided.len() / 2)?;
    Some((nth, *middle))
}
