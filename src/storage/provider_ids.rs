//! Providers' own ids of messages, by their keyed hashes: the message of each, and the receipts that
//! wait for one.
//!
//! A hash outlives its message as a tombstone, so that a retried webhook cannot bring back what was
//! deleted. It reveals nothing of what it was made of.

use chrono::{DateTime, Utc};
use convodb_core::{
    Error, Hashes, InboxNumber, Message, ProviderId, ProviderIdState, Result, UnmatchedReceipts,
};

use super::batch::Sink;
use super::keys::{self, catalog_kind};
use super::{codec, messages, tables};
use crate::kv::{Read, WriteTables};

/// What the store has under a provider's id.
pub(super) fn find(
    rows: &impl Read,
    hashes: Hashes,
    inbox: InboxNumber,
    id: &ProviderId,
) -> Result<Option<ProviderIdState>> {
    let hash = hashes.of_provider_id(inbox, id);
    let known = codec::get(rows, tables::CATALOG, &keys::provider_id(inbox, &hash))?;
    if known.is_some() {
        return Ok(known);
    }
    codec::get(rows, tables::CATALOG, &keys::unmatched(inbox, &hash))
}

/// Saves what the store has under a provider's id. No receipts wait for a message that is there.
pub(super) fn save(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    inbox: InboxNumber,
    id: &ProviderId,
    known: &ProviderIdState,
) -> Result<()> {
    let hash = hashes.of_provider_id(inbox, id);
    let unmatched = keys::unmatched(inbox, &hash);
    if let ProviderIdState::Unmatched(_) = known {
        return rows.put_record(tables::CATALOG, &unmatched, known);
    }
    rows.put_record(tables::CATALOG, &keys::provider_id(inbox, &hash), known)?;
    rows.remove(tables::CATALOG, &unmatched).map(drop)
}

/// Saves the provider's id of a message, if it has one. What waited for it is left to the caller.
pub(super) fn save_message(
    rows: &mut impl Sink,
    hashes: Hashes,
    inbox: InboxNumber,
    message: &Message,
) -> Result<()> {
    let Some(id) = &message.provider_id else {
        return Ok(());
    };
    let known = ProviderIdState::Message(message.conversation_id, message.id);
    rows.put_record(tables::CATALOG, &key(hashes, inbox, id), &known)
}

fn decode_unmatched(key: &[u8], bytes: &[u8]) -> Result<UnmatchedReceipts> {
    match codec::decode_row(tables::CATALOG, key, bytes)? {
        ProviderIdState::Unmatched(unmatched) => Ok(unmatched),
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
    let mut count = 0;
    for row in rows.range(
        tables::CATALOG,
        keys::of_kind::<{ catalog_kind::UNMATCHED }>(),
    )? {
        let (key, bytes) = row?;
        let since = decode_unmatched(&key, &bytes)?.since;
        count += u64::from(before.is_none_or(|before| since < before));
    }
    Ok(count)
}

/// Drops the receipts that have waited since before a time. O(unmatched).
pub(super) fn purge_unmatched(rows: &mut WriteTables<'_>, before: DateTime<Utc>) -> Result<()> {
    rows.retain(
        tables::CATALOG,
        keys::of_kind::<{ catalog_kind::UNMATCHED }>(),
        |key, bytes| Ok(decode_unmatched(key, bytes)?.since >= before),
    )
}

/// The imported messages that receipts may wait for.
#[derive(Debug, Default)]
pub(super) struct Matched(Vec<[u8; keys::HASHED_LEN]>);

impl Matched {
    /// None where no receipts wait at all. O(1).
    pub(super) fn any(rows: &impl Read) -> Result<Option<Self>> {
        let mut unmatched = rows.range(
            tables::CATALOG,
            keys::of_kind::<{ catalog_kind::UNMATCHED }>(),
        )?;
        Ok(unmatched.next().transpose()?.map(|_| Self::default()))
    }

    pub(super) fn arrived(&mut self, hashes: Hashes, inbox: InboxNumber, messages: &[Message]) {
        let ids = messages
            .iter()
            .filter_map(|message| message.provider_id.as_ref());
        let unmatched = |id| keys::unmatched(inbox, &hashes.of_provider_id(inbox, id));
        self.0.extend(ids.map(unmatched));
    }

    /// No receipts wait for them any longer.
    pub(super) fn remove(self, rows: &mut WriteTables<'_>) -> Result<()> {
        for key in self.0 {
            rows.remove(tables::CATALOG, &key)?;
        }
        Ok(())
    }
}

/// The key of a provider's id with a message or a tombstone.
pub(super) fn key(hashes: Hashes, inbox: InboxNumber, id: &ProviderId) -> [u8; keys::HASHED_LEN] {
    keys::provider_id(inbox, &hashes.of_provider_id(inbox, id))
}

/// What `verify` checks of every id: that its message is there, and has it.
pub(super) fn is_valid(rows: &impl Read, hashes: Hashes, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let (inbox, hash) = keys::parse_hashed(key)?;
    let (conversation, message) = match codec::decode_row(tables::CATALOG, key, bytes)? {
        ProviderIdState::Message(conversation, message) => (conversation, message),
        ProviderIdState::Tombstone => return Ok(true),
        ProviderIdState::Unmatched(_) => {
            return Err(Error::corrupted(
                "unmatched receipts are stored as a message's",
            ));
        }
    };
    let message = messages::find(rows, conversation, message)?;
    let own = message.and_then(|message| message.provider_id);
    Ok(own.is_some_and(|id| hashes.of_provider_id(inbox, &id) == hash))
}

/// What `verify` checks of unmatched receipts: that they can be read, and that their message has not
/// arrived.
pub(super) fn is_unmatched(rows: &impl Read, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let (inbox, hash) = keys::parse_hashed(key)?;
    decode_unmatched(key, bytes)?;
    let known = rows.get(tables::CATALOG, &keys::provider_id(inbox, &hash))?;
    Ok(known.is_none())
}

/// Drops the ids that messages have, but no tombstones.
pub(super) fn remove_stored(rows: &mut WriteTables<'_>) -> Result<()> {
    rows.retain(
        tables::CATALOG,
        keys::of_kind::<{ catalog_kind::PROVIDER_IDS }>(),
        |key, bytes| {
            let known = codec::decode_row(tables::CATALOG, key, bytes);
            Ok(matches!(known, Ok(ProviderIdState::Tombstone)))
        },
    )
}
