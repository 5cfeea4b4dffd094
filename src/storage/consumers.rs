//! Consumers of events, by their names.

use convodb_core::records::ConsumerRecord;
use convodb_core::{ConsumerName, ConsumerPosition, EventSeq, Result};

use super::kinds::CONSUMERS;
use crate::kv::{Read, WriteTables};

pub(super) fn position(rows: &impl Read, name: &ConsumerName) -> Result<Option<EventSeq>> {
    let record = CONSUMERS.get(rows, name)?;
    Ok(record.map(|record| record.position))
}

/// All of them, by their names.
pub(super) fn read(rows: &impl Read) -> Result<Vec<ConsumerPosition>> {
    let position =
        |(name, record): (_, ConsumerRecord)| ConsumerPosition::new(name, record.position);
    CONSUMERS.all(rows)?.map(|row| row.map(position)).collect()
}

pub(super) fn save(
    rows: &mut WriteTables<'_>,
    name: &ConsumerName,
    position: Option<EventSeq>,
) -> Result<()> {
    match position {
        Some(position) => CONSUMERS.put(rows, name, &ConsumerRecord { position }),
        None => CONSUMERS.remove(rows, name),
    }
}
