//! Every key of the file: fixed width and big-endian, so that the order of bytes is the order of
//! what they mean; a part of any length stands last.
//!
//! Parsing is fallible, as a key comes from the disk.

use chrono::{DateTime, Utc};
use convodb_core::{
    AssigneeId, Channel, ConsumerName, ContactId, ConversationId, Error, HASH_LEN, Hex, MessageId,
    NoteId, Result, Status, time,
};

use crate::index::{POSITION_LEN, Position, Stream};

/// The first byte of each kind of row in the index.
pub(super) mod index_kind {
    /// `(status, channel)` streams.
    pub(in super::super) const BY_STATE: u8 = 0x01;
    /// `(bucket, status, channel)` streams.
    pub(in super::super) const BY_ASSIGNEE: u8 = 0x02;
    // 0x03 is reserved for streams by status alone.
    /// The streams of `BY_STATE` again, with the unread conversations alone.
    pub(in super::super) const UNREAD_BY_STATE: u8 = 0x04;
    /// The streams of `BY_ASSIGNEE` again, with the unread conversations alone.
    pub(in super::super) const UNREAD_BY_ASSIGNEE: u8 = 0x05;
    /// The number of rows of each stream.
    pub(in super::super) const TOTALS: u8 = 0x10;
    /// The counts above the rows of each stream.
    pub(in super::super) const RANKS: u8 = 0x11;
}

/// The first byte of each kind of row in the catalog.
pub(super) mod catalog_kind {
    pub(in super::super) const META: u8 = 0x01;
    pub(in super::super) const DIRECTORY: u8 = 0x02;
    pub(in super::super) const THREADS: u8 = 0x03;
    pub(in super::super) const MESSAGE_TIMES: u8 = 0x04;
    pub(in super::super) const PROVIDER_IDS: u8 = 0x05;
    pub(in super::super) const PARKED: u8 = 0x06;
    pub(in super::super) const COMMANDS: u8 = 0x07;
    pub(in super::super) const COMMAND_TIMES: u8 = 0x08;
    pub(in super::super) const CONSUMERS: u8 = 0x09;
    pub(in super::super) const MOVED: u8 = 0x0A;
}

/// The first byte of each kind of row among the events.
pub(super) mod event_kind {
    /// Every event, by its number.
    pub(in super::super) const EVENTS: u8 = 0x01;
    /// Those that the history of a conversation keeps.
    pub(in super::super) const HISTORIES: u8 = 0x02;
}

/// The bucket of conversations that are assigned to nobody.
pub(super) const UNASSIGNED: u32 = 0;

fn bad_key(table: &'static str, key: &[u8]) -> Error {
    Error::corrupted(format!("a key of `{table}` is malformed: {}", Hex(key)))
}

fn micros(time: DateTime<Utc>) -> [u8; 8] {
    // Times lie between 1970 and 9999 (R7), so they are never negative.
    time.timestamp_micros().cast_unsigned().to_be_bytes()
}

fn time_of(bytes: [u8; 8]) -> Option<DateTime<Utc>> {
    time::from_micros(u64::from_be_bytes(bytes).cast_signed())
}

/// `conversation`
pub(super) fn conversation(id: ConversationId) -> [u8; 16] {
    id.raw().to_be_bytes()
}

pub(super) fn parse_conversation(key: &[u8]) -> Result<ConversationId> {
    let raw = key.try_into().map_err(|_| bad_key("conversations", key))?;
    Ok(ConversationId::from_raw(u128::from_be_bytes(raw)))
}

pub(super) const EVENT_LEN: usize = 16 + 8 + 16;

fn within(conversation: ConversationId, at: [u8; 8], id: u128) -> [u8; EVENT_LEN] {
    let mut key = [0; EVENT_LEN];
    let (head, rest) = key.split_at_mut(16);
    let (time, tail) = rest.split_at_mut(8);
    head.copy_from_slice(&conversation.raw().to_be_bytes());
    time.copy_from_slice(&at);
    tail.copy_from_slice(&id.to_be_bytes());
    key
}

fn parse_within(key: &[u8]) -> Option<(ConversationId, DateTime<Utc>, u128)> {
    let (conversation, rest) = key.split_first_chunk()?;
    let (time, rest) = rest.split_first_chunk()?;
    Some((
        ConversationId::from_raw(u128::from_be_bytes(*conversation)),
        time_of(*time)?,
        u128::from_be_bytes(rest.try_into().ok()?),
    ))
}

/// `conversation, created_us, message`
pub(super) fn message(
    conversation: ConversationId,
    created_at: DateTime<Utc>,
    message: MessageId,
) -> [u8; EVENT_LEN] {
    within(conversation, micros(created_at), message.raw())
}

/// The same of a time that no message need have.
pub(super) fn message_at(
    conversation: ConversationId,
    created_us: u64,
    message: MessageId,
) -> [u8; EVENT_LEN] {
    within(conversation, created_us.to_be_bytes(), message.raw())
}

pub(super) fn parse_message(key: &[u8]) -> Result<(ConversationId, DateTime<Utc>, MessageId)> {
    parse_within(key)
        .map(|(conversation, time, id)| (conversation, time, MessageId::from_raw(id)))
        .ok_or_else(|| bad_key("messages", key))
}

/// The least and the greatest key of what a conversation's key can begin.
pub(super) fn of_conversation(conversation: ConversationId) -> ([u8; EVENT_LEN], [u8; EVENT_LEN]) {
    (
        within(conversation, [0; 8], 0),
        within(conversation, [0xFF; 8], u128::MAX),
    )
}

/// Whether a key is that of a message or note of a conversation.
pub(super) fn is_within(conversation: ConversationId, key: &[u8]) -> bool {
    key.first_chunk() == Some(&conversation.raw().to_be_bytes())
}

/// The least and the greatest key of a conversation's messages in the millisecond of an id; none
/// for an id whose millisecond no message can have.
pub(super) fn of_millisecond(
    conversation: ConversationId,
    id: MessageId,
) -> Option<([u8; EVENT_LEN], [u8; EVENT_LEN])> {
    let first = id.timestamp_ms().checked_mul(1_000)?;
    let last = first.checked_add(999)?;
    Some((
        within(conversation, first.to_be_bytes(), 0),
        within(conversation, last.to_be_bytes(), u128::MAX),
    ))
}

/// `conversation, created_us, note`
pub(super) fn note(
    conversation: ConversationId,
    created_at: DateTime<Utc>,
    note: NoteId,
) -> [u8; EVENT_LEN] {
    within(conversation, micros(created_at), note.raw())
}

pub(super) fn parse_note(key: &[u8]) -> Result<(ConversationId, DateTime<Utc>, NoteId)> {
    parse_within(key)
        .map(|(conversation, time, id)| (conversation, time, NoteId::from_raw(id)))
        .ok_or_else(|| bad_key("notes", key))
}

/// `conversation, message`: the time of a message whose id carries another millisecond.
pub(super) fn message_time(conversation: ConversationId, message: MessageId) -> [u8; 33] {
    let mut key = [catalog_kind::MESSAGE_TIMES; 33];
    let (_, rest) = key.split_at_mut(1);
    let (head, tail) = rest.split_at_mut(16);
    head.copy_from_slice(&conversation.raw().to_be_bytes());
    tail.copy_from_slice(&message.raw().to_be_bytes());
    key
}

pub(super) fn parse_message_time(key: &[u8]) -> Result<(ConversationId, MessageId)> {
    let parse = || {
        let rest = key.strip_prefix(&[catalog_kind::MESSAGE_TIMES])?;
        let (conversation, rest) = rest.split_first_chunk()?;
        let message = u128::from_be_bytes(rest.try_into().ok()?);
        let conversation = u128::from_be_bytes(*conversation);
        Some((
            ConversationId::from_raw(conversation),
            MessageId::from_raw(message),
        ))
    };
    parse().ok_or_else(|| bad_key("catalog", key))
}

pub(super) const HASHED_LEN: usize = 2 + HASH_LEN;

fn hashed(kind: u8, channel: Channel, hash: &[u8; HASH_LEN]) -> [u8; HASHED_LEN] {
    let mut key = [0; HASHED_LEN];
    let (head, tail) = key.split_at_mut(2);
    head.copy_from_slice(&[kind, channel.code()]);
    tail.copy_from_slice(hash);
    key
}

/// `channel, hash`
pub(super) fn provider_id(channel: Channel, hash: &[u8; HASH_LEN]) -> [u8; HASHED_LEN] {
    hashed(catalog_kind::PROVIDER_IDS, channel, hash)
}

/// `channel, hash`
pub(super) fn parked(channel: Channel, hash: &[u8; HASH_LEN]) -> [u8; HASHED_LEN] {
    hashed(catalog_kind::PARKED, channel, hash)
}

/// `hash`
pub(super) fn command(hash: &[u8; HASH_LEN]) -> [u8; 1 + HASH_LEN] {
    let mut key = [catalog_kind::COMMANDS; 1 + HASH_LEN];
    let (_, tail) = key.split_at_mut(1);
    tail.copy_from_slice(hash);
    key
}

/// `time, hash`
pub(super) fn command_time(at: DateTime<Utc>, hash: &[u8; HASH_LEN]) -> [u8; 1 + 8 + HASH_LEN] {
    let mut key = [catalog_kind::COMMAND_TIMES; 1 + 8 + HASH_LEN];
    let (_, rest) = key.split_at_mut(1);
    let (time, tail) = rest.split_at_mut(8);
    time.copy_from_slice(&micros(at));
    tail.copy_from_slice(hash);
    key
}

pub(super) fn parse_command(key: &[u8]) -> Result<[u8; HASH_LEN]> {
    let hash = key.strip_prefix(&[catalog_kind::COMMANDS]);
    hash.and_then(|hash| hash.try_into().ok())
        .ok_or_else(|| bad_key("catalog", key))
}

pub(super) fn parse_command_time(key: &[u8]) -> Result<(DateTime<Utc>, [u8; HASH_LEN])> {
    let parse = || {
        let rest = key.strip_prefix(&[catalog_kind::COMMAND_TIMES])?;
        let (time, hash) = rest.split_first_chunk()?;
        Some((time_of(*time)?, hash.try_into().ok()?))
    };
    parse().ok_or_else(|| bad_key("catalog", key))
}

/// The hash of a provider's id, and its channel.
pub(super) fn parse_hashed(key: &[u8]) -> Result<(Channel, [u8; HASH_LEN])> {
    let parse = || {
        let ([_, channel], hash) = key.split_first_chunk()?;
        Some((Channel::of_code(*channel)?, hash.try_into().ok()?))
    };
    parse().ok_or_else(|| bad_key("catalog", key))
}

pub(super) const NUMBER_LEN: usize = 1 + 8;
pub(super) const HISTORY_LEN: usize = 1 + 16 + 8;

/// `sequence`
pub(super) fn event(sequence: u64) -> [u8; NUMBER_LEN] {
    let mut key = [event_kind::EVENTS; NUMBER_LEN];
    let (_, tail) = key.split_at_mut(1);
    tail.copy_from_slice(&sequence.to_be_bytes());
    key
}

pub(super) fn parse_event(key: &[u8]) -> Result<u64> {
    let parse = || {
        let rest = key.strip_prefix(&[event_kind::EVENTS])?;
        Some(u64::from_be_bytes(rest.try_into().ok()?))
    };
    parse().ok_or_else(|| bad_key("events", key))
}

/// `conversation, sequence`
pub(super) fn history(conversation: ConversationId, sequence: u64) -> [u8; HISTORY_LEN] {
    let mut key = [event_kind::HISTORIES; HISTORY_LEN];
    let (_, rest) = key.split_at_mut(1);
    let (head, tail) = rest.split_at_mut(16);
    head.copy_from_slice(&conversation.raw().to_be_bytes());
    tail.copy_from_slice(&sequence.to_be_bytes());
    key
}

pub(super) fn parse_history(key: &[u8]) -> Result<(ConversationId, u64)> {
    let parse = || {
        let rest = key.strip_prefix(&[event_kind::HISTORIES])?;
        let (conversation, rest) = rest.split_first_chunk()?;
        let sequence = u64::from_be_bytes(rest.try_into().ok()?);
        let conversation = u128::from_be_bytes(*conversation);
        Some((ConversationId::from_raw(conversation), sequence))
    };
    parse().ok_or_else(|| bad_key("events", key))
}

/// The least and the greatest key of a conversation's history.
pub(super) fn of_history(conversation: ConversationId) -> ([u8; HISTORY_LEN], [u8; HISTORY_LEN]) {
    (history(conversation, 0), history(conversation, u64::MAX))
}

/// `consumer`
pub(super) fn consumer(name: &ConsumerName) -> Vec<u8> {
    let mut key = vec![catalog_kind::CONSUMERS];
    key.extend_from_slice(name.as_str().as_bytes());
    key
}

pub(super) fn parse_consumer(key: &[u8]) -> Result<ConsumerName> {
    let parse = || {
        let text = key.strip_prefix(&[catalog_kind::CONSUMERS])?;
        ConsumerName::new(std::str::from_utf8(text).ok()?).ok()
    };
    parse().ok_or_else(|| bad_key("catalog", key))
}

/// `channel, contact`
pub(super) fn thread(channel: Channel, contact: &ContactId) -> Vec<u8> {
    let mut key = vec![catalog_kind::THREADS, channel.code()];
    key.extend_from_slice(contact.as_str().as_bytes());
    key
}

/// `assignee`
pub(super) fn directory(assignee: &AssigneeId) -> Vec<u8> {
    let mut key = vec![catalog_kind::DIRECTORY];
    key.extend_from_slice(assignee.as_str().as_bytes());
    key
}

/// `bucket`
pub(super) fn moved(bucket: u32) -> [u8; 1 + 4] {
    let mut key = [catalog_kind::MOVED; 1 + 4];
    let (_, tail) = key.split_at_mut(1);
    tail.copy_from_slice(&bucket.to_be_bytes());
    key
}

pub(super) fn parse_moved(key: &[u8]) -> Result<u32> {
    let bucket = key.strip_prefix(&[catalog_kind::MOVED]);
    bucket
        .and_then(|bucket| bucket.try_into().ok())
        .map(u32::from_be_bytes)
        .ok_or_else(|| bad_key("catalog", key))
}

/// `name`
pub(super) fn meta(name: &str) -> Vec<u8> {
    let mut key = vec![catalog_kind::META];
    key.extend_from_slice(name.as_bytes());
    key
}

/// Where a conversation stands in its streams: complemented, so that ascending keys are the list's
/// descending order (R12).
pub(super) fn position(updated_at: DateTime<Utc>, id: ConversationId) -> Position {
    let mut position = [0; POSITION_LEN];
    let (time, tail) = position.split_at_mut(8);
    time.copy_from_slice(&(!updated_at.timestamp_micros().cast_unsigned()).to_be_bytes());
    tail.copy_from_slice(&(!id.raw()).to_be_bytes());
    position
}

/// What a stream's prefix says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamKey {
    /// Whether only unread conversations stand in it.
    pub(super) unread: bool,
    /// The bucket, where the stream is an assignee's.
    pub(super) bucket: Option<u32>,
    pub(super) status: Status,
    pub(super) channel: Channel,
}

impl StreamKey {
    /// The stream of a status and channel.
    pub(super) const fn by_state(status: Status, channel: Channel) -> Self {
        Self {
            unread: false,
            bucket: None,
            status,
            channel,
        }
    }

    /// The streams of a bucket, in the order of their keys.
    pub(super) fn of_bucket(bucket: u32) -> impl Iterator<Item = Self> {
        Status::ALL.into_iter().flat_map(move |status| {
            let stream = move |channel| Self::by_assignee(bucket, status, channel);
            Channel::ALL.into_iter().map(stream)
        })
    }

    /// The stream of a bucket, status and channel.
    pub(super) const fn by_assignee(bucket: u32, status: Status, channel: Channel) -> Self {
        Self {
            unread: false,
            bucket: Some(bucket),
            status,
            channel,
        }
    }

    /// The same stream with the unread conversations alone.
    pub(super) const fn of_unread(self) -> Self {
        Self {
            unread: true,
            ..self
        }
    }

    pub(super) fn stream(self) -> Stream {
        use index_kind::{BY_ASSIGNEE, BY_STATE, UNREAD_BY_ASSIGNEE, UNREAD_BY_STATE};
        let (by_state, by_assignee) = if self.unread {
            (UNREAD_BY_STATE, UNREAD_BY_ASSIGNEE)
        } else {
            (BY_STATE, BY_ASSIGNEE)
        };
        let (status, channel) = (self.status.code(), self.channel.code());
        match self.bucket {
            None => Stream::new(&[by_state, status, channel]),
            Some(bucket) => {
                let [b0, b1, b2, b3] = bucket.to_be_bytes();
                Stream::new(&[by_assignee, b0, b1, b2, b3, status, channel])
            }
        }
    }
}

pub(super) fn parse_stream(prefix: &[u8]) -> Option<StreamKey> {
    use index_kind::{BY_ASSIGNEE, BY_STATE, UNREAD_BY_ASSIGNEE, UNREAD_BY_STATE};
    let (kind, bucket, status, channel) = match prefix {
        [kind @ (BY_STATE | UNREAD_BY_STATE), status, channel] => (kind, None, status, channel),
        [
            kind @ (BY_ASSIGNEE | UNREAD_BY_ASSIGNEE),
            b0,
            b1,
            b2,
            b3,
            status,
            channel,
        ] => {
            let bucket = u32::from_be_bytes([*b0, *b1, *b2, *b3]);
            (kind, Some(bucket), status, channel)
        }
        _ => return None,
    };
    Some(StreamKey {
        unread: matches!(*kind, UNREAD_BY_STATE | UNREAD_BY_ASSIGNEE),
        bucket,
        status: Status::of_code(*status)?,
        channel: Channel::of_code(*channel)?,
    })
}

/// A row of the index: its stream, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexKey {
    pub(super) stream: StreamKey,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) id: ConversationId,
}

pub(super) fn parse_index(key: &[u8]) -> Result<IndexKey> {
    let parse = || {
        let (prefix, position) = key.split_last_chunk::<POSITION_LEN>()?;
        let (time, id) = position.split_first_chunk()?;
        Some(IndexKey {
            stream: parse_stream(prefix)?,
            updated_at: time::from_micros((!u64::from_be_bytes(*time)).cast_signed())?,
            id: ConversationId::from_raw(!u128::from_be_bytes(id.try_into().ok()?)),
        })
    };
    parse().ok_or_else(|| bad_key("index", key))
}
