//! Events by their numbers, and the audit log of each conversation.
//!
//! Both are in one table, as each that a commit touches costs it. An audit log has rows of its own:
//! it lives as long as its conversation, whatever becomes of the events.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::{ConversationId, Error, Event, EventSeq, InvalidInput, NewEvent, Result};

use super::batch::Sink;
use super::{Head, codec, keys, tables};
use crate::kv::{Read, WriteTables};

/// Gives an event its number, and writes it.
pub(super) fn append(rows: &mut impl Sink, head: &mut Head, event: NewEvent) -> Result<()> {
    head.newest_event = head.newest_event.next();
    let (seq, conversation) = (head.newest_event, event.conversation_id);
    let is_audited = event.kind.is_audited();
    rows.put_record(tables::EVENTS, &keys::event(seq), &event)?;
    if is_audited {
        let key = keys::audit_log(conversation, seq);
        rows.put_record(tables::EVENTS, &key, &event)?;
    }
    Ok(())
}

pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Event> {
    let seq = keys::parse_event(key)?;
    let event: NewEvent = codec::decode_row(tables::EVENTS, key, bytes)?;
    Ok(event.numbered(seq))
}

pub(super) fn decode_audited(key: &[u8], bytes: &[u8]) -> Result<Event> {
    let (conversation, seq) = keys::parse_audit_log(key)?;
    let event: NewEvent = codec::decode_row(tables::EVENTS, key, bytes)?;
    let event = event.numbered(seq);
    if event.conversation_id != conversation {
        return Err(Error::corrupted(format!(
            "event {seq} is in the audit log of another conversation"
        )));
    }
    Ok(event)
}

/// At most `limit` events behind one, in their order. O(events read).
pub(super) fn read(
    rows: &impl Read,
    head: &Head,
    after: EventSeq,
    limit: usize,
) -> Result<Vec<Event>> {
    let Some(left) = head.newest_event.get().checked_sub(after.get()) else {
        // A position of another file: who waited at it would miss what comes until then.
        let reason = format!("must not be above the newest event, {}", head.newest_event);
        return Err(InvalidInput::new("after", reason).into());
    };
    if after.next() < head.oldest_event {
        return Err(Error::events_purged(head.oldest_event));
    }
    let limit = usize::try_from(left).map_or(limit, |left| left.min(limit));
    if limit == 0 {
        return Ok(Vec::new());
    }
    let bounds = (
        keys::event(after.next()),
        keys::event(EventSeq::new(u64::MAX)),
    );
    let range = rows.range(tables::EVENTS, keys::inclusive(&bounds))?;
    let mut events = Vec::with_capacity(limit);
    let mut expected = after;
    for row in range.take(limit) {
        expected = expected.next();
        let (key, bytes) = row?;
        let event = decode(&key, &bytes)?;
        if event.seq != expected {
            return Err(missing(expected));
        }
        events.push(event);
    }
    if events.len() < limit {
        return Err(missing(expected.next()));
    }
    Ok(events)
}

fn missing(seq: EventSeq) -> Error {
    Error::corrupted(format!("event {seq} is missing"))
}

/// The audit log of a conversation, oldest first. O(its events).
pub(super) fn audit_log(rows: &impl Read, conversation: ConversationId) -> Result<Vec<Event>> {
    let bounds = keys::of_audit_log(conversation);
    rows.range(tables::EVENTS, keys::inclusive(&bounds))?
        .map(|row| {
            let (key, bytes) = row?;
            decode_audited(&key, &bytes)
        })
        .collect()
}

/// The first event in the audit log of a conversation. O(1).
pub(super) fn first_audited(
    rows: &impl Read,
    conversation: ConversationId,
) -> Result<Option<Event>> {
    let bounds = keys::of_audit_log(conversation);
    let row = rows.range(tables::EVENTS, keys::inclusive(&bounds))?.next();
    let row = row.transpose()?;
    row.map(|(key, bytes)| decode_audited(&key, &bytes))
        .transpose()
}

/// An audit log goes with its conversation.
pub(super) fn remove_audit_log(
    rows: &mut WriteTables<'_>,
    conversation: ConversationId,
) -> Result<()> {
    let bounds = keys::of_audit_log(conversation);
    rows.remove_range(tables::EVENTS, keys::inclusive(&bounds))
}

/// The number of the first event that is not older than a time, or of the next one. O(log events),
/// as times never run back.
pub(super) fn first_since(rows: &impl Read, head: &Head, at: DateTime<Utc>) -> Result<EventSeq> {
    let (mut from, mut to) = (head.oldest_event.get(), head.newest_event.get() + 1);
    while from < to {
        let middle = from + (to - from) / 2;
        let key = keys::event(EventSeq::new(middle));
        let bytes = rows.get(tables::EVENTS, &key)?;
        let event = decode(&key, &bytes.ok_or_else(|| missing(EventSeq::new(middle)))?)?;
        if event.at < at {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    Ok(EventSeq::new(from))
}

/// Drops the events before one. O(events dropped).
pub(super) fn purge(rows: &mut WriteTables<'_>, head: &mut Head, before: EventSeq) -> Result<()> {
    let (first, end) = (keys::event(EventSeq::ZERO), keys::event(before));
    rows.remove_range(
        tables::EVENTS,
        (Bound::Included(&first), Bound::Excluded(&end)),
    )?;
    head.oldest_event = before;
    Ok(())
}
