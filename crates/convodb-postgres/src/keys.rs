//! Keys: their parts are big-endian and of fixed width, so that the order of bytes is the order of what
//! they mean.

use chrono::{DateTime, Utc};
use convodb_core::{
    AssigneeId, ContactId, ConversationId, Error, HASH_LEN, Identity, InboxNumber, MessageId,
    NoteId, Result, time,
};

pub(crate) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

pub(crate) fn time_of(micros: i64) -> Result<DateTime<Utc>> {
    time::from_micros(micros).ok_or_else(|| Error::corrupted("a time is out of its bounds"))
}

pub(crate) fn conversation(id: ConversationId) -> Vec<u8> {
    id.raw().to_be_bytes().to_vec()
}

pub(crate) fn message(of: ConversationId, id: MessageId) -> Vec<u8> {
    [of.raw().to_be_bytes(), id.raw().to_be_bytes()].concat()
}

/// The place of a message in its thread.
pub(crate) fn place(of: ConversationId, at: DateTime<Utc>, id: MessageId) -> Vec<u8> {
    dated(of, at, id.raw())
}

pub(crate) fn note(of: ConversationId, at: DateTime<Utc>, id: NoteId) -> Vec<u8> {
    dated(of, at, id.raw())
}

fn dated(of: ConversationId, at: DateTime<Utc>, id: u128) -> Vec<u8> {
    let mut key = conversation(of);
    key.extend(micros(at).to_be_bytes());
    key.extend(id.to_be_bytes());
    key
}

/// The bytes between which all keys are that begin with a conversation.
pub(crate) fn all_of(of: ConversationId) -> (Vec<u8>, Vec<u8>) {
    let (first, mut last) = (conversation(of), conversation(of));
    last.extend([0xff; 24]);
    (first, last)
}

pub(crate) fn provider_id(inbox: InboxNumber, hash: [u8; HASH_LEN]) -> Vec<u8> {
    let mut key = inbox.get().to_be_bytes().to_vec();
    key.extend(hash);
    key
}

pub(crate) fn contact(id: &ContactId) -> Vec<u8> {
    id.as_bytes().to_vec()
}

pub(crate) fn identity(identity: &Identity) -> Vec<u8> {
    let mut key = vec![identity.channel() as u8];
    key.extend(identity.value().as_bytes());
    key
}

pub(crate) fn assignee(id: &AssigneeId) -> Vec<u8> {
    id.as_str().as_bytes().to_vec()
}

fn malformed(key: &[u8]) -> Error {
    Error::corrupted(format!("a key is malformed: {}", convodb_core::Hex(key)))
}

/// What is behind the first bytes of a key.
pub(crate) fn take<'a, const N: usize>(key: &mut &'a [u8]) -> Result<&'a [u8; N]> {
    let (first, rest) = key.split_first_chunk().ok_or_else(|| malformed(key))?;
    *key = rest;
    Ok(first)
}

pub(crate) fn conversation_of(mut key: &[u8]) -> Result<ConversationId> {
    Ok(ConversationId::from_raw(u128::from_be_bytes(*take(
        &mut key,
    )?)))
}

/// The conversation, the time and the id of a place.
pub(crate) fn place_of(mut place: &[u8]) -> Result<(ConversationId, DateTime<Utc>, u128)> {
    let of = u128::from_be_bytes(*take(&mut place)?);
    let at = i64::from_be_bytes(*take(&mut place)?);
    let id = u128::from_be_bytes(*take(&mut place)?);
    Ok((ConversationId::from_raw(of), time_of(at)?, id))
}

pub(crate) fn contact_of(key: &[u8]) -> Result<ContactId> {
    ContactId::from_bytes(key).map_err(|_| malformed(key))
}

/// A text that is a key.
pub(crate) fn text_of(key: &[u8]) -> Result<&str> {
    std::str::from_utf8(key).map_err(|_| malformed(key))
}
