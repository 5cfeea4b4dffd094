//! What an index entry has of a conversation beside its key, so that a list reads no record.
//!
//! Packed by hand: a general format took a third of a page's time.

use convodb_core::records::Numbers;
use convodb_core::records::packed::{Fields, put_number};
use convodb_core::{ContactId, Conversation, Result, Revision, time};

use super::{Directory, codec, keys, plan};

/// The version that is written.
const VERSION: u8 = 1;

/// The sign of the time of creation: a byte of flags follows it. No time is negative.
const HAS_FLAGS: i64 = i64::MIN;

/// What few conversations have.
mod flag {
    /// Two times, until which all was delivered and read.
    pub(super) const UNTILS: u8 = 1;
    /// What else lists show. It is in the conversation's record.
    pub(super) const ATTRIBUTES: u8 = 1 << 1;
    /// The time since when the contact waits.
    pub(super) const WAITING: u8 = 1 << 2;
    pub(super) const ALL: u8 = (1 << 3) - 1;
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
    let has_team = numbers.team != keys::UNASSIGNED;
    let has_shown = has_team
        || conversation.identity.is_some()
        || attributes.is_some_and(|it| it.listed().is_some());
    let flag = |flag: u8, has: bool| if has { flag } else { 0 };
    let waiting_since = conversation.timeline.waiting_since;
    let flags = flag(flag::UNTILS, has_untils)
        | flag(flag::ATTRIBUTES, has_shown)
        | flag(flag::WAITING, waiting_since.is_some());
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
    put_number(&mut bytes, conversation.revision.get());
    put_number(&mut bytes, conversation.inbound_count);
    put_number(&mut bytes, conversation.unread_count);
    bytes.extend_from_slice(contact);
    bytes
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
        let read = self::conversation(&directory, &key, &value)?;
        Ok((key.to_vec(), read.conversation))
    });
    rows.collect()
}

/// What an index entry has of a conversation.
pub(super) struct Shown {
    pub(super) conversation: Conversation,
    /// Whether its record has more that a list shows.
    pub(super) has_more: bool,
}

/// The conversation of an index entry, as a list shows it.
pub(super) fn conversation(directory: &Directory, key: &[u8], value: &[u8]) -> Result<Shown> {
    let (stream, updated_at, id) = keys::parse_index(key)?;
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
        let mut number = || fields.number();
        let counts = [number()?, number()?, number()?];
        let times = (created_us & !HAS_FLAGS, untils, waiting_us);
        Some((owner, flags, times, counts))
    };
    let Some((owner, flags, (created_us, untils, waiting_us), counts)) = read() else {
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
    let mut conversation = Conversation::new(id, contact, channel, created_at);
    conversation.inbox_id = inbox_id.cloned();
    conversation.status = stream.standing.status();
    conversation.timeline.waiting_since = time::from_micros(waiting_us);
    conversation.assigned_to = assignee.cloned();
    conversation.updated_at = updated_at;
    conversation.revision = Revision::new(revision + reassignments);
    conversation.inbound_count = inbound_count;
    conversation.unread_count = unread_count;
    [conversation.delivered_until, conversation.read_until] = untils.map(time::from_micros);
    Ok(Shown {
        conversation,
        has_more: flags & flag::ATTRIBUTES != 0,
    })
}
