//! Rank and select on the union of streams, reading nodes only.

mod leap;
mod walk;

use std::ops::Bound;

use convodb_core::Result;

use self::leap::leap;
use self::walk::{Walk, missing, read_entry};
use super::edit::inconsistent;
use super::{HEAD, Total, entries, node_key, top};
use crate::index::ordered::{Point, Position, Start, Stream, Streams};
use convodb_kv::Read;

/// Walking a row costs 50 ns and reading a node 700, so the last rows are walked.
const WALKED_PER_STREAM: u64 = 12;

/// Streams whose entries span about as much go down together: a quarter of the widest takes 610,000
/// instructions for the middle of eight streams, the widest alone or a sixteenth 650,000.
const ABOUT_AS_WIDE: u64 = 4;

/// Where in each stream to begin so that, merged, `skip` rows lie before the first row wanted but
/// for the few that are still to be skipped. `skip` is less than the rows of all streams.
/// O(streams * log rows).
pub fn select(
    rows: &impl Read,
    streams: Streams,
    among: &[(Stream, Total)],
    mut skip: u64,
) -> Result<(Vec<Start>, u64)> {
    // A first page, and one of streams so small, begins where they begin: behind what has left them and
    // lies beneath the memtable yet.
    if skip <= WALKED_PER_STREAM * among.len() as u64 {
        let starts = among.iter().map(|(stream, total)| Start {
            stream: *stream,
            from: Bound::Included(total.first),
            least: total.first,
        });
        return Ok((starts.collect(), skip));
    }
    let walk = |known| Walk::new(rows, streams, known);
    let mut walks: Vec<_> = among.iter().map(walk).collect();
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
    Ok((walks.iter().map(Walk::start).collect(), skip))
}

/// How many rows of these streams lie before a position. O(streams * log rows).
pub fn rank(
    rows: &impl Read,
    streams: Streams,
    among: &[(Stream, Total)],
    position: &Position,
) -> Result<u64> {
    let point = Point::from(position);
    let end = Point::END.position();
    let mut rank = 0;
    for (stream, total) in among {
        let mut start = Point::START;
        let over = streams.over(rows, stream, &HEAD, &end);
        let added = over.as_ref().map_or(0, |over| over.added());
        let known = total
            .rows
            .checked_add_signed(-added)
            .ok_or_else(inconsistent)?;
        let mut node = top(rows, streams, stream, total, known)?;
        while let Some((level, bytes)) = node {
            // The entries before the one that holds the position lie before it whole.
            let mut holding = 0;
            for (next, count) in entries(&bytes)?.iter().map(read_entry) {
                if next > point {
                    break;
                }
                rank += holding;
                holding = count;
                start = next;
            }
            node = match level {
                ..=1 => None,
                _ => {
                    let key = node_key(streams.ranks, level - 1, stream, &start.position());
                    let node = rows.get(streams.table, &key)?;
                    Some((level - 1, node.ok_or_else(missing)?))
                }
            };
        }
        for row in streams.beneath(rows, stream, &start.position(), position)? {
            row?;
            rank += 1;
        }
        if over.is_some() {
            let before = streams.over(rows, stream, &HEAD, position);
            rank = rank.saturating_add_signed(before.map_or(0, |over| over.added()));
        }
    }
    Ok(rank)
}
