//! Providers' own ids of messages, by their keyed hashes: the message of each, and the receipts that
//! wait for one.
//!
//! A hash outlives its message as a tombstone, so that a retried webhook cannot bring back what was
//! deleted. It reveals nothing of what it was made of.

use chrono::{DateTime, Utc};
use convodb_core::{
    Error, Hashes, InboxNumber, Message, ProviderId, ProviderIdState, Result, Unmatched,
};

use super::batch::Sink;
use super::kinds::{PROVIDER_IDS, ProviderKey, UNMATCHED, decoded};
use super::{codec, messages, tables};
use convodb_kv::{Read, WriteTables};

pub(super) fn key(hashes: Hashes, inbox: InboxNumber, id: &ProviderId) -> ProviderKey {
    (inbox, hashes.of_provider_id(inbox, id))
}

/// What the store has under a provider's id.
pub(super) fn find(rows: &impl Read, key: &ProviderKey) -> Result<Option<ProviderIdState>> {
    match PROVIDER_IDS.get(rows, key)? {
        None => UNMATCHED.get(rows, key),
        known => Ok(known),
    }
}

/// Saves what the store has under a provider's id. No receipts wait for a message that is there.
pub(super) fn save(
    rows: &mut WriteTables<'_>,
    key: &ProviderKey,
    known: &ProviderIdState,
) -> Result<()> {
    if let ProviderIdState::Unmatched(_) = known {
        return UNMATCHED.put(rows, key, known);
    }
    PROVIDER_IDS.put(rows, key, known)?;
    UNMATCHED.remove(rows, key)
}

/// Saves the ids of a message, and answers their keys. What waited for the message is left to the
/// caller.
pub(super) fn save_message(
    rows: &mut impl Sink,
    hashes: Hashes,
    inbox: InboxNumber,
    message: &Message,
) -> Result<Vec<ProviderKey>> {
    let known = ProviderIdState::Message(message.conversation_id, message.id);
    let mut keys = Vec::new();
    for id in message.foreign_ids() {
        let key = key(hashes, inbox, &id);
        PROVIDER_IDS.put(rows, &key, &known)?;
        keys.push(key);
    }
    Ok(keys)
}

/// Leaves tombstones of a message's ids, so that it does not come back. A sender may use its reference
/// again.
pub(super) fn bury(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    inbox: InboxNumber,
    message: &Message,
) -> Result<()> {
    for id in message.foreign_ids() {
        let key = key(hashes, inbox, &id);
        match id.is_reference() {
            true => PROVIDER_IDS.remove(rows, &key)?,
            false => save(rows, &key, &ProviderIdState::Tombstone)?,
        }
    }
    Ok(())
}

fn decode_unmatched(key: &[u8], bytes: &[u8]) -> Result<Unmatched> {
    match UNMATCHED.record(key, bytes)? {
        ProviderIdState::Unmatched(unmatched) => Ok(*unmatched),
        _ => Err(codec::damaged(
            tables::CATALOG,
            key,
            "holds no unmatched receipts",
        )),
    }
}

/// How many messages have not arrived that receipts wait for: all, or those since before a time.
/// O(unmatched).
pub(super) fn count_unmatched(rows: &impl Read, before: Option<DateTime<Utc>>) -> Result<u64> {
    let mut unmatched = decoded(UNMATCHED.range(rows, &())?, decode_unmatched);
    unmatched.try_fold(0, |count, unmatched| {
        let since = unmatched?.since;
        Ok(count + u64::from(before.is_none_or(|before| since < before)))
    })
}

/// Since when the newest has waited of those that are more than this many. O(unmatched).
pub(super) fn newest_beyond(rows: &impl Read, most: u64) -> Result<Option<DateTime<Utc>>> {
    let unmatched = decoded(UNMATCHED.range(rows, &())?, decode_unmatched);
    let mut since = unmatched
        .map(|unmatched| Ok(unmatched?.since))
        .collect::<Result<Vec<_>>>()?;
    since.sort_unstable();
    let beyond = (since.len() as u64).saturating_sub(most) as usize;
    Ok(beyond
        .checked_sub(1)
        .and_then(|last| since.get(last).copied()))
}

/// Drops the receipts that have waited since before a time. O(unmatched).
pub(super) fn purge_unmatched(rows: &mut WriteTables<'_>, before: DateTime<Utc>) -> Result<()> {
    UNMATCHED.retain(rows, &(), |key, bytes| {
        Ok(decode_unmatched(key, bytes)?.since >= before)
    })
}

/// What `verify` checks of every id: that its message is there, and has it.
pub(super) fn is_valid(rows: &impl Read, hashes: Hashes, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let ((inbox, hash), known) = PROVIDER_IDS.decode(key, bytes)?;
    let (conversation, message) = match known {
        ProviderIdState::Message(conversation, message) => (conversation, message),
        ProviderIdState::Tombstone => return Ok(true),
        ProviderIdState::Unmatched(_) => {
            return Err(Error::corrupted(
                "unmatched receipts are stored as a message's",
            ));
        }
    };
    let message = messages::find(rows, conversation, message)?;
    Ok(message.is_some_and(|message| {
        let mut own = message.foreign_ids();
        own.any(|id| hashes.of_provider_id(inbox, &id) == hash)
    }))
}

/// What `verify` checks of unmatched receipts: that they can be read, and that their message has not
/// arrived.
pub(super) fn is_unmatched(rows: &impl Read, key: &[u8], bytes: &[u8]) -> Result<bool> {
    decode_unmatched(key, bytes)?;
    Ok(!PROVIDER_IDS.contains(rows, &UNMATCHED.parse(key)?)?)
}

/// Drops the ids that messages have, but no tombstones.
pub(super) fn remove_stored(rows: &mut WriteTables<'_>) -> Result<()> {
    PROVIDER_IDS.retain(rows, &(), |key, bytes| {
        let known = PROVIDER_IDS.record(key, bytes);
        Ok(matches!(known, Ok(ProviderIdState::Tombstone)))
    })
}
