//! Events by their numbers, and the history of each conversation.
//!
//! Both lie in one table, as each that a commit touches costs it. A history has rows of its own:
//! it lives as long as its conversation, whatever becomes of the events.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::{Change, ConversationId, Error, Event, EventKind, Fact, InvalidInput, Result};

use super::batch::Sink;
use super::records::EventV1;
use super::{Head, codec, keys, tables};
use crate::kv::{Read, WriteTables};

/// The next event: what a change told of a conversation.
fn next(head: &mut Head, change: &Change, conversation: ConversationId, kind: EventKind) -> Event {
    head.newest_event += 1;
    let mut event = Event::new(head.newest_event, change.at, conversation, kind);
    event.actor.clone_from(&change.actor);
    if let Fact::TakenOver { since, .. } = &change.fact {
        event.effective_at = Some(*since);
    }
    event
}

/// Writes what a change told, or gathers it.
pub(super) fn append(
    rows: &mut impl Sink,
    head: &mut Head,
    change: &Change,
    conversation: ConversationId,
    kind: EventKind,
) -> Result<()> {
    let event = next(head, change, conversation, kind);
    let payload = codec::payload(&EventV1::from(&event))?;
    let mut put = |key: &[u8]| {
        let value = codec::frame::<EventV1<'_>>(key, &payload);
        rows.put_row(tables::EVENTS, key, &value)
    };
    put(&keys::event(event.sequence))?;
    if event.kind.is_history() {
        put(&keys::history(conversation, event.sequence))?;
    }
    Ok(())
}

pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Event> {
    let sequence = keys::parse_event(key)?;
    codec::decode::<EventV1<'_>>(key, bytes)?.into_event(sequence)
}

pub(super) fn decode_history(key: &[u8], bytes: &[u8]) -> Result<Event> {
    let (conversation, sequence) = keys::parse_history(key)?;
    let event = codec::decode::<EventV1<'_>>(key, bytes)?.into_event(sequence)?;
    if event.conversation_id != conversation {
        return Err(Error::corrupted(format!(
            "event {sequence} lies in the history of another conversation"
        )));
    }
    Ok(event)
}

/// At most `max` events behind one, in their order. O(events read).
pub(super) fn read(rows: &impl Read, head: &Head, after: u64, max: usize) -> Result<Vec<Event>> {
    let left = head.newest_event.checked_sub(after).ok_or_else(|| {
        // A position of another file: to wait at it would be to miss what comes until then.
        InvalidInput::new("after", "is the number of no event yet")
    })?;
    if after + 1 < head.oldest_event {
        return Err(Error::events_gap(head.oldest_event));
    }
    let max = usize::try_from(left).map_or(max, |left| left.min(max));
    if max == 0 {
        return Ok(Vec::new());
    }
    let (first, last) = (keys::event(after + 1), keys::event(u64::MAX));
    let range = rows.range(
        tables::EVENTS,
        (Bound::Included(&first), Bound::Included(&last)),
    )?;
    let mut events = Vec::with_capacity(max);
    for (expected, row) in (after + 1..).zip(range.take(max)) {
        let (key, bytes) = row?;
        let event = decode(&key, &bytes)?;
        if event.sequence != expected {
            return Err(missing(expected));
        }
        events.push(event);
    }
    if events.len() < max {
        return Err(missing(after + 1 + events.len() as u64));
    }
    Ok(events)
}

fn missing(sequence: u64) -> Error {
    Error::corrupted(format!("event {sequence} is missing"))
}

/// The history of a conversation, oldest first. O(its events).
pub(super) fn history(rows: &impl Read, conversation: ConversationId) -> Result<Vec<Event>> {
    let (first, last) = keys::of_history(conversation);
    let range = (Bound::Included(&first[..]), Bound::Included(&last[..]));
    rows.range(tables::EVENTS, range)?
        .map(|row| {
            let (key, bytes) = row?;
            decode_history(&key, &bytes)
        })
        .collect()
}

/// The first event in the history of a conversation. O(1).
pub(super) fn first_of_history(
    rows: &impl Read,
    conversation: ConversationId,
) -> Result<Option<Event>> {
    let (first, last) = keys::of_history(conversation);
    let range = (Bound::Included(&first[..]), Bound::Included(&last[..]));
    let row = rows.range(tables::EVENTS, range)?.next().transpose()?;
    row.map(|(key, bytes)| decode_history(&key, &bytes))
        .transpose()
}

/// A history goes with its conversation.
pub(super) fn remove_history(
    rows: &mut WriteTables<'_>,
    conversation: ConversationId,
) -> Result<()> {
    let (first, last) = keys::of_history(conversation);
    rows.remove_range(
        tables::EVENTS,
        (Bound::Included(&first), Bound::Included(&last)),
    )
}

/// The number of the first event that is not older than a time, or of the next one. O(log events),
/// as times never run back.
pub(super) fn first_since(rows: &impl Read, head: &Head, at: DateTime<Utc>) -> Result<u64> {
    let (mut from, mut to) = (head.oldest_event, head.newest_event + 1);
    while from < to {
        let middle = from + (to - from) / 2;
        let key = keys::event(middle);
        let bytes = rows.get(tables::EVENTS, &key)?;
        let event = decode(&key, &bytes.ok_or_else(|| missing(middle))?)?;
        if event.at < at {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    Ok(from)
}

/// Gives up the events before one. O(events given up).
pub(super) fn purge(rows: &mut WriteTables<'_>, head: &mut Head, before: u64) -> Result<()> {
    let (first, end) = (keys::event(0), keys::event(before));
    rows.remove_range(
        tables::EVENTS,
        (Bound::Included(&first), Bound::Excluded(&end)),
    )?;
    head.oldest_event = before;
    Ok(())
}
