//! The frozen structs of the file, and how they become values of the domain.
//!
//! Codes and times are plain numbers here, and turning them back is fallible: a checksum tells
//! damage, not nonsense.

mod events;
mod message;

use chrono::{DateTime, Utc};
use convodb_core::{
    Actor, AssigneeId, AssigneeKind, Channel, ContactId, ConversationId, Deliveries, Done,
    DoneEach, DoneValue, Error, MessageId, Note, NoteId, Parked, Result, Status, time,
};
use serde::{Deserialize, Serialize};

use super::codec::{self, Described, Fields, Payload, Record, Unreadable, put_number};
use super::tables;
use crate::kv::Table;

pub(super) use events::{ConsumerV1, EventV1};
#[cfg(test)]
pub(super) use message::direction_code;
pub(super) use message::{MessageV1, delivery_code, delivery_of, failure_of, failure_parts};

/// Names a record's format and table; it is packed by hand or laid out as it is described.
macro_rules! record {
    (packed $name:ty, $format:literal, $table:ident) => {
        impl Record for $name {
            const FORMAT: u8 = $format;
            const TABLE: Table = tables::$table;
        }
    };
    ($name:ty, $format:literal, $table:ident) => {
        record!(packed $name, $format, $table);

        impl Described for $name {}
    };
}

pub(super) fn nonsense(what: &'static str) -> Error {
    Error::corrupted(format!("a record holds an impossible {what}"))
}

pub(super) fn time_of(micros: i64) -> Result<DateTime<Utc>> {
    time::from_micros(micros).ok_or_else(|| nonsense("time"))
}

fn optional_time(micros: Option<i64>) -> Result<Option<DateTime<Utc>>> {
    micros.map(time_of).transpose()
}

fn micros(time: Option<DateTime<Utc>>) -> Option<i64> {
    time.map(|time| time.timestamp_micros())
}

/// A conversation but its names; the id is the key.
#[derive(Debug, PartialEq)]
pub(super) struct ConversationV1<'a> {
    pub(super) contact_id: &'a [u8],
    pub(super) channel: u8,
    pub(super) status: u8,
    pub(super) bucket: u32,
    pub(super) created_us: i64,
    pub(super) updated_us: i64,
    pub(super) revision: u64,
    pub(super) inbound: u64,
    pub(super) seen: u64,
}

record!(packed ConversationV1<'_>, 1, CONVERSATIONS);

impl<'a> Payload<'a> for ConversationV1<'a> {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.extend_from_slice(&[self.channel, self.status]);
        bytes.extend_from_slice(&self.bucket.to_le_bytes());
        bytes.extend_from_slice(&self.created_us.to_le_bytes());
        bytes.extend_from_slice(&self.updated_us.to_le_bytes());
        put_number(bytes, self.revision);
        put_number(bytes, self.inbound);
        put_number(bytes, self.seen);
        bytes.extend_from_slice(self.contact_id);
        Ok(())
    }

    fn read(bytes: &'a [u8]) -> std::result::Result<Self, Unreadable> {
        let record = |fields: &mut Fields<'a>| {
            Some(Self {
                channel: fields.byte()?,
                status: fields.byte()?,
                bucket: fields.u32()?,
                created_us: fields.i64()?,
                updated_us: fields.i64()?,
                revision: fields.number()?,
                inbound: fields.number()?,
                seen: fields.number()?,
                contact_id: fields.rest(),
            })
        };
        codec::unpack(bytes, record)
    }
}

impl ConversationV1<'_> {
    pub(super) fn contact_id(&self) -> Result<ContactId> {
        ContactId::from_bytes(self.contact_id).map_err(|_| nonsense("contact"))
    }

    pub(super) fn channel(&self) -> Result<Channel> {
        Channel::of_code(self.channel).ok_or_else(|| nonsense("channel"))
    }

    pub(super) fn status(&self) -> Result<Status> {
        Status::of_code(self.status).ok_or_else(|| nonsense("status"))
    }

    pub(super) fn created_at(&self) -> Result<DateTime<Utc>> {
        time_of(self.created_us)
    }

    pub(super) fn updated_at(&self) -> Result<DateTime<Utc>> {
        time_of(self.updated_us)
    }

    /// The messages from the contact, and how many of them are read.
    pub(super) fn inbound_and_seen(&self) -> Result<(u64, u64)> {
        match self.inbound.checked_sub(self.seen) {
            Some(_) => Ok((self.inbound, self.seen)),
            None => Err(nonsense("mark of what is read")),
        }
    }

    pub(super) fn codes(status: Status, channel: Channel) -> (u8, u8) {
        (status.code(), channel.code())
    }
}

/// What a list shows of a conversation beside what its key says.
#[derive(Debug, PartialEq)]
pub(super) struct RowV1<'a> {
    pub(super) contact_id: &'a [u8],
    pub(super) bucket: u32,
    pub(super) created_us: i64,
    pub(super) revision: u64,
    pub(super) inbound: u64,
    pub(super) unread: u64,
}

record!(packed RowV1<'_>, 1, INDEX);

impl<'a> Payload<'a> for RowV1<'a> {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.extend_from_slice(&self.bucket.to_le_bytes());
        bytes.extend_from_slice(&self.created_us.to_le_bytes());
        put_number(bytes, self.revision);
        put_number(bytes, self.inbound);
        put_number(bytes, self.unread);
        bytes.extend_from_slice(self.contact_id);
        Ok(())
    }

    #[inline]
    fn read(bytes: &'a [u8]) -> std::result::Result<Self, Unreadable> {
        let record = |fields: &mut Fields<'a>| {
            Some(Self {
                bucket: fields.u32()?,
                created_us: fields.i64()?,
                revision: fields.number()?,
                inbound: fields.number()?,
                unread: fields.number()?,
                contact_id: fields.rest(),
            })
        };
        codec::unpack(bytes, record)
    }
}

impl RowV1<'_> {
    pub(super) fn contact_id(&self) -> Result<ContactId> {
        ContactId::from_bytes(self.contact_id).map_err(|_| nonsense("contact"))
    }

    pub(super) fn created_at(&self) -> Result<DateTime<Utc>> {
        time_of(self.created_us)
    }
}

/// A note but its ids and time, which are the key.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct NoteV1<'a> {
    pub(super) content: &'a str,
    pub(super) author: Option<&'a str>,
}

record!(NoteV1<'_>, 1, NOTES);

impl<'a> From<&'a Note> for NoteV1<'a> {
    fn from(note: &'a Note) -> Self {
        Self {
            content: &note.content,
            author: note.author.as_ref().map(Actor::as_str),
        }
    }
}

impl NoteV1<'_> {
    pub(super) fn into_note(
        self,
        conversation: ConversationId,
        created_at: DateTime<Utc>,
        id: NoteId,
    ) -> Result<Note> {
        let mut note = Note::new(id, conversation, self.content, created_at);
        note.author = self
            .author
            .map(|author| Actor::new(author).map_err(|_| nonsense("author")))
            .transpose()?;
        Ok(note)
    }
}

/// A user or team; the id is the key.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AssigneeV1<'a> {
    pub(super) kind: u8,
    pub(super) bucket: u32,
    pub(super) name: &'a str,
}

record!(AssigneeV1<'_>, 1, CATALOG);

/// What became of a bucket whose user or team was removed (R11).
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MovedV1<'a> {
    /// Who was removed: the one that the records of the bucket's conversations mean.
    pub(super) kind: u8,
    pub(super) id: &'a str,
    /// Whose bucket takes over.
    pub(super) to: u32,
    pub(super) at_us: i64,
    pub(super) actor: Option<&'a str>,
}

record!(MovedV1<'_>, 1, CATALOG);

impl MovedV1<'_> {
    pub(super) fn id(&self) -> Result<AssigneeId> {
        assignee_of(self.kind, self.id.as_bytes())
    }

    pub(super) fn at(&self) -> Result<DateTime<Utc>> {
        time_of(self.at_us)
    }

    pub(super) fn actor(&self) -> Result<Option<Actor>> {
        let actor = |text| Actor::new(text).map_err(|_| nonsense("actor"));
        self.actor.map(actor).transpose()
    }
}

fn assignee_of(kind: u8, text: &[u8]) -> Result<AssigneeId> {
    let kind = match kind {
        0 => AssigneeKind::User,
        1 => AssigneeKind::Team,
        _ => return Err(nonsense("kind of assignee")),
    };
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| AssigneeId::of_kind(kind, text).ok())
        .ok_or_else(|| nonsense("assignee"))
}

impl AssigneeV1<'_> {
    pub(super) const fn code(kind: AssigneeKind) -> u8 {
        match kind {
            AssigneeKind::User => 0,
            AssigneeKind::Team => 1,
        }
    }

    pub(super) fn id(&self, text: &[u8]) -> Result<AssigneeId> {
        assignee_of(self.kind, text)
    }
}

/// The conversation of a contact and channel (R1).
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ThreadV1 {
    pub(super) conversation: u128,
}

record!(ThreadV1, 1, CATALOG);

/// The time of a message whose id carries another millisecond.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MessageTimeV1 {
    pub(super) created_us: i64,
}

record!(MessageTimeV1, 1, CATALOG);

impl MessageTimeV1 {
    pub(super) fn created_at(&self) -> Result<DateTime<Utc>> {
        time_of(self.created_us)
    }
}

/// Whose a provider's id is (R10).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ProviderIdV1 {
    Message { conversation: u128, message: u128 },
    Erased,
}

record!(ProviderIdV1, 1, CATALOG);

/// Receipts that wait for their message (R10).
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ParkedV1<'a> {
    since_us: i64,
    sent_us: Option<i64>,
    delivered_us: Option<i64>,
    read_us: Option<i64>,
    failed_us: Option<i64>,
    #[serde(borrow)]
    failure: Option<(&'a str, &'a str)>,
}

record!(ParkedV1<'_>, 1, CATALOG);

impl<'a> From<&'a Parked> for ParkedV1<'a> {
    fn from(parked: &'a Parked) -> Self {
        let deliveries = &parked.deliveries;
        Self {
            since_us: parked.since.timestamp_micros(),
            sent_us: micros(deliveries.sent_at),
            delivered_us: micros(deliveries.delivered_at),
            read_us: micros(deliveries.read_at),
            failed_us: micros(deliveries.failed_at),
            failure: deliveries.failure.as_ref().map(failure_parts),
        }
    }
}

impl ParkedV1<'_> {
    pub(super) fn into_parked(self) -> Result<Parked> {
        Ok(Parked {
            since: time_of(self.since_us)?,
            deliveries: Deliveries::new(
                optional_time(self.sent_us)?,
                optional_time(self.delivered_us)?,
                optional_time(self.read_us)?,
                optional_time(self.failed_us)?,
                self.failure.map(failure_of),
            ),
        })
    }
}

/// What a command with a key did.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct DoneV1<'a> {
    at_us: i64,
    command: [u8; 16],
    #[serde(borrow)]
    value: DoneValueV1<'a>,
    changed: bool,
    created: bool,
    reopened: bool,
    duplicate: bool,
}

record!(DoneV1<'_>, 1, CATALOG);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum DoneValueV1<'a> {
    Nothing,
    Number(u64),
    Conversation(u128),
    Message(u128, u128),
    Note(u128, i64, u128),
    Assignee(&'a str),
    Each(Vec<(u128, Option<(bool, bool)>)>),
}

impl<'a> From<&'a Done> for DoneV1<'a> {
    fn from(done: &'a Done) -> Self {
        Self {
            at_us: done.at.timestamp_micros(),
            command: done.command,
            value: match &done.value {
                DoneValue::Nothing => DoneValueV1::Nothing,
                DoneValue::Number(number) => DoneValueV1::Number(*number),
                DoneValue::Conversation(id) => DoneValueV1::Conversation(id.raw()),
                DoneValue::Message(of, id) => DoneValueV1::Message(of.raw(), id.raw()),
                DoneValue::Note(of, at, id) => {
                    DoneValueV1::Note(of.raw(), at.timestamp_micros(), id.raw())
                }
                DoneValue::Assignee(id) => DoneValueV1::Assignee(id.as_str()),
                DoneValue::Each(each) => {
                    let flags = |each: DoneEach| (each.changed, each.reopened);
                    let each = each.iter().map(|(id, done)| (id.raw(), done.map(flags)));
                    DoneValueV1::Each(each.collect())
                }
            },
            changed: done.changed,
            created: done.created,
            reopened: done.reopened,
            duplicate: done.duplicate,
        }
    }
}

impl DoneV1<'_> {
    pub(super) fn into_done(self) -> Result<Done> {
        let conversation = ConversationId::from_raw;
        Ok(Done {
            at: time_of(self.at_us)?,
            command: self.command,
            value: match self.value {
                DoneValueV1::Nothing => DoneValue::Nothing,
                DoneValueV1::Number(number) => DoneValue::Number(number),
                DoneValueV1::Conversation(id) => DoneValue::Conversation(conversation(id)),
                DoneValueV1::Message(of, id) => {
                    DoneValue::Message(conversation(of), MessageId::from_raw(id))
                }
                DoneValueV1::Note(of, at_us, id) => {
                    DoneValue::Note(conversation(of), time_of(at_us)?, NoteId::from_raw(id))
                }
                DoneValueV1::Assignee(id) => {
                    DoneValue::Assignee(AssigneeId::new(id).map_err(|_| nonsense("assignee"))?)
                }
                DoneValueV1::Each(each) => {
                    let done = |(changed, reopened)| DoneEach { changed, reopened };
                    let each = each.into_iter();
                    DoneValue::Each(
                        each.map(|(id, flags)| (conversation(id), flags.map(done)))
                            .collect(),
                    )
                }
            },
            changed: self.changed,
            created: self.created,
            reopened: self.reopened,
            duplicate: self.duplicate,
        })
    }
}

/// What the file is, written when it is made.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct IdentityV1 {
    /// Seeds the hashes of this file, so that no two files share them.
    pub(super) seed: [u8; 16],
}

record!(IdentityV1, 1, CATALOG);

/// Which journal counts beside the file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct EpochV1 {
    pub(super) lineage: [u8; 16],
    pub(super) generation: u64,
    pub(super) since: u64,
    pub(super) open: bool,
}

record!(EpochV1, 1, CATALOG);

/// Where the file stands, written by every commit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct HeadV1 {
    pub(super) sequence: u64,
    pub(super) newest_us: i64,
    pub(super) newest_id: u128,
    pub(super) next_bucket: u32,
    pub(super) oldest_event: u64,
    pub(super) newest_event: u64,
}

record!(HeadV1, 1, CATALOG);
