//! Rank and select on the union of streams, reading nodes only.

mod leap;
mod nodes;
mod walk;

use std::ops::Bound;

use convodb_core::Result;

use self::leap::leap;
use self::nodes::Nodes;
use self::walk::Walk;
use super::{HEAD, Total};
use crate::index::ordered::{Point, Position, Start, Stream, Streams};
use convodb_kv::Read;

/// Walking a row costs 50 ns and reading a node 700, so the last rows are walked.
const WALKED_PER_STREAM: u64 = 12;

/// Those whose entries span about as much go down together: a quarter of the widest takes 610,000
/// instructions for the middle of eight streams that are not counted together, the widest alone or a
/// sixteenth 650,000.
const ABOUT_AS_WIDE: u64 = 4;

/// Streams that have rows, in the order of their prefixes, and whether each class of a union has none
/// but these: then its counts are theirs.
#[derive(Clone, Copy, Debug)]
pub struct Among<'a> {
    pub streams: &'a [(Stream, Total)],
    pub has_whole_classes: bool,
}

impl<'a> Among<'a> {
    /// The streams that are counted together.
    fn parts(self, streams: Streams) -> impl Iterator<Item = &'a [(Stream, Total)]> {
        let union = move |(stream, _): &(Stream, Total)| {
            let union = (streams.union)(stream).filter(|_| self.has_whole_classes);
            union.map(|(union, _)| union)
        };
        self.streams
            .chunk_by(move |a, b| union(a).is_some_and(|of| Some(of) == union(b)))
    }
}

/// Where in each stream to begin so that, merged, `skip` rows lie before the first row wanted but
/// for the few that are still to be skipped. `skip` is less than the rows of all streams.
/// O(unions * log rows + streams).
pub fn select(
    rows: &impl Read,
    streams: Streams,
    among: Among<'_>,
    mut skip: u64,
) -> Result<(Vec<Start>, u64)> {
    // A first page, and one of streams so small, begins where they begin: behind what has left them and
    // lies beneath the memtable yet.
    if skip <= WALKED_PER_STREAM * among.streams.len() as u64 {
        let starts = among.streams.iter().map(|(stream, total)| Start {
            stream: *stream,
            from: Bound::Included(total.first),
            least: total.first,
        });
        return Ok((starts.collect(), skip));
    }
    let walk = |part| Walk::new(Nodes::new(rows, streams, part));
    let mut walks: Vec<_> = among.parts(streams).map(walk).collect();
    let width = |walk: &Walk<'_, _>| walk.width(WALKED_PER_STREAM);
    while skip > WALKED_PER_STREAM * walks.len() as u64 {
        let skipped = leap(&mut walks, skip);
        skip -= skipped;
        if skipped > 0 {
            for walk in &mut walks {
                walk.follow(skip)?;
            }
            continue;
        }
        // The widest entry blurs most how many rows lie before a place.
        let Some(widest) = walks.iter().filter_map(width).max() else {
            break;
        };
        let wide = Some((widest.0 / ABOUT_AS_WIDE, 0)).min(Some(widest));
        for walk in walks.iter_mut().filter(|walk| width(walk) >= wide) {
            walk.descend(skip)?;
        }
    }
    Ok((walks.iter().flat_map(Walk::starts).collect(), skip))
}

/// How many rows of these streams lie before a position. O(unions * log rows + streams).
pub fn rank(
    rows: &impl Read,
    streams: Streams,
    among: Among<'_>,
    position: &Position,
) -> Result<u64> {
    let point = Point::from(position);
    let mut rank: u64 = 0;
    for part in among.parts(streams) {
        let nodes = Nodes::new(rows, streams, part);
        let over = nodes.over()?;
        let mut start = Point::START;
        let added = over.iter().map(|(_, rows)| rows.added()).sum();
        let mut node = nodes.top(added)?;
        while let Some((level, bytes)) = node {
            // The entries before the one that holds the position lie before it whole.
            let mut holding = 0;
            for (next, count) in nodes.entries(&bytes)? {
                if next > point {
                    break;
                }
                rank += holding;
                holding = count;
                start = next;
            }
            node = match level {
                ..=1 => None,
                _ => Some((level - 1, nodes.get(level - 1, &start.position())?)),
            };
        }
        for stream in nodes.with_rows(over.iter().map(|(stream, _)| stream)) {
            for row in streams.beneath(rows, &stream, &start.position(), position)? {
                row?;
                rank += 1;
            }
        }
        for (stream, rows) in &over {
            rows.visit_sums(&[stream.key(&HEAD), stream.key(position)], |_, added| {
                rank = rank.saturating_add_signed(added);
            });
        }
    }
    Ok(rank)
}
