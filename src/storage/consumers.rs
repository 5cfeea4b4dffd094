//! Consumers of events, by their names. Who is idle has a row, and costs nothing else.

use std::ops::Bound;

use convodb_core::{ConsumerName, ConsumerPosition, Result};

use super::keys::{self, catalog_kind};
use super::records::ConsumerV1;
use super::{codec, tables};
use crate::kv::{KeyRange, Read, WriteTables};

const CONSUMERS: KeyRange<'static> = (
    Bound::Included(&[catalog_kind::CONSUMERS]),
    Bound::Excluded(&[catalog_kind::CONSUMERS + 1]),
);

pub(super) fn position(rows: &impl Read, name: &ConsumerName) -> Result<Option<u64>> {
    let key = keys::consumer(name);
    let bytes = rows.get(tables::CATALOG, &key)?;
    bytes
        .map(|bytes| Ok(codec::decode::<ConsumerV1>(&key, &bytes)?.position))
        .transpose()
}

pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<ConsumerPosition> {
    let name = keys::parse_consumer(key)?;
    let ConsumerV1 { position } = codec::decode(key, bytes)?;
    Ok(ConsumerPosition::new(name, position))
}

/// All of them, by their names.
pub(super) fn read(rows: &impl Read) -> Result<Vec<ConsumerPosition>> {
    rows.range(tables::CATALOG, CONSUMERS)?
        .map(|row| {
            let (key, bytes) = row?;
            decode(&key, &bytes)
        })
        .collect()
}

pub(super) fn put(rows: &mut WriteTables<'_>, name: &ConsumerName, position: u64) -> Result<()> {
    let key = keys::consumer(name);
    let record = ConsumerV1 { position };
    rows.put(tables::CATALOG, &key, &codec::encode(&key, &record)?)
}

pub(super) fn remove(rows: &mut WriteTables<'_>, name: &ConsumerName) -> Result<()> {
    rows.remove(tables::CATALOG, &keys::consumer(name))
        .map(drop)
}
