//! Keys: their parts are big-endian and of fixed width, so that the order of bytes is the order of
//! what they mean; a part of variable length is last.
//!
//! Parsing is fallible, as a key comes from the disk.

use chrono::{DateTime, Utc};
use convodb_core::directory::placement::{self, Partition};
use convodb_core::{
    AssigneeId, Channel, ConsumerName, ContactId, ConversationId, Error, EventSeq, HASH_LEN, Hex,
    Identity, ImportName, InboxId, InboxNumber, MessageId, NoteId, Result, Standing, ViewId, time,
};

use super::tables;
use crate::index::{self, POSITION_LEN, Stream};
use convodb_kv::Table;

/// A kind, the id of a contact with its end, and an inbox.
const MAX_KEY_LEN: usize = 1 + 256 + 1 + 4;

pub(super) type Key = index::Key<MAX_KEY_LEN>;

/// The first byte of each kind of row in the index.
pub(super) mod index_kind {
    /// `(status, inbox)` partitions.
    pub(in super::super) const BY_STATE: u8 = 0x01;
    /// `(owner, status, inbox)` partitions.
    pub(in super::super) const BY_ASSIGNEE: u8 = 0x02;
    /// The streams of `BY_STATE` again, with the unread conversations alone.
    pub(in super::super) const UNREAD_BY_STATE: u8 = 0x04;
    /// The streams of `BY_ASSIGNEE` again, with the unread conversations alone.
    pub(in super::super) const UNREAD_BY_ASSIGNEE: u8 = 0x05;
    /// The lists of saved views.
    pub(in super::super) const LISTS: u8 = 0x06;
    /// The number of rows of each stream.
    pub(in super::super) const TOTALS: u8 = 0x10;
    /// The counts above the rows of each stream.
    pub(in super::super) const RANKS: u8 = 0x11;
    /// The number of rows of each union, by their classes.
    pub(in super::super) const UNION_TOTALS: u8 = 0x12;
    /// The counts above the rows of each union.
    pub(in super::super) const UNION_RANKS: u8 = 0x13;
}

/// What a key says, or a part of it.
pub(super) trait Part: Sized {
    fn put(&self, key: &mut Key);
    /// Takes it from what is left of a key.
    fn take(rest: &mut &[u8]) -> Option<Self>;
}

impl Part for () {
    fn put(&self, _: &mut Key) {}

    fn take(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl<A: Part, B: Part> Part for (A, B) {
    #[inline]
    fn put(&self, key: &mut Key) {
        self.0.put(key);
        self.1.put(key);
    }

    #[inline]
    fn take(rest: &mut &[u8]) -> Option<Self> {
        Some((A::take(rest)?, B::take(rest)?))
    }
}

impl<A: Part, B: Part, C: Part> Part for (A, B, C) {
    #[inline]
    fn put(&self, key: &mut Key) {
        self.0.put(key);
        self.1.put(key);
        self.2.put(key);
    }

    #[inline]
    fn take(rest: &mut &[u8]) -> Option<Self> {
        Some((A::take(rest)?, B::take(rest)?, C::take(rest)?))
    }
}

impl<const N: usize> Part for [u8; N] {
    #[inline]
    fn put(&self, key: &mut Key) {
        key.push(self);
    }

    #[inline]
    fn take(rest: &mut &[u8]) -> Option<Self> {
        let (array, behind) = rest.split_first_chunk()?;
        *rest = behind;
        Some(*array)
    }
}

/// Parts that are numbers in a key, with what makes a number of each and what reads one.
macro_rules! numbers {
    ($($part:ty: $number:ty = $put:expr, $take:expr;)+) => {$(
        impl Part for $part {
            #[inline]
            fn put(&self, key: &mut Key) {
                let number: fn($part) -> $number = $put;
                key.push(&number(*self).to_be_bytes());
            }

            #[inline]
            fn take(rest: &mut &[u8]) -> Option<Self> {
                let part: fn($number) -> Option<$part> = $take;
                part(<$number>::from_be_bytes(Part::take(rest)?))
            }
        }
    )+};
}

numbers! {
    u32: u32 = |number| number, Some;
    u64: u64 = |number| number, Some;
    InboxNumber: u32 = InboxNumber::get, |number| Some(InboxNumber::new(number));
    EventSeq: u64 = EventSeq::get, |number| Some(EventSeq::new(number));
    ConversationId: u128 = ConversationId::raw, |raw| Some(ConversationId::from_raw(raw));
    MessageId: u128 = MessageId::raw, |raw| Some(MessageId::from_raw(raw));
    NoteId: u128 = NoteId::raw, |raw| Some(NoteId::from_raw(raw));
    // Times are between 1970 and 9999, so they are never negative.
    DateTime<Utc>: u64 = |time| time.timestamp_micros().cast_unsigned(),
        |micros| time::from_micros(micros.cast_signed());
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(std::mem::take(rest)).ok()
}

/// A zero ends it, as what follows it is looked for by it.
impl Part for ContactId {
    fn put(&self, key: &mut Key) {
        key.push(self.as_bytes());
        key.push(&[0]);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let (id, behind) = rest.split_at_checked(end)?;
        *rest = behind.get(1..)?;
        Self::from_bytes(id).ok()
    }
}

impl Part for String {
    fn put(&self, key: &mut Key) {
        key.push(self.as_bytes());
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        take_text(rest).map(str::to_owned)
    }
}

impl Part for InboxId {
    fn put(&self, key: &mut Key) {
        key.push(self.as_str().as_bytes());
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Self::new(take_text(rest)?).ok()
    }
}

impl Part for Channel {
    fn put(&self, key: &mut Key) {
        InboxNumber::from(*self).put(key);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let inbox = InboxNumber::take(rest)?;
        let channel = inbox.channel();
        (inbox == channel.into()).then_some(channel)
    }
}

impl Part for Identity {
    fn put(&self, key: &mut Key) {
        self.channel().put(key);
        key.push(self.value().as_bytes());
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let channel = Channel::take(rest)?;
        Self::new(channel, take_text(rest)?).ok()
    }
}

/// A text, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prefix(pub(super) String);

impl Part for Prefix {
    fn put(&self, key: &mut Key) {
        key.push(self.0.as_bytes());
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        take_text(rest).map(|text| Self(text.to_owned()))
    }
}

/// A name, and the hash of the contact that has it. Between them is a zero byte, so that a name precedes
/// those that begin with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameKey(pub(super) Prefix, pub(super) [u8; HASH_LEN]);

impl Part for NameKey {
    fn put(&self, key: &mut Key) {
        self.0.put(key);
        key.push(&[0]);
        self.1.put(key);
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let (name, hash) = std::mem::take(rest).split_last_chunk()?;
        let (0, mut name) = name.split_last().map(|(last, name)| (*last, name))? else {
            return None;
        };
        Some(Self(Prefix::take(&mut name)?, *hash))
    }
}

impl Part for ViewId {
    fn put(&self, key: &mut Key) {
        key.push(self.as_str().as_bytes());
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Self::new(take_text(rest)?).ok()
    }
}

impl Part for ConsumerName {
    fn put(&self, key: &mut Key) {
        key.push(self.as_str().as_bytes());
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Self::new(take_text(rest)?).ok()
    }
}

impl Part for ImportName {
    fn put(&self, key: &mut Key) {
        key.push(self.as_str().as_bytes());
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Self::new(take_text(rest)?).ok()
    }
}

impl Part for AssigneeId {
    fn put(&self, key: &mut Key) {
        key.push(self.as_str().as_bytes());
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        Self::new(take_text(rest)?).ok()
    }
}

pub(super) fn malformed(table: Table, key: &[u8]) -> Error {
    let (name, key) = (table.name, Hex(key));
    Error::corrupted(format!("a key of `{name}` is malformed: {key}"))
}

/// What a stream's prefix says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamKey {
    Partition(Partition),
    /// The list of a view, by its number.
    List(u32),
}

/// The stream of a view's list.
pub(super) fn list_stream(list: u32) -> Stream {
    let mut stream = Stream::new(&[index_kind::LISTS]);
    stream.push(&list.to_be_bytes());
    stream
}

/// The stream of a partition.
pub(super) fn partition_stream(partition: Partition) -> Stream {
    let kind = match (partition.unread, partition.bucket) {
        (false, None) => index_kind::BY_STATE,
        (false, Some(_)) => index_kind::BY_ASSIGNEE,
        (true, None) => index_kind::UNREAD_BY_STATE,
        (true, Some(_)) => index_kind::UNREAD_BY_ASSIGNEE,
    };
    let mut stream = Stream::new(&[kind]);
    if let Some(bucket) = partition.bucket {
        stream.push(&bucket.to_be_bytes());
    }
    stream.push(&[placement::code(partition.standing)]);
    stream.push(&partition.inbox.get().to_be_bytes());
    stream
}

/// A standing and an inbox, at the end of a stream's prefix.
const STATE_LEN: usize = 1 + 4;

pub(super) fn parse_stream(prefix: &[u8]) -> Option<StreamKey> {
    match prefix {
        [index_kind::LISTS, list @ ..] => {
            let list = u32::from_be_bytes(list.try_into().ok()?);
            Some(StreamKey::List(list))
        }
        prefix => parse_partition(prefix).map(StreamKey::Partition),
    }
}

fn parse_partition(prefix: &[u8]) -> Option<Partition> {
    use index_kind::{BY_ASSIGNEE, BY_STATE, UNREAD_BY_ASSIGNEE, UNREAD_BY_STATE};
    let (prefix, inbox) = prefix.split_last_chunk()?;
    let (kind, bucket, standing) = match prefix {
        [kind @ (BY_STATE | UNREAD_BY_STATE), standing] => (kind, None, standing),
        [
            kind @ (BY_ASSIGNEE | UNREAD_BY_ASSIGNEE),
            bucket @ ..,
            standing,
        ] => {
            let bucket = u32::from_be_bytes(bucket.try_into().ok()?);
            (kind, Some(bucket), standing)
        }
        _ => return None,
    };
    Some(Partition {
        unread: matches!(*kind, UNREAD_BY_STATE | UNREAD_BY_ASSIGNEE),
        bucket,
        standing: placement::standing(*standing)?,
        inbox: InboxNumber::new(u32::from_be_bytes(*inbox)),
    })
}

/// The union of all streams of an owner, or of all conversations; and the class of a stream in it, by
/// standing and channel.
pub(super) fn union_of(stream: &Stream) -> Option<(Stream, usize)> {
    const { assert!(Standing::ALL.len() * Channel::ALL.len() == index::CLASSES) }
    let known = parse_partition(stream).filter(|known| !known.unread)?;
    let prefix = stream.get(..stream.len().checked_sub(STATE_LEN)?)?;
    let class = usize::from(placement::code(known.standing)) * Channel::ALL.len();
    Some((Stream::new(prefix), class + known.inbox.channel() as usize))
}

/// What the key of a row in a partition says, and the time and conversation of its position.
pub(super) fn parse_index(key: &[u8]) -> Result<(Partition, DateTime<Utc>, ConversationId)> {
    let parse = || {
        let (prefix, position) = key.split_last_chunk::<POSITION_LEN>()?;
        let (micros, raw) = position.split_first_chunk()?;
        Some((
            parse_partition(prefix)?,
            time::from_micros(!i64::from_be_bytes(*micros))?,
            ConversationId::from_raw(!u128::from_be_bytes(raw.try_into().ok()?)),
        ))
    };
    parse().ok_or_else(|| malformed(tables::INDEX, key))
}
