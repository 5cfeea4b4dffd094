//! Messages and notes of a conversation, in the order of their times.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::records::{MessageRecord, MessageTimeRecord, NoteRecord, message};
use convodb_core::{
    ConversationId, Hashes, InboxNumber, Message, MessageId, MessageRange, Note, NoteId,
    ProviderId, Result,
};

use super::batch::Sink;
use super::kinds::{MESSAGE_TIMES, MESSAGES, NOTES, PROVIDER_IDS, decoded};
use super::{Reader, codec, provider_ids, tables};
use convodb_kv::{Read, Rows, WriteTables};

/// From which end of a history to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Oldest,
    Newest,
}

#[inline]
pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Message> {
    let (conversation, order_time, id) = MESSAGES.parse(key)?;
    // A record that is decoded and then completed costs twice as much to move.
    let (version, payload) = codec::open(tables::MESSAGES, key, bytes)?;
    message::decode(version, payload, conversation, order_time, id)
        .map_err(|error| codec::undecodable(tables::MESSAGES, key, error))
}

pub(super) fn decode_note(key: &[u8], bytes: &[u8]) -> Result<Note> {
    let ((conversation, created_at, id), record) = NOTES.decode(key, bytes)?;
    Ok(record.into_note(conversation, created_at, id))
}

/// Whether the id carries the message's own millisecond, by which it is found again.
fn carries_its_time(message: &Message) -> bool {
    i64::try_from(message.id.timestamp_ms()) == Ok(message.position().0.timestamp_millis())
}

/// A message by its id. Reads at most two rows of each microsecond of the id's millisecond: all
/// messages of a conversation may have one time, if their provider's clock has seconds only.
pub(super) fn find(
    rows: &impl Read,
    conversation: ConversationId,
    id: MessageId,
) -> Result<Option<Message>> {
    let mut from_us = id.timestamp_ms() * 1_000;
    let last_us = from_us + 999;
    let last = MESSAGES.beginning(&(conversation, last_us)).last();
    while from_us <= last_us {
        let from = MESSAGES.beginning(&(conversation, from_us, id));
        let keys = (Bound::Included(&from[..]), Bound::Included(&last[..]));
        let Some((key, bytes)) = rows.range(tables::MESSAGES, keys)?.next().transpose()? else {
            break;
        };
        let (_, order_time, found) = MESSAGES.parse(&key)?;
        let found_us = order_time.timestamp_micros().unsigned_abs();
        if found == id {
            return decode(&key, &bytes).map(Some);
        }
        // A later microsecond, in which the message may be before this one.
        from_us = found_us.max(from_us + 1);
    }
    let time = MESSAGE_TIMES.get(rows, &(conversation, id))?;
    let Some(MessageTimeRecord { order_time }) = time else {
        return Ok(None);
    };
    MESSAGES.get_as(rows, &(conversation, order_time, id), decode)
}

/// Removes a message from its place, if it takes another one.
pub(super) fn leave(
    rows: &mut WriteTables<'_>,
    before: &Message,
    position: (DateTime<Utc>, MessageId),
) -> Result<()> {
    let (order_time, id) = before.position();
    if (order_time, id) == position {
        return Ok(());
    }
    MESSAGE_TIMES.remove(rows, &(before.conversation_id, id))?;
    MESSAGES.remove(rows, &(before.conversation_id, order_time, id))
}

/// Writes a message, new or changed.
pub(super) fn save(rows: &mut impl Sink, message: &Message) -> Result<()> {
    let (of, (order_time, id)) = (message.conversation_id, message.position());
    MESSAGES.put(rows, &(of, order_time, id), &MessageRecord::from(message))?;
    if !carries_its_time(message) {
        MESSAGE_TIMES.put(rows, &(of, id), &MessageTimeRecord { order_time })?;
    }
    Ok(())
}

pub(super) fn save_note(rows: &mut impl Sink, note: &Note) -> Result<()> {
    let key = (note.conversation_id, note.created_at, note.id);
    NOTES.put(rows, &key, &NoteRecord::from(note))
}

/// Every message of a conversation, oldest first.
pub(super) fn all(
    rows: &impl Read,
    conversation: ConversationId,
) -> Result<impl Iterator<Item = Result<Message>>> {
    Ok(decoded(MESSAGES.range(rows, &conversation)?, decode))
}

/// How many of a conversation's messages are from the contact. O(messages).
pub(super) fn count_inbound(rows: &impl Read, conversation: ConversationId) -> Result<u64> {
    all(rows, conversation)?.try_fold(0, |inbound, message| {
        Ok(inbound + u64::from(message?.is_from_contact()))
    })
}

/// The first of these conversations, until they have so many messages. O(these messages).
pub(super) fn first_of(
    rows: &impl Read,
    conversations: Vec<ConversationId>,
    messages: usize,
) -> Result<Vec<ConversationId>> {
    let (mut first, mut count) = (Vec::new(), 0);
    for conversation in conversations {
        if count >= messages {
            break;
        }
        first.push(conversation);
        for row in MESSAGES.range(rows, &conversation)?.take(messages - count) {
            row?;
            count += 1;
        }
    }
    Ok(first)
}

/// Removes all messages and notes of a conversation. O(messages and notes).
pub(super) fn remove_all(rows: &mut WriteTables<'_>, conversation: ConversationId) -> Result<()> {
    MESSAGES.remove_range(rows, &conversation)?;
    NOTES.remove_range(rows, &conversation)?;
    MESSAGE_TIMES.remove_range(rows, &conversation)
}

/// Puts all messages and notes of a conversation into another one of the same inbox, each at its place. An id
/// that the other one has too becomes the next free one. O(messages and notes).
pub(super) fn move_all(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    inbox: InboxNumber,
    (from, into): (ConversationId, ConversationId),
) -> Result<()> {
    let mut moved: Vec<_> = all(rows, from)?.collect::<Result<_>>()?;
    let notes = decoded(NOTES.range(rows, &from)?, decode_note);
    let notes: Vec<_> = notes.collect::<Result<_>>()?;
    remove_all(rows, from)?;
    let mut renamed = BTreeMap::new();
    for message in &mut moved {
        let id = message.id;
        while find(rows, into, message.id)?.is_some() {
            message.id = MessageId::from_raw(message.id.raw().wrapping_add(1));
        }
        if message.id != id {
            renamed.insert(id, message.id);
        }
        message.conversation_id = into;
        if let Some(extras) = &mut message.extras
            && let Some(id) = &extras.import_id
        {
            // It is unique in its conversation: the other one's stays.
            let [own, new] = [from, into]
                .map(|of| provider_ids::key(hashes, inbox, &ProviderId::of_import(of, id)));
            PROVIDER_IDS.remove(rows, &own)?;
            if PROVIDER_IDS.get(rows, &new)?.is_some() {
                extras.import_id = None;
            }
        }
        save(rows, message)?;
        provider_ids::save_message(rows, hashes, inbox, message)?;
    }
    for message in moved.iter_mut().filter(|_| !renamed.is_empty()) {
        let extras = message.extras.as_mut();
        let reference = extras.and_then(|extras| extras.reply_to.as_mut());
        let answered = reference.and_then(|reference| reference.message_id.as_mut());
        if let Some(answered) = answered
            && let Some(id) = renamed.get(answered)
        {
            *answered = *id;
            save(rows, message)?;
        }
    }
    let known = NOTES.range(rows, &into)?;
    let known = known.map(|row| Ok(NOTES.parse(&row?.0)?.2));
    let mut known: BTreeSet<NoteId> = known.collect::<Result<_>>()?;
    for mut note in notes {
        while !known.insert(note.id) {
            note.id = NoteId::from_raw(note.id.raw().wrapping_add(1));
        }
        note.conversation_id = into;
        save_note(rows, &note)?;
    }
    Ok(())
}

impl<R: Read> Reader<'_, R> {
    /// At most `limit` messages of a range as they are stored, from either end, in the order of reading.
    pub(crate) fn stored_messages(
        &self,
        conversation: ConversationId,
        range: &MessageRange,
        from: End,
        limit: usize,
    ) -> Result<Vec<Message>> {
        let key = |place: Bound<(u64, MessageId)>| {
            place.map(|(us, id)| MESSAGES.beginning(&(conversation, us, id)))
        };
        let first = MESSAGES.beginning(&conversation);
        let last = first.last();
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
        let mut found: Rows<'_> = self.rows.range(tables::MESSAGES, (start, end))?.into();
        // Most histories are short; a message is large to move.
        let mut messages = Vec::with_capacity(limit.min(16));
        let of = conversation.raw().to_be_bytes();
        while messages.len() < limit {
            let row = match from {
                End::Oldest => found.advance()?,
                End::Newest => found.advance_back()?,
            };
            match row {
                Some((key, bytes)) if key.first_chunk() == Some(&of) => {
                    messages.push(decode(key, bytes)?);
                }
                _ => break,
            }
        }
        Ok(messages)
    }

    /// At most `limit` notes behind one of them, or from the first, oldest first.
    pub(crate) fn notes(
        &self,
        conversation: ConversationId,
        after: Option<&Note>,
        limit: usize,
    ) -> Result<Vec<Note>> {
        let first = NOTES.beginning(&conversation);
        let after = after.map(|note| NOTES.key(&(conversation, note.created_at, note.id)));
        let start = match &after {
            Some(key) => Bound::Excluded(&key[..]),
            None => Bound::Included(&first[..]),
        };
        let rows = self
            .rows
            .range(tables::NOTES, (start, Bound::Included(&first.last())))?;
        decoded(rows, decode_note).take(limit).collect()
    }
}

/// The time of a note, by its id. That of a note which was imported or repaired may be another one than
/// the id carries. O(notes).
pub(super) fn note_time(
    rows: &impl Read,
    conversation: ConversationId,
    id: NoteId,
) -> Result<Option<DateTime<Utc>>> {
    for row in NOTES.range(rows, &conversation)? {
        let (_, created_at, found) = NOTES.parse(&row?.0)?;
        if found == id {
            return Ok(Some(created_at));
        }
    }
    Ok(None)
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

/// What `verify` checks of every message: that it can be read, and whether it is found by its id.
pub(super) fn check_message(rows: &impl Read, key: &[u8], bytes: &[u8]) -> Result<(Message, bool)> {
    let message = decode(key, bytes)?;
    let has_time = MESSAGE_TIMES.contains(rows, &(message.conversation_id, message.id))?;
    let found = has_time != carries_its_time(&message);
    Ok((message, found))
}
