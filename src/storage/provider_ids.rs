//! Providers' own ids of messages, by their keyed hashes: whose each is, and what waits for it
//! (R10).
//!
//! A hash outlives its message, so that a retried webhook cannot bring back what was erased; it
//! tells nobody what it was made of.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use convodb_core::{
    Change, Channel, ConversationId, Hashes, Message, MessageId, Parked, Provided, ProviderId,
    Result, StoredAt, evolve,
};

use super::batch::Batch;
use super::keys::{self, catalog_kind};
use super::records::{ParkedV1, ProviderIdV1};
use super::{codec, messages, tables};
use crate::kv::{KeyRange, Read, WriteTables};

pub(super) fn find(
    rows: &impl Read,
    hashes: Hashes,
    channel: Channel,
    id: &ProviderId,
) -> Result<Provided> {
    let hash = hashes.of_provider_id(channel, id);
    let key = keys::provider_id(channel, &hash);
    let Some(bytes) = rows.get(tables::CATALOG, &key)? else {
        return find_parked(rows, &keys::parked(channel, &hash)).map(Provided::Awaited);
    };
    Ok(match codec::decode(&key, &bytes)? {
        ProviderIdV1::Message {
            conversation,
            message,
        } => Provided::Stored(StoredAt {
            conversation: ConversationId::from_raw(conversation),
            message: MessageId::from_raw(message),
        }),
        ProviderIdV1::Erased => Provided::Erased,
    })
}

fn find_parked(rows: &impl Read, key: &[u8]) -> Result<Option<Parked>> {
    let bytes = rows.get(tables::CATALOG, key)?;
    let parked = bytes.map(|bytes| codec::decode::<ParkedV1<'_>>(key, &bytes)?.into_parked());
    parked.transpose()
}

fn owner(message: &Message) -> ProviderIdV1 {
    ProviderIdV1::Message {
        conversation: message.conversation_id.raw(),
        message: message.id.raw(),
    }
}

/// Notes whose its provider's id is, if it has one; nothing waits for it any longer.
pub(super) fn put(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    channel: Channel,
    message: &Message,
) -> Result<()> {
    let Some(id) = &message.provider_id else {
        return Ok(());
    };
    let hash = hashes.of_provider_id(channel, id);
    let key = keys::provider_id(channel, &hash);
    rows.put(
        tables::CATALOG,
        &key,
        &codec::encode(&key, &owner(message))?,
    )?;
    rows.remove(tables::CATALOG, &keys::parked(channel, &hash))?;
    Ok(())
}

/// The same of an imported message; what waited for it is left to [`WaitingFor`].
pub(super) fn stage(
    batch: &mut Batch,
    hashes: Hashes,
    channel: Channel,
    message: &Message,
) -> Result<()> {
    match &message.provider_id {
        Some(id) => batch.put(&key(hashes, channel, id), &owner(message)),
        None => Ok(()),
    }
}

/// The message is gone, and must not come back.
pub(super) fn erase(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    channel: Channel,
    id: &ProviderId,
) -> Result<()> {
    let key = key(hashes, channel, id);
    let erased = codec::encode(&key, &ProviderIdV1::Erased)?;
    rows.put(tables::CATALOG, &key, &erased)
}

/// Keeps a receipt for a message that has not come.
pub(super) fn park(
    rows: &mut WriteTables<'_>,
    hashes: Hashes,
    (channel, id): (Channel, &ProviderId),
    change: &Change,
) -> Result<()> {
    let key = keys::parked(channel, &hashes.of_provider_id(channel, id));
    if let Some(parked) = evolve::parked(find_parked(rows, &key)?, change) {
        let value = codec::encode(&key, &ParkedV1::from(&parked))?;
        rows.put(tables::CATALOG, &key, &value)?;
    }
    Ok(())
}

const PARKED: KeyRange<'static> = (
    Bound::Included(&[catalog_kind::PARKED]),
    Bound::Excluded(&[catalog_kind::PARKED + 1]),
);

/// How many messages receipts wait for, and how many of these since before a time. O(parked).
pub(super) fn count_parked(rows: &impl Read, before: DateTime<Utc>) -> Result<(u64, u64)> {
    let (mut all, mut older) = (0, 0);
    for row in rows.range(tables::CATALOG, PARKED)? {
        let (key, bytes) = row?;
        let parked = codec::decode::<ParkedV1<'_>>(&key, &bytes)?.into_parked()?;
        all += 1;
        older += u64::from(parked.since < before);
    }
    Ok((all, older))
}

/// Gives up the receipts that have waited since before a time. O(parked).
pub(super) fn purge_parked(rows: &mut WriteTables<'_>, before: DateTime<Utc>) -> Result<()> {
    rows.retain(tables::CATALOG, PARKED, |key, bytes| {
        let parked = codec::decode::<ParkedV1<'_>>(key, bytes)?.into_parked()?;
        Ok(parked.since >= before)
    })
}

/// The imported messages that receipts may wait for.
#[derive(Debug, Default)]
pub(super) struct WaitingFor(Vec<[u8; keys::HASHED_LEN]>);

impl WaitingFor {
    /// Nothing where nothing waits at all. O(1).
    pub(super) fn any(rows: &impl Read) -> Result<Option<Self>> {
        let first = rows.range(tables::CATALOG, PARKED)?.next().transpose()?;
        Ok(first.map(|_| Self::default()))
    }

    pub(super) fn arrived(&mut self, hashes: Hashes, channel: Channel, messages: &[Message]) {
        let ids = messages
            .iter()
            .filter_map(|message| message.provider_id.as_ref());
        let parked = |id| keys::parked(channel, &hashes.of_provider_id(channel, id));
        self.0.extend(ids.map(parked));
    }

    /// Nothing waits for them any longer.
    pub(super) fn remove(self, rows: &mut WriteTables<'_>) -> Result<()> {
        for key in self.0 {
            rows.remove(tables::CATALOG, &key)?;
        }
        Ok(())
    }
}

/// The key that says whose a provider's id is.
pub(super) fn key(hashes: Hashes, channel: Channel, id: &ProviderId) -> [u8; keys::HASHED_LEN] {
    keys::provider_id(channel, &hashes.of_provider_id(channel, id))
}

/// What `verify` checks of every id: that its message is there, and has it.
pub(super) fn stands(rows: &impl Read, hashes: Hashes, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let (channel, hash) = keys::parse_hashed(key)?;
    let ProviderIdV1::Message {
        conversation,
        message,
    } = codec::decode(key, bytes)?
    else {
        return Ok(true);
    };
    let (conversation, message) = (
        ConversationId::from_raw(conversation),
        MessageId::from_raw(message),
    );
    let message = messages::find(rows, conversation, message)?;
    let own = message.and_then(|message| message.provider_id);
    Ok(own.is_some_and(|id| hashes.of_provider_id(channel, &id) == hash))
}

/// What `verify` checks of parked receipts: that they can be read, and that their message has not
/// come.
pub(super) fn waits(rows: &impl Read, key: &[u8], bytes: &[u8]) -> Result<bool> {
    let (channel, hash) = keys::parse_hashed(key)?;
    codec::decode::<ParkedV1<'_>>(key, bytes)?.into_parked()?;
    let known = rows.get(tables::CATALOG, &keys::provider_id(channel, &hash))?;
    Ok(known.is_none())
}

/// Forgets whose ids are that messages have, but not which were erased.
pub(super) fn remove_stored(rows: &mut WriteTables<'_>) -> Result<()> {
    let range: KeyRange<'_> = (
        Bound::Included(&[catalog_kind::PROVIDER_IDS]),
        Bound::Excluded(&[catalog_kind::PROVIDER_IDS + 1]),
    );
    rows.retain(tables::CATALOG, range, |key, bytes| {
        Ok(matches!(
            codec::decode(key, bytes),
            Ok(ProviderIdV1::Erased)
        ))
    })
}
