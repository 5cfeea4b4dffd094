//! Every key of the file: fixed width and big-endian, so that the order of bytes is the order of
//! what they mean; a part of variable length is last.
//!
//! Parsing is fallible, as a key comes from the disk.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::{
    AssigneeId, Channel, ConsumerName, ContactId, ConversationId, Error, EventSeq, Hex,
    InboxNumber, MessageId, NoteId, Result, Status, time,
};

use super::tables;
use crate::index::{POSITION_LEN, Position, Stream};
use crate::kv::{KeyRange, Table};
pub(super) use convodb_core::HASH_LEN;

/// The first byte of each kind of row in the index.
pub(super) mod index_kind {
    /// `(status, inbox)` partitions.
    pub(in super::super) const BY_STATE: u8 = 0x01;
    /// `(owner, status, inbox)` partitions.
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
    pub(in super::super) const UNMATCHED: u8 = 0x06;
    pub(in super::super) const COMMANDS: u8 = 0x07;
    pub(in super::super) const COMMAND_TIMES: u8 = 0x08;
    pub(in super::super) const CONSUMERS: u8 = 0x09;
    pub(in super::super) const REDIRECTS: u8 = 0x0A;
}

/// The first byte of each kind of row among the events.
pub(super) mod event_kind {
    /// Every event, by its number.
    pub(in super::super) const EVENTS: u8 = 0x01;
    /// Those that the audit log of a conversation keeps.
    pub(in super::super) const AUDIT_LOGS: u8 = 0x02;
}

/// The number of the owner of unassigned conversations.
pub(super) const UNASSIGNED: u32 = 0;

/// The rows of one kind in a table.
pub(super) const fn of_kind<const KIND: u8>() -> KeyRange<'static> {
    (
        Bound::Included(const { &[KIND] }),
        Bound::Excluded(const { &[KIND + 1] }),
    )
}

pub(super) const fn status_code(status: Status) -> u8 {
    match status {
        Status::Open => 0,
        Status::Resolved => 1,
    }
}

fn status_of(code: u8) -> Option<Status> {
    let mut all = Status::ALL.into_iter();
    all.find(|status| status_code(*status) == code)
}

/// The range from the least to the greatest of the keys that something has.
pub(super) fn inclusive<const N: usize>((first, last): &([u8; N], [u8; N])) -> KeyRange<'_> {
    (Bound::Included(first), Bound::Included(last))
}

/// A key of two parts.
#[inline]
fn join<const A: usize, const B: usize, const N: usize>(head: [u8; A], tail: [u8; B]) -> [u8; N] {
    const { assert!(A + B == N) }
    let mut key = [0; N];
    let (first, second) = key.split_at_mut(A);
    first.copy_from_slice(&head);
    second.copy_from_slice(&tail);
    key
}

/// The parts of a key that are not read yet.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn id(&mut self) -> Option<u128> {
        self.array().map(u128::from_be_bytes)
    }

    fn conversation(&mut self) -> Option<ConversationId> {
        self.id().map(ConversationId::from_raw)
    }

    fn time(&mut self) -> Option<DateTime<Utc>> {
        time::from_micros(u64::from_be_bytes(self.array()?).cast_signed())
    }

    fn event(&mut self) -> Option<EventSeq> {
        self.array().map(u64::from_be_bytes).map(EventSeq::new)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(std::mem::take(&mut self.0)).ok()
    }
}

/// Reads a key that begins with a prefix, to its end.
#[inline]
fn parse<'a, T>(
    table: Table,
    prefix: &[u8],
    key: &'a [u8],
    read: impl FnOnce(&mut Parts<'a>) -> Option<T>,
) -> Result<T> {
    let read = || {
        let mut parts = Parts(key.strip_prefix(prefix)?);
        let value = read(&mut parts)?;
        parts.0.is_empty().then_some(value)
    };
    read().ok_or_else(|| malformed(table, key))
}

fn malformed(table: Table, key: &[u8]) -> Error {
    let (name, key) = (table.name, Hex(key));
    Error::corrupted(format!("a key of `{name}` is malformed: {key}"))
}

fn micros(time: DateTime<Utc>) -> [u8; 8] {
    // Times are between 1970 and 9999, so they are never negative.
    time.timestamp_micros().cast_unsigned().to_be_bytes()
}

/// `conversation`
pub(super) fn conversation(id: ConversationId) -> [u8; 16] {
    id.raw().to_be_bytes()
}

pub(super) fn parse_conversation(key: &[u8]) -> Result<ConversationId> {
    parse(tables::CONVERSATIONS, &[], key, Parts::conversation)
}

pub(super) const EVENT_LEN: usize = 16 + 8 + 16;

#[inline]
fn within(of: ConversationId, at: [u8; 8], id: u128) -> [u8; EVENT_LEN] {
    join(conversation(of), join::<8, 16, 24>(at, id.to_be_bytes()))
}

#[inline]
fn parse_within(table: Table, key: &[u8]) -> Result<(ConversationId, DateTime<Utc>, u128)> {
    parse(table, &[], key, |parts| {
        Some((parts.conversation()?, parts.time()?, parts.id()?))
    })
}

/// `conversation, created_us, message`
pub(super) fn message(of: ConversationId, at: DateTime<Utc>, id: MessageId) -> [u8; EVENT_LEN] {
    within(of, micros(at), id.raw())
}

/// The same of a time that no message need have.
pub(super) fn message_at(of: ConversationId, created_us: u64, id: MessageId) -> [u8; EVENT_LEN] {
    within(of, created_us.to_be_bytes(), id.raw())
}

#[inline]
pub(super) fn parse_message(key: &[u8]) -> Result<(ConversationId, DateTime<Utc>, MessageId)> {
    let (of, at, id) = parse_within(tables::MESSAGES, key)?;
    Ok((of, at, MessageId::from_raw(id)))
}

/// The least and the greatest key of what a conversation's key can begin.
pub(super) fn of_conversation(id: ConversationId) -> ([u8; EVENT_LEN], [u8; EVENT_LEN]) {
    (within(id, [0; 8], 0), within(id, [0xFF; 8], u128::MAX))
}

/// Whether a key is that of a message or note of a conversation.
pub(super) fn is_within(id: ConversationId, key: &[u8]) -> bool {
    key.first_chunk() == Some(&conversation(id))
}

/// The least and the greatest key of a conversation's messages in the millisecond of an id; none
/// for an id whose millisecond no message can have.
pub(super) fn of_millisecond(
    of: ConversationId,
    id: MessageId,
) -> Option<([u8; EVENT_LEN], [u8; EVENT_LEN])> {
    let first = id.timestamp_ms().checked_mul(1_000)?;
    let last = first.checked_add(999)?;
    Some((
        within(of, first.to_be_bytes(), 0),
        within(of, last.to_be_bytes(), u128::MAX),
    ))
}

/// `conversation, created_us, note`
pub(super) fn note(of: ConversationId, at: DateTime<Utc>, id: NoteId) -> [u8; EVENT_LEN] {
    within(of, micros(at), id.raw())
}

pub(super) fn parse_note(key: &[u8]) -> Result<(ConversationId, DateTime<Utc>, NoteId)> {
    let (of, at, id) = parse_within(tables::NOTES, key)?;
    Ok((of, at, NoteId::from_raw(id)))
}

/// `conversation, message`: the time of a message whose id carries another millisecond.
pub(super) fn message_time(of: ConversationId, id: MessageId) -> [u8; 33] {
    let ids: [u8; 32] = join(conversation(of), id.raw().to_be_bytes());
    join([catalog_kind::MESSAGE_TIMES], ids)
}

pub(super) fn parse_message_time(key: &[u8]) -> Result<(ConversationId, MessageId)> {
    parse(
        tables::CATALOG,
        &[catalog_kind::MESSAGE_TIMES],
        key,
        |parts| Some((parts.conversation()?, MessageId::from_raw(parts.id()?))),
    )
}

pub(super) const HASHED_LEN: usize = 1 + 4 + HASH_LEN;

fn hashed(kind: u8, inbox: InboxNumber, hash: &[u8; HASH_LEN]) -> [u8; HASHED_LEN] {
    let head: [u8; 5] = join([kind], inbox.get().to_be_bytes());
    join(head, *hash)
}

/// `inbox, hash`
pub(super) fn provider_id(inbox: InboxNumber, hash: &[u8; HASH_LEN]) -> [u8; HASHED_LEN] {
    hashed(catalog_kind::PROVIDER_IDS, inbox, hash)
}

/// `inbox, hash`
pub(super) fn unmatched(inbox: InboxNumber, hash: &[u8; HASH_LEN]) -> [u8; HASHED_LEN] {
    hashed(catalog_kind::UNMATCHED, inbox, hash)
}

/// The inbox and the hash of a provider's id.
pub(super) fn parse_hashed(key: &[u8]) -> Result<(InboxNumber, [u8; HASH_LEN])> {
    parse(tables::CATALOG, &[], key, |parts| {
        let [_, inbox @ ..]: [u8; 5] = parts.array()?;
        let inbox = InboxNumber::new(u32::from_be_bytes(inbox));
        Some((inbox, parts.array()?))
    })
}

/// `hash`
pub(super) fn command(hash: &[u8; HASH_LEN]) -> [u8; 1 + HASH_LEN] {
    join([catalog_kind::COMMANDS], *hash)
}

pub(super) fn parse_command(key: &[u8]) -> Result<[u8; HASH_LEN]> {
    parse(
        tables::CATALOG,
        &[catalog_kind::COMMANDS],
        key,
        Parts::array,
    )
}

/// `time, hash`
pub(super) fn command_time(at: DateTime<Utc>, hash: &[u8; HASH_LEN]) -> [u8; 9 + HASH_LEN] {
    let head: [u8; 9] = join([catalog_kind::COMMAND_TIMES], micros(at));
    join(head, *hash)
}

pub(super) fn parse_command_time(key: &[u8]) -> Result<(DateTime<Utc>, [u8; HASH_LEN])> {
    parse(
        tables::CATALOG,
        &[catalog_kind::COMMAND_TIMES],
        key,
        |parts| Some((parts.time()?, parts.array()?)),
    )
}

pub(super) const NUMBER_LEN: usize = 1 + 8;
pub(super) const AUDIT_LEN: usize = 1 + 16 + 8;

/// `event`
pub(super) fn event(seq: EventSeq) -> [u8; NUMBER_LEN] {
    join([event_kind::EVENTS], seq.get().to_be_bytes())
}

pub(super) fn parse_event(key: &[u8]) -> Result<EventSeq> {
    parse(tables::EVENTS, &[event_kind::EVENTS], key, Parts::event)
}

/// `conversation, event`
pub(super) fn audit_log(of: ConversationId, seq: EventSeq) -> [u8; AUDIT_LEN] {
    let head: [u8; 17] = join([event_kind::AUDIT_LOGS], conversation(of));
    join(head, seq.get().to_be_bytes())
}

pub(super) fn parse_audit_log(key: &[u8]) -> Result<(ConversationId, EventSeq)> {
    parse(tables::EVENTS, &[event_kind::AUDIT_LOGS], key, |parts| {
        Some((parts.conversation()?, parts.event()?))
    })
}

/// The least and the greatest key of a conversation's audit log.
pub(super) fn of_audit_log(id: ConversationId) -> ([u8; AUDIT_LEN], [u8; AUDIT_LEN]) {
    (
        audit_log(id, EventSeq::ZERO),
        audit_log(id, EventSeq::new(u64::MAX)),
    )
}

fn text(kind: u8, text: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + text.len());
    key.push(kind);
    key.extend_from_slice(text.as_bytes());
    key
}

/// `consumer`
pub(super) fn consumer(name: &ConsumerName) -> Vec<u8> {
    text(catalog_kind::CONSUMERS, name.as_str())
}

pub(super) fn parse_consumer(key: &[u8]) -> Result<ConsumerName> {
    parse(tables::CATALOG, &[catalog_kind::CONSUMERS], key, |parts| {
        ConsumerName::new(parts.text()?).ok()
    })
}

/// `inbox, contact`
pub(super) fn thread(inbox: InboxNumber, contact: &ContactId) -> Vec<u8> {
    let contact = contact.as_bytes();
    let mut key = Vec::with_capacity(1 + 4 + contact.len());
    key.push(catalog_kind::THREADS);
    key.extend_from_slice(&inbox.get().to_be_bytes());
    key.extend_from_slice(contact);
    key
}

/// `assignee`
pub(super) fn directory(assignee: &AssigneeId) -> Vec<u8> {
    text(catalog_kind::DIRECTORY, assignee.as_str())
}

pub(super) fn parse_directory(key: &[u8]) -> Result<AssigneeId> {
    parse(tables::CATALOG, &[catalog_kind::DIRECTORY], key, |parts| {
        AssigneeId::new(parts.text()?).ok()
    })
}

/// `owner`
pub(super) fn redirect(owner: u32) -> [u8; 1 + 4] {
    join([catalog_kind::REDIRECTS], owner.to_be_bytes())
}

pub(super) fn parse_redirect(key: &[u8]) -> Result<u32> {
    parse(tables::CATALOG, &[catalog_kind::REDIRECTS], key, |parts| {
        parts.array().map(u32::from_be_bytes)
    })
}

/// `name`
pub(super) fn meta(name: &str) -> Vec<u8> {
    text(catalog_kind::META, name)
}

/// The position of a conversation in its streams: complemented, so that ascending keys are the list's
/// descending order.
pub(super) fn position(updated_at: DateTime<Utc>, id: ConversationId) -> Position {
    let time = !updated_at.timestamp_micros().cast_unsigned();
    join(time.to_be_bytes(), (!id.raw()).to_be_bytes())
}

/// What a stream's prefix says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamKey {
    /// Whether only unread conversations are in it.
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
            bucket: Some(bucket),
            ..Self::by_state(status, channel)
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
        let status = status_code(self.status);
        let [i0, i1, i2, i3] = InboxNumber::from(self.channel).get().to_be_bytes();
        match self.bucket {
            None => Stream::new(&[by_state, status, i0, i1, i2, i3]),
            Some(bucket) => {
                let [b0, b1, b2, b3] = bucket.to_be_bytes();
                Stream::new(&[by_assignee, b0, b1, b2, b3, status, i0, i1, i2, i3])
            }
        }
    }
}

pub(super) fn parse_stream(prefix: &[u8]) -> Option<StreamKey> {
    use index_kind::{BY_ASSIGNEE, BY_STATE, UNREAD_BY_ASSIGNEE, UNREAD_BY_STATE};
    let (prefix, inbox) = prefix.split_last_chunk()?;
    let (kind, bucket, status) = match prefix {
        [kind @ (BY_STATE | UNREAD_BY_STATE), status] => (kind, None, status),
        [
            kind @ (BY_ASSIGNEE | UNREAD_BY_ASSIGNEE),
            b0,
            b1,
            b2,
            b3,
            status,
        ] => {
            let bucket = u32::from_be_bytes([*b0, *b1, *b2, *b3]);
            (kind, Some(bucket), status)
        }
        _ => return None,
    };
    Some(StreamKey {
        unread: matches!(*kind, UNREAD_BY_STATE | UNREAD_BY_ASSIGNEE),
        bucket,
        status: status_of(*status)?,
        channel: InboxNumber::new(u32::from_be_bytes(*inbox)).channel()?,
    })
}

/// A row of the index: its stream and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexKey {
    pub(super) stream: StreamKey,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) id: ConversationId,
}

pub(super) fn parse_index(key: &[u8]) -> Result<IndexKey> {
    let read = || {
        let (prefix, position) = key.split_last_chunk::<POSITION_LEN>()?;
        let mut position = Parts(position);
        let micros = !u64::from_be_bytes(position.array()?);
        Some(IndexKey {
            stream: parse_stream(prefix)?,
            updated_at: time::from_micros(micros.cast_signed())?,
            id: ConversationId::from_raw(!position.id()?),
        })
    };
    read().ok_or_else(|| malformed(tables::INDEX, key))
}
