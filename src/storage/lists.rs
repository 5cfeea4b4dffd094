//! Lists: the rows of a filter's streams, merged in the order of R12.

use std::ops::Bound;

use convodb_core::{Conversation, ConversationId, Cursor, CursorPage, Error, Filter, Hex, Result};

use super::keys::StreamKey;
use super::plan::STREAMS;
use super::records::RowV1;
use super::{Directory, Resident, codec, keys, plan};
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

/// How many rows of a filter's list stand before a place, and how many there are.
/// O(streams * log rows).
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
) -> Result<CursorPage> {
    let Selection { streams, total } = Selection::of(known, filter)?;
    let (left, skip, from) = match start {
        Start::Skip(skip) => {
            let Some(left @ 1..) = total.checked_sub(skip) else {
                return Ok(CursorPage::new(Vec::new(), total, None));
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
        data.push(decode(&known.directory, key, value)?);
    }
    let more = match start {
        Start::Skip(_) => left > u64::from(limit),
        Start::After(_) => merged.next()?.is_some(),
    };
    let next = data.last().filter(|_| more).map(Cursor::from);
    Ok(CursorPage::new(data, total, next))
}

fn decode(directory: &Directory, key: &[u8], value: &[u8]) -> Result<Conversation> {
    let place = keys::parse_index(key)?;
    let row: RowV1<'_> = codec::decode(key, value)?;
    let stream = place.stream;
    if stream.bucket.is_some_and(|bucket| bucket != row.bucket) {
        return Err(Error::corrupted(format!(
            "a row of another assignee stands at {}",
            Hex(key)
        )));
    }
    if row.unread > row.inbound || stream.unread && row.unread == 0 {
        return Err(Error::corrupted(format!(
            "a row at {} says that {} of {} messages are unread",
            Hex(key),
            row.unread,
            row.inbound
        )));
    }
    let mut conversation = Conversation::new(
        place.id,
        row.contact_id()?,
        stream.channel,
        row.created_at()?,
    );
    conversation.status = stream.status;
    let (owner, hops) = directory.owner(row.bucket)?;
    conversation.assigned_to = owner.cloned();
    conversation.updated_at = place.updated_at;
    conversation.revision = row.revision + hops;
    conversation.inbound_count = row.inbound;
    conversation.unread_count = row.unread;
    Ok(conversation)
}

/// How many conversations are filed in buckets that have moved. O(these buckets).
pub(super) fn count_misfiled(known: &Resident) -> Result<u64> {
    let mut moved = known.directory.moved();
    moved.try_fold(0, |sum, bucket| Ok(sum + known.totals.of_bucket(bucket)?))
}

/// Some of these, at most so many. O(streams + these).
pub(super) fn misfiled(
    rows: &impl Read,
    known: &Resident,
    most: usize,
) -> Result<Vec<ConversationId>> {
    let mut ids = Vec::new();
    let moved = known.directory.moved();
    // One whose takeover leads nowhere is for `verify` to tell of.
    let moved = moved.filter(|bucket| known.directory.has_heir(*bucket));
    for stream in moved.flat_map(StreamKey::of_bucket) {
        let stream = stream.stream();
        let left = most - ids.len();
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
