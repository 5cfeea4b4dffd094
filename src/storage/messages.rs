//! Messages and notes of a conversation, in the order of their times.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::records::{MessageRecord, MessageTimeRecord, NoteRecord, message};
use convodb_core::{
    ConversationId, Direction, Message, MessageId, MessageRange, Note, NoteId, Result,
};

use super::batch::Sink;
use super::keys;
use super::{codec, tables};
use crate::kv::{Read, Rows, WriteTables};

/// From which end of a history to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Oldest,
    Newest,
}

#[inline]
pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Message> {
    let (conversation, created_at, id) = keys::parse_message(key)?;
    // A record that is decoded and then completed costs twice as much to move.
    let (version, payload) = codec::open(tables::MESSAGES, key, bytes)?;
    message::decode(version, payload, conversation, created_at, id)
        .map_err(|error| codec::undecodable(tables::MESSAGES, key, error))
}

fn decode_note(key: &[u8], bytes: &[u8]) -> Result<Note> {
    let (conversation, created_at, id) = keys::parse_note(key)?;
    let record: NoteRecord<'_> = codec::decode_row(tables::NOTES, key, bytes)?;
    Ok(record.into_note(conversation, created_at, id))
}

/// Whether the id carries the message's own millisecond, by which it is found again.
fn carries_its_time(message: &Message) -> bool {
    i64::try_from(message.id.timestamp_ms()) == Ok(message.created_at.timestamp_millis())
}

/// A message by its id. O(messages of the conversation in the id's millisecond).
pub(super) fn find(
    rows: &impl Read,
    conversation: ConversationId,
    id: MessageId,
) -> Result<Option<Message>> {
    if let Some(bounds) = keys::of_millisecond(conversation, id) {
        for row in rows.range(tables::MESSAGES, keys::inclusive(&bounds))? {
            let (key, bytes) = row?;
            if keys::parse_message(&key)?.2 == id {
                return decode(&key, &bytes).map(Some);
            }
        }
    }
    let key = keys::message_time(conversation, id);
    let time: Option<MessageTimeRecord> = codec::get(rows, tables::CATALOG, &key)?;
    let Some(MessageTimeRecord { created_at }) = time else {
        return Ok(None);
    };
    let key = keys::message(conversation, created_at, id);
    let bytes = rows.get(tables::MESSAGES, &key)?;
    bytes.map(|bytes| decode(&key, &bytes)).transpose()
}

/// Writes a message, new or changed.
pub(super) fn save(rows: &mut impl Sink, message: &Message) -> Result<()> {
    let key = keys::message(message.conversation_id, message.created_at, message.id);
    rows.put_record(tables::MESSAGES, &key, &MessageRecord::from(message))?;
    if !carries_its_time(message) {
        let key = keys::message_time(message.conversation_id, message.id);
        let created_at = message.created_at;
        rows.put_record(tables::CATALOG, &key, &MessageTimeRecord { created_at })?;
    }
    Ok(())
}

pub(super) fn save_note(rows: &mut impl Sink, note: &Note) -> Result<()> {
    let key = keys::note(note.conversation_id, note.created_at, note.id);
    rows.put_record(tables::NOTES, &key, &NoteRecord::from(note))
}

/// Visits every message of a conversation.
pub(super) fn each(
    rows: &impl Read,
    conversation: ConversationId,
    mut visit: impl FnMut(Message) -> Result<()>,
) -> Result<()> {
    let bounds = keys::of_conversation(conversation);
    for row in rows.range(tables::MESSAGES, keys::inclusive(&bounds))? {
        let (key, bytes) = row?;
        visit(decode(&key, &bytes)?)?;
    }
    Ok(())
}

/// How many of a conversation's messages are from the contact. O(messages).
pub(super) fn count_inbound(rows: &impl Read, conversation: ConversationId) -> Result<u64> {
    let mut inbound = 0;
    each(rows, conversation, |message| {
        inbound += u64::from(message.direction == Direction::Inbound);
        Ok(())
    })?;
    Ok(inbound)
}

/// Removes all messages and notes of a conversation. O(messages and notes).
pub(super) fn remove_all(rows: &mut WriteTables<'_>, conversation: ConversationId) -> Result<()> {
    let bounds = keys::of_conversation(conversation);
    rows.remove_range(tables::MESSAGES, keys::inclusive(&bounds))?;
    rows.remove_range(tables::NOTES, keys::inclusive(&bounds))?;
    let time = |id| keys::message_time(conversation, MessageId::from_raw(id));
    rows.remove_range(
        tables::CATALOG,
        keys::inclusive(&(time(0), time(u128::MAX))),
    )
}

/// At most `limit` messages of a range, from either end, in the order of reading.
pub(super) fn read(
    rows: &impl Read,
    conversation: ConversationId,
    range: &MessageRange,
    from: End,
    limit: usize,
) -> Result<Vec<Message>> {
    let key = |place: Bound<_>| place.map(|(us, id)| keys::message_at(conversation, us, id));
    let (first, last) = keys::of_conversation(conversation);
    let (start, end) = range.bounds();
    let (start, end) = (key(start), key(end));
    // Comparing the conversation of a row is quicker than comparing the row with the far end.
    let start = match (&start, from) {
        (Bound::Unbounded, End::Oldest) => Bound::Included(&first[..]),
        (bound, _) => bound.as_ref().map(|key| &key[..]),
    };
    let end = match (&end, from) {
        (Bound::Unbounded, End::Newest) => Bound::Included(&last[..]),
        (bound, _) => bound.as_ref().map(|key| &key[..]),
    };
    if is_empty(start, end) {
        return Ok(Vec::new());
    }
    let mut found: Rows<'_> = rows.range(tables::MESSAGES, (start, end))?.into();
    // Most histories are short; a message is large to move.
    let mut messages = Vec::with_capacity(limit.min(16));
    while messages.len() < limit {
        let row = match from {
            End::Oldest => found.advance()?,
            End::Newest => found.advance_back()?,
        };
        match row {
            Some((key, bytes)) if keys::is_within(conversation, key) => {
                messages.push(decode(key, bytes)?);
            }
            _ => break,
        }
    }
    Ok(messages)
}

/// Whether no key can be in the range. redb rejects a range whose start is after its end.
fn is_empty(start: Bound<&[u8]>, end: Bound<&[u8]>) -> bool {
    match (start, end) {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start >= end,
        _ => false,
    }
}

/// At most `limit` notes behind one of them, or from the first, oldest first.
pub(super) fn read_notes(
    rows: &impl Read,
    conversation: ConversationId,
    after: Option<&Note>,
    limit: usize,
) -> Result<Vec<Note>> {
    let (first, last) = keys::of_conversation(conversation);
    let after = after.map(|note| keys::note(conversation, note.created_at, note.id));
    let start = match &after {
        Some(key) => Bound::Excluded(&key[..]),
        None => Bound::Included(&first[..]),
    };
    rows.range(tables::NOTES, (start, Bound::Included(&last)))?
        .take(limit)
        .map(|row| {
            let (key, bytes) = row?;
            decode_note(&key, &bytes)
        })
        .collect()
}

pub(super) fn find_note(
    rows: &impl Read,
    conversation: ConversationId,
    created_at: DateTime<Utc>,
    id: NoteId,
) -> Result<Option<Note>> {
    let key = keys::note(conversation, created_at, id);
    let bytes = rows.get(tables::NOTES, &key)?;
    bytes.map(|bytes| decode_note(&key, &bytes)).transpose()
}

/// What `verify` checks of every message: that it can be read, and whether it is found by its id.
pub(super) fn check_message(rows: &impl Read, key: &[u8], bytes: &[u8]) -> Result<(Message, bool)> {
    let message = decode(key, bytes)?;
    let known = rows.get(
        tables::CATALOG,
        &keys::message_time(message.conversation_id, message.id),
    )?;
    let found = known.is_some() != carries_its_time(&message);
    Ok((message, found))
}

/// What `verify` checks of every note: that it can be read.
pub(super) fn check_note(key: &[u8], bytes: &[u8]) -> Result<(ConversationId, NoteId)> {
    decode_note(key, bytes).map(|note| (note.conversation_id, note.id))
}

/// What `verify` checks of every time of a message: that its message is there.
pub(super) fn has_message(rows: &impl Read, key: &[u8]) -> Result<bool> {
    let (conversation, message) = keys::parse_message_time(key)?;
    find(rows, conversation, message).map(|found| found.is_some())
}
