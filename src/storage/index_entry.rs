//! What an index entry has of a conversation beside its key, so that a list reads no record.
//!
//! Packed by hand: a general format took a third of a page's time.

use chrono::{DateTime, Utc};
use convodb_core::directory::UNASSIGNED;
use convodb_core::directory::placement::{self, Partition};
use convodb_core::records::Numbers;
use convodb_core::records::packed::{Fields, put_number};
use convodb_core::{
    Attributes, ContactId, Conversation, ConversationId, InboxNumber, Priority, Result, Revision,
    Sort, Standing, time,
};

use super::{Directory, codec, keys, plan};
use crate::index::position_of;

/// The version that is written.
const VERSION: u8 = 1;

/// The sign of the time of creation: a byte of flags follows it. No time is negative.
const HAS_FLAGS: i64 = i64::MIN;

/// What few conversations have.
mod flag {
    /// Two times, until which all was delivered and read.
    pub(super) const UNTILS: u8 = 1;
    /// A team, tags or an identity, which lists show too. They are in the conversation's record.
    pub(super) const ATTRIBUTES: u8 = 1 << 1;
    /// The time since when the contact waits.
    pub(super) const WAITING: u8 = 1 << 2;
    /// The priority.
    pub(super) const PRIORITY: u8 = 1 << 3;
    /// The time at which the snooze ends.
    pub(super) const SNOOZED: u8 = 1 << 4;
    pub(super) const ALL: u8 = (1 << 5) - 1;
}

/// One of these that is not known.
const NO_TIME: i64 = -1;

/// What a list shows of a conversation beside what its key says: the same in each index entry of it.
pub(super) fn value(conversation: &Conversation, numbers: Numbers) -> Vec<u8> {
    let contact = conversation.contact_id.as_bytes();
    let created_us = conversation.created_at.timestamp_micros();
    let untils = [conversation.delivered_until, conversation.read_until];
    let has_untils = untils.iter().any(Option::is_some);
    let attributes = conversation.attributes.as_ref();
    // A team that was removed may have left its queue to another one.
    let has_team = numbers.team != UNASSIGNED;
    let has_shown = has_team
        || conversation.identity.is_some()
        || attributes.is_some_and(|it| !it.tags.is_empty());
    let priority = attributes.and_then(|it| it.priority);
    let snoozed_until = conversation.snoozed_until();
    let flag = |flag: u8, has: bool| if has { flag } else { 0 };
    let waiting_since = conversation.timeline.waiting_since;
    let flags = flag(flag::UNTILS, has_untils)
        | flag(flag::ATTRIBUTES, has_shown)
        | flag(flag::WAITING, waiting_since.is_some())
        | flag(flag::PRIORITY, priority.is_some())
        | flag(flag::SNOOZED, snoozed_until.is_some());
    let mut bytes = Vec::with_capacity(64 + contact.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&numbers.owner.to_le_bytes());
    let marked = if flags != 0 { HAS_FLAGS } else { 0 };
    bytes.extend_from_slice(&(created_us | marked).to_le_bytes());
    if flags != 0 {
        bytes.push(flags);
    }
    if has_untils {
        for until in untils {
            let us = until.map_or(NO_TIME, |until| until.timestamp_micros());
            bytes.extend_from_slice(&us.to_le_bytes());
        }
    }
    if let Some(since) = waiting_since {
        bytes.extend_from_slice(&since.timestamp_micros().to_le_bytes());
    }
    let priority = Priority::ALL
        .into_iter()
        .zip(0..)
        .find(|(known, _)| Some(*known) == priority);
    bytes.extend(priority.map(|(_, code)| code));
    if let Some(until) = snoozed_until {
        bytes.extend_from_slice(&until.timestamp_micros().to_le_bytes());
    }
    put_number(&mut bytes, conversation.revision.get());
    put_number(&mut bytes, conversation.inbound_count);
    put_number(&mut bytes, conversation.unread_count);
    bytes.extend_from_slice(contact);
    bytes
}

/// The same in the list of a view, whose keys say less: behind its standing, inbox and latest activity.
pub(super) fn in_view(conversation: &Conversation, numbers: Numbers, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_LEN + value.len());
    bytes.push(placement::code(Standing::of(conversation)));
    bytes.extend_from_slice(&numbers.inbox.get().to_be_bytes());
    bytes.extend_from_slice(&conversation.updated_at.timestamp_micros().to_be_bytes());
    bytes.extend_from_slice(value);
    bytes
}

const HEADER_LEN: usize = 1 + 4 + 8;

/// What is in the list of a view of a conversation.
pub(super) fn value_in_view(conversation: &Conversation, numbers: Numbers) -> Vec<u8> {
    in_view(conversation, numbers, &value(conversation, numbers))
}

/// As [`append`], of an entry in the list of a view.
pub(super) fn append_in_view(
    to: &mut Vec<Conversation>,
    directory: &Directory,
    sort: Sort,
    (key, bytes): (&[u8], &[u8]),
) -> Result<bool> {
    let table = plan::STREAMS.table;
    let read = || {
        let (header, value) = bytes.split_first_chunk::<HEADER_LEN>()?;
        let [standing, header @ ..] = header;
        let (inbox, updated_at) = header.split_first_chunk()?;
        let partition = Partition {
            unread: false,
            bucket: None,
            standing: placement::standing(*standing)?,
            inbox: InboxNumber::new(u32::from_be_bytes(*inbox)),
        };
        let updated_at = i64::from_be_bytes(updated_at.try_into().ok()?);
        Some((partition, time::from_micros(updated_at)?, value))
    };
    let found = read().ok_or_else(|| codec::damaged(table, key, "cannot be decoded"))?;
    let (partition, updated_at, value) = found;
    let id = placement::id_at(sort, position_of(key)?);
    append_at(to, directory, (partition, updated_at, id), (key, value))
}

/// The index rows of an unassigned conversation: the key of each, and what is read from it.
#[cfg(feature = "testing")]
pub fn index_rows(conversation: &Conversation) -> Result<Vec<(Vec<u8>, Conversation)>> {
    let directory = Directory::default();
    let numbers = directory.numbers_of(conversation)?;
    let value = value(conversation, numbers);
    let places = plan::placements(conversation, numbers)
        .into_iter()
        .flatten();
    let rows = places.map(|(stream, position)| {
        let key = stream.key(&position);
        let mut read = Vec::new();
        append(&mut read, &directory, (&key, &value))?;
        Ok(read.pop().map(|read| (key.to_vec(), read)))
    });
    rows.filter_map(Result::transpose).collect()
}

/// Appends the conversation of an index entry, as a list shows it: each copy of one takes 60 instructions.
/// Returns whether its record has more that a list shows.
#[inline]
pub(super) fn append(
    to: &mut Vec<Conversation>,
    directory: &Directory,
    (key, value): (&[u8], &[u8]),
) -> Result<bool> {
    append_at(to, directory, keys::parse_index(key)?, (key, value))
}

fn append_at(
    to: &mut Vec<Conversation>,
    directory: &Directory,
    (stream, updated_at, id): (Partition, DateTime<Utc>, ConversationId),
    (key, value): (&[u8], &[u8]),
) -> Result<bool> {
    let table = plan::STREAMS.table;
    let damaged = |what| codec::damaged(table, key, what);
    let (version, payload) = codec::open(table, key, value)?;
    let mut fields = Fields::new(payload);
    let mut read = || {
        let (owner, created_us) = (fields.u32()?, fields.i64()?);
        let mut untils = [NO_TIME; 2];
        let mut flags = 0;
        if created_us & HAS_FLAGS != 0 {
            flags = fields
                .byte()
                .filter(|flags| (1..=flag::ALL).contains(flags))?;
        }
        if flags & flag::UNTILS != 0 {
            untils = [fields.i64()?, fields.i64()?];
        }
        let mut waiting_us = NO_TIME;
        if flags & flag::WAITING != 0 {
            waiting_us = fields.i64()?;
        }
        let mut attributes = None;
        if flags & (flag::PRIORITY | flag::SNOOZED) != 0 {
            attributes = Some(attributes_of(&mut fields, flags)?);
        }
        let mut number = || fields.number();
        let counts = [number()?, number()?, number()?];
        let times = (created_us & !HAS_FLAGS, untils, waiting_us);
        Some((owner, flags, times, attributes, counts))
    };
    let Some((owner, flags, (created_us, untils, waiting_us), attributes, counts)) = read() else {
        return Err(damaged("cannot be decoded"));
    };
    let [revision, inbound_count, unread_count] = counts;
    if version != VERSION {
        return Err(damaged("has an unknown version"));
    }
    if unread_count > inbound_count {
        return Err(damaged("has more unread messages than messages"));
    }
    if stream.bucket.is_some_and(|bucket| bucket != owner) {
        return Err(damaged("has another owner"));
    }
    if stream.unread && unread_count == 0 {
        return Err(damaged("has no unread messages"));
    }
    let contact = ContactId::from_bytes(fields.rest());
    let contact = contact.map_err(|_| damaged("has no contact's id"))?;
    let created_at = time::from_micros(created_us);
    let created_at = created_at.ok_or_else(|| damaged("has an impossible time"))?;
    let (assignee, reassignments) = directory.assignee(owner)?;
    let (channel, inbox_id) =
        (directory.inboxes.named(stream.inbox)).ok_or_else(|| damaged("has an unknown inbox"))?;
    to.push(Conversation::new(id, contact, channel, created_at));
    let Some(conversation) = to.last_mut() else {
        return Ok(false);
    };
    conversation.attributes = attributes;
    conversation.inbox_id = inbox_id.cloned();
    conversation.status = stream.standing.status();
    conversation.timeline.waiting_since = time::from_micros(waiting_us);
    conversation.assigned_to = assignee.cloned();
    conversation.updated_at = updated_at;
    conversation.revision = Revision::new(revision + reassignments);
    conversation.inbound_count = inbound_count;
    conversation.unread_count = unread_count;
    [conversation.delivered_until, conversation.read_until] = untils.map(time::from_micros);
    Ok(flags & flag::ATTRIBUTES != 0)
}

/// What an entry has of what a team gave a conversation.
fn attributes_of(fields: &mut Fields<'_>, flags: u8) -> Option<Box<Attributes>> {
    let mut attributes = Box::new(Attributes::default());
    if flags & flag::PRIORITY != 0 {
        attributes.priority = Some(*Priority::ALL.get(usize::from(fields.byte()?))?);
    }
    if flags & flag::SNOOZED != 0 {
        attributes.snoozed_until = Some(time::from_micros(fields.i64()?)?);
    }
    Some(attributes)
}
