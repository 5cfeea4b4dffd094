//! What the file is, and the counters that the next commit goes on from.

use chrono::{DateTime, Utc};
use convodb_core::codec::{CodecError, Record, from_bytes, to_bytes};
use convodb_core::{CommitSeq, Error, EventSeq, Result, time};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::batch::Sink as _;
use super::journal::Epoch;
use super::{codec, keys, tables};
use crate::kv::{Read, WriteTables};

const HEAD: &str = "head";
const IDENTITY: &str = "identity";
const JOURNAL: &str = "journal";

/// The counters, written by every commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The number of commits that changed something.
    pub(crate) commit_seq: CommitSeq,
    /// The latest time that the store's clock gave out.
    #[serde(with = "time")]
    pub(crate) newest_time: DateTime<Utc>,
    /// The greatest id that the store gave out.
    pub(crate) newest_id: u128,
    /// The number of the next owner; none is used twice.
    pub(crate) next_owner: u32,
    /// The oldest event that is kept; the number of the next one where none is.
    pub(crate) oldest_event: EventSeq,
    /// The newest event; zero before the first.
    pub(crate) newest_event: EventSeq,
}

/// A record here, in the general encoding.
struct Meta<T>(T);

impl<T: Serialize + DeserializeOwned> Record for Meta<T> {
    const VERSION: u8 = 1;

    fn encode(&self, payload: &mut Vec<u8>) -> Result<(), CodecError> {
        to_bytes(&self.0, payload)
    }

    fn decode(version: u8, payload: &[u8]) -> Result<Self, CodecError> {
        match version {
            1 => from_bytes(payload).map(Self),
            other => Err(CodecError::UnknownVersion(other)),
        }
    }
}

fn read<T: Serialize + DeserializeOwned>(rows: &impl Read, name: &str) -> Result<Option<T>> {
    let record: Option<Meta<T>> = codec::get(rows, tables::CATALOG, &keys::meta(name))?;
    Ok(record.map(|Meta(value)| value))
}

fn write<T>(rows: &mut WriteTables<'_>, name: &str, value: T) -> Result<()>
where
    T: Serialize + DeserializeOwned,
{
    rows.put_record(tables::CATALOG, &keys::meta(name), &Meta(value))
}

impl Head {
    /// Those of a new file.
    pub(super) fn new() -> Self {
        Self {
            commit_seq: CommitSeq::ZERO,
            newest_time: DateTime::default(),
            newest_id: 0,
            next_owner: keys::UNASSIGNED + 1,
            oldest_event: EventSeq::new(1),
            newest_event: EventSeq::ZERO,
        }
    }

    /// How many events are kept.
    pub(crate) fn events(&self) -> u64 {
        (self.newest_event.get() + 1).saturating_sub(self.oldest_event.get())
    }

    /// The number of a new owner.
    pub(super) fn take_owner(&mut self) -> Result<u32> {
        let owner = self.next_owner;
        self.next_owner = owner
            .checked_add(1)
            .ok_or_else(|| Error::corrupted("the file has no number left for an owner"))?;
        Ok(owner)
    }

    pub(super) fn read(rows: &impl Read) -> Result<Self> {
        read(rows, HEAD)?.ok_or_else(|| Error::corrupted("the file's counters are missing"))
    }

    pub(super) fn write(self, rows: &mut WriteTables<'_>) -> Result<()> {
        write(rows, HEAD, self)
    }
}

/// Writes the identity of a new file: the seed of its hashes. No two files have the same.
pub(super) fn write_identity(rows: &mut WriteTables<'_>, seed: [u8; 16]) -> Result<()> {
    write(rows, IDENTITY, seed)
}

/// The seed of this file's hashes.
pub(super) fn read_seed(rows: &impl Read) -> Result<[u8; 16]> {
    read(rows, IDENTITY)?.ok_or_else(|| Error::corrupted("the file's identity is missing"))
}

/// Which journal counts beside the file; none before the first.
pub(super) fn read_epoch(rows: &impl Read) -> Result<Option<Epoch>> {
    let epoch = read(rows, JOURNAL)?;
    Ok(epoch.map(|(lineage, generation, since, open)| Epoch {
        lineage,
        generation,
        since,
        open,
    }))
}

pub(super) fn write_epoch(rows: &mut WriteTables<'_>, epoch: &Epoch) -> Result<()> {
    let parts = (epoch.lineage, epoch.generation, epoch.since, epoch.open);
    write(rows, JOURNAL, parts)
}

/// A copy of a file has no journal: what is in the original's is in the copy.
pub(super) fn remove_epoch(rows: &mut WriteTables<'_>) -> Result<()> {
    rows.remove(tables::CATALOG, &keys::meta(JOURNAL)).map(drop)
}
