//! Lists: the entries of a filter's index partitions, merged in the order of the list.

use std::ops::Bound;

use convodb_core::{Conversation, ConversationId, Cursor, Filter, Page, Result};

use super::keys::StreamKey;
use super::plan::STREAMS;
use super::{Resident, index_entry, keys, plan};
use crate::index::{self, Stream, Total};
use crate::kv::Read;

/// Where a page begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// Behind so many rows.
    Skip(u64),
    /// Behind this place.
    After(Cursor),
}

/// The streams of a filter that have rows, and the number of all of them.
struct Selection {
    streams: Vec<(Stream, Total)>,
    total: u64,
}

impl Selection {
    fn of(known: &Resident, filter: &Filter) -> Result<Self> {
        let mut streams = Vec::new();
        let mut rows = 0;
        plan::each_stream(filter, &known.directory, |stream| {
            let total = known.totals.get(&stream)?;
            if total.rows > 0 {
                rows += total.rows;
                streams.push((stream, total));
            }
            Ok(())
        })?;
        Ok(Self {
            streams,
            total: rows,
        })
    }
}

/// How many conversations a filter selects. O(streams): nothing is read.
pub(super) fn count(known: &Resident, filter: &Filter) -> Result<u64> {
    let mut total = 0;
    plan::each_stream(filter, &known.directory, |stream| {
        total += known.totals.get(&stream)?.rows;
        Ok(())
    })?;
    Ok(total)
}

/// How many rows of a filter's list precede a cursor, and how many there are.
/// O(partitions * log rows).
pub(super) fn rank(
    rows: &impl Read,
    known: &Resident,
    filter: &Filter,
    cursor: Cursor,
) -> Result<(u64, u64)> {
    let Selection { streams, total } = Selection::of(known, filter)?;
    let position = keys::position(cursor.updated_at(), cursor.id());
    let rank = index::rank(rows, STREAMS, &streams, &position)?;
    Ok((rank, total))
}

/// A page. O(streams * log rows + rows shown).
pub(super) fn page(
    rows: &impl Read,
    known: &Resident,
    filter: &Filter,
    start: Start,
    limit: u32,
) -> Result<Page<Conversation>> {
    let Selection { streams, total } = Selection::of(known, filter)?;
    let (left, skip, from) = match start {
        Start::Skip(skip) => {
            let Some(left @ 1..) = total.checked_sub(skip) else {
                return Ok(Page::new(Vec::new(), total, None));
            };
            let (from, skip) = index::select(rows, STREAMS, &streams, skip)?;
            (left, skip, from)
        }
        Start::After(cursor) => {
            let position = keys::position(cursor.updated_at(), cursor.id());
            let from = streams.into_iter().map(|(stream, total)| index::Start {
                stream,
                from: Bound::Excluded(position),
                least: position.max(total.first),
            });
            (total, 0, from.collect())
        }
    };
    let mut merged = STREAMS.merge(rows, &from);
    for _ in 0..skip {
        merged.next()?;
    }
    let shown = left.min(u64::from(limit)) as usize;
    let mut data = Vec::with_capacity(shown);
    while data.len() < shown
        && let Some((key, value)) = merged.next()?
    {
        data.push(index_entry::conversation(&known.directory, key, value)?);
    }
    let more = match start {
        Start::Skip(_) => left > u64::from(limit),
        Start::After(_) => merged.next()?.is_some(),
    };
    let next = data.last().filter(|_| more).map(Cursor::from);
    Ok(Page::new(data, total, next))
}

/// How many conversations are stored under owners that were removed. O(these owners).
pub(super) fn count_redirected(known: &Resident) -> Result<u64> {
    let mut owners = known.directory.redirected();
    owners.try_fold(0, |sum, owner| Ok(sum + known.totals.of_bucket(owner)?))
}

/// Some of these, at most this many. O(partitions + these).
pub(super) fn redirected(
    rows: &impl Read,
    known: &Resident,
    limit: usize,
) -> Result<Vec<ConversationId>> {
    let mut ids = Vec::new();
    let owners = known.directory.redirected();
    // A redirect that leads nowhere is for `verify` to report.
    let owners = owners.filter(|owner| known.directory.leads_somewhere(*owner));
    for stream in owners.flat_map(StreamKey::of_bucket) {
        let stream = stream.stream();
        let left = limit - ids.len();
        if left == 0 {
            break;
        }
        let total = known.totals.get(&stream)?;
        if total.rows == 0 {
            continue;
        }
        let from = Bound::Included(&total.first);
        for row in STREAMS.rows(rows, &stream, from)?.take(left) {
            ids.push(keys::parse_index(&row?.0)?.id);
        }
    }
    Ok(ids)
}
