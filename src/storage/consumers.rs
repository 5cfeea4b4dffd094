//! Consumers of events, by their names.

use convodb_core::records::ConsumerRecord;
use convodb_core::{ConsumerName, ConsumerPosition, EventSeq, Result};

use super::batch::Sink as _;
use super::keys::{self, catalog_kind};
use super::{codec, tables};
use crate::kv::{Read, WriteTables};

pub(super) fn position(rows: &impl Read, name: &ConsumerName) -> Result<Option<EventSeq>> {
    let record: Option<ConsumerRecord> = codec::get(rows, tables::CATALOG, &keys::consumer(name))?;
    Ok(record.map(|record| record.position))
}

pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<ConsumerPosition> {
    let name = keys::parse_consumer(key)?;
    let ConsumerRecord { position } = codec::decode_row(tables::CATALOG, key, bytes)?;
    Ok(ConsumerPosition::new(name, position))
}

/// All of them, by their names.
pub(super) fn read(rows: &impl Read) -> Result<Vec<ConsumerPosition>> {
    rows.range(
        tables::CATALOG,
        keys::of_kind::<{ catalog_kind::CONSUMERS }>(),
    )?
    .map(|row| {
        let (key, bytes) = row?;
        decode(&key, &bytes)
    })
    .collect()
}

pub(super) fn save(
    rows: &mut WriteTables<'_>,
    name: &ConsumerName,
    position: EventSeq,
) -> Result<()> {
    rows.put_record(
        tables::CATALOG,
        &keys::consumer(name),
        &ConsumerRecord { position },
    )
}

pub(super) fn remove(rows: &mut WriteTables<'_>, name: &ConsumerName) -> Result<()> {
    rows.remove(tables::CATALOG, &keys::consumer(name))
        .map(drop)
}
