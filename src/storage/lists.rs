//! Lists: the rows of a filter's streams, merged in the order of R12.

use super::records::RowV1;
use super::{Directory, codec, keys, plan};
use crate::domain::{AssigneeId, Channel, Conversation, ConversationId, Status};
use crate::error::{Error, Hex, Result};
use crate::kv::Read;
use crate::query::{Cursor, CursorPage, Filter};

/// Where a page begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// Behind so many rows.
    Skip(u64),
    /// Behind this place.
    After(Cursor),
}

/// How many conversations a filter selects. O(streams): no row is read.
pub(super) fn count(rows: &impl Read, directory: &Directory, filter: &Filter) -> Result<u64> {
    let streams = plan::streams(filter, directory)?;
    Ok(plan::STREAMS.totals(rows, &streams)?.iter().sum())
}

/// A page. O(streams + rows skipped + rows shown).
pub(super) fn page(
    rows: &impl Read,
    directory: &Directory,
    filter: &Filter,
    start: Start,
    limit: u32,
) -> Result<CursorPage> {
    let mut streams = plan::streams(filter, directory)?;
    let totals = plan::STREAMS.totals(rows, &streams)?;
    let total: u64 = totals.iter().sum();
    let mut totals = totals.into_iter();
    streams.retain(|_| totals.next() != Some(0));

    let (skip, after) = match start {
        Start::Skip(skip) => (skip, None),
        Start::After(cursor) => (0, Some(keys::position(cursor.updated_at(), cursor.id()))),
    };
    let left = total.saturating_sub(skip);
    if left == 0 {
        return Ok(CursorPage::new(Vec::new(), total, None));
    }
    let mut merged = plan::STREAMS.merge(rows, &streams, after.as_ref())?;
    for _ in 0..skip {
        merged.next().transpose()?;
    }
    let mut data = Vec::with_capacity(left.min(u64::from(limit)) as usize);
    for row in merged.by_ref().take(limit as usize) {
        let (key, value) = row?;
        data.push(decode(directory, &key, &value)?);
    }
    let more = match start {
        Start::Skip(_) => left > u64::from(limit),
        Start::After(_) => merged.next().transpose()?.is_some(),
    };
    let next = data.last().filter(|_| more).map(Cursor::from);
    Ok(CursorPage::new(data, total, next))
}

fn decode(directory: &Directory, key: &[u8], value: &[u8]) -> Result<Conversation> {
    let place = keys::parse_index(key)?;
    let row: RowV1<'_> = codec::decode(key, value)?;
    if place.bucket.is_some_and(|bucket| bucket != row.bucket) {
        return Err(Error::corrupted(format!(
            "a row of another assignee stands at {}",
            Hex(key)
        )));
    }
    let mut conversation = Conversation::new(
        place.id,
        row.contact_id()?,
        place.channel,
        row.created_at()?,
    );
    conversation.status = place.status;
    conversation.assigned_to = directory.assignee(row.bucket)?.cloned();
    conversation.updated_at = place.updated_at;
    Ok(conversation)
}

/// The conversations of a user or team, whatever their status and channel. O(conversations).
pub(super) fn assigned(
    rows: &impl Read,
    directory: &Directory,
    assignee: &AssigneeId,
) -> Result<Vec<ConversationId>> {
    let mut ids = Vec::new();
    let Some(bucket) = directory.bucket(assignee) else {
        return Ok(ids);
    };
    for status in Status::ALL {
        for channel in Channel::ALL {
            let stream = [keys::by_assignee(bucket, status, channel)];
            for row in plan::STREAMS.merge(rows, &stream, None)? {
                ids.push(keys::parse_index(&row?.0)?.id);
            }
        }
    }
    Ok(ids)
}
