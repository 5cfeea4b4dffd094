//! What the file is and where it stands.

use chrono::{DateTime, Utc};
use convodb_core::{Error, Result, time};

use super::journal::Epoch;
use super::records::{EpochV1, HeadV1, IdentityV1};
use super::{codec, keys, tables};
use crate::kv::{Read, WriteTables};

const HEAD: &str = "head";
const IDENTITY: &str = "identity";
const JOURNAL: &str = "journal";

/// Where the file stands: what the next commit goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The number of commits that changed something.
    pub(crate) sequence: u64,
    /// The latest time that the store's clock gave out (R7).
    pub(crate) newest_time: DateTime<Utc>,
    /// The greatest id that the store gave out.
    pub(crate) newest_id: u128,
    /// The bucket of the next user or team; none is used twice.
    pub(crate) next_bucket: u32,
    /// The number of the oldest event that is kept; that of the next one where none is.
    pub(crate) oldest_event: u64,
    /// The number of the latest event; 0 before the first.
    pub(crate) newest_event: u64,
}

impl Head {
    /// Where a new file stands.
    pub(super) fn new() -> Self {
        Self {
            sequence: 0,
            newest_time: DateTime::default(),
            newest_id: 0,
            next_bucket: keys::UNASSIGNED + 1,
            oldest_event: 1,
            newest_event: 0,
        }
    }

    /// How many events are kept.
    pub(crate) fn events(&self) -> u64 {
        (self.newest_event + 1).saturating_sub(self.oldest_event)
    }

    pub(super) fn read(rows: &impl Read) -> Result<Self> {
        let key = keys::meta(HEAD);
        let bytes = rows
            .get(tables::CATALOG, &key)?
            .ok_or_else(|| Error::corrupted("the file's head is missing"))?;
        let head: HeadV1 = codec::decode(&key, &bytes)?;
        Ok(Self {
            sequence: head.sequence,
            newest_time: time::from_micros(head.newest_us)
                .ok_or_else(|| Error::corrupted("the file's newest time is impossible"))?,
            newest_id: head.newest_id,
            next_bucket: head.next_bucket,
            oldest_event: head.oldest_event,
            newest_event: head.newest_event,
        })
    }

    pub(super) fn write(self, rows: &mut WriteTables<'_>) -> Result<()> {
        let key = keys::meta(HEAD);
        let head = HeadV1 {
            sequence: self.sequence,
            newest_us: self.newest_time.timestamp_micros(),
            newest_id: self.newest_id,
            next_bucket: self.next_bucket,
            oldest_event: self.oldest_event,
            newest_event: self.newest_event,
        };
        rows.put(tables::CATALOG, &key, &codec::encode(&key, &head)?)
    }
}

/// Writes what tells this file from every other.
pub(super) fn write_identity(rows: &mut WriteTables<'_>, seed: [u8; 16]) -> Result<()> {
    let key = keys::meta(IDENTITY);
    let identity = IdentityV1 { seed };
    rows.put(tables::CATALOG, &key, &codec::encode(&key, &identity)?)
}

/// What seeds the hashes of this file.
pub(super) fn read_seed(rows: &impl Read) -> Result<[u8; 16]> {
    let key = keys::meta(IDENTITY);
    let bytes = rows
        .get(tables::CATALOG, &key)?
        .ok_or_else(|| Error::corrupted("the file's identity is missing"))?;
    let identity: IdentityV1 = codec::decode(&key, &bytes)?;
    Ok(identity.seed)
}

/// Which journal counts beside the file; none before the first.
pub(super) fn read_epoch(rows: &impl Read) -> Result<Option<Epoch>> {
    let key = keys::meta(JOURNAL);
    let Some(bytes) = rows.get(tables::CATALOG, &key)? else {
        return Ok(None);
    };
    let epoch: EpochV1 = codec::decode(&key, &bytes)?;
    Ok(Some(Epoch {
        lineage: epoch.lineage,
        generation: epoch.generation,
        since: epoch.since,
        open: epoch.open,
    }))
}

pub(super) fn write_epoch(rows: &mut WriteTables<'_>, epoch: &Epoch) -> Result<()> {
    let key = keys::meta(JOURNAL);
    let epoch = EpochV1 {
        lineage: epoch.lineage,
        generation: epoch.generation,
        since: epoch.since,
        open: epoch.open,
    };
    rows.put(tables::CATALOG, &key, &codec::encode(&key, &epoch)?)
}

/// A copy of a file has no journal: what is in the original's is in the copy.
pub(super) fn remove_epoch(rows: &mut WriteTables<'_>) -> Result<()> {
    rows.remove(tables::CATALOG, &keys::meta(JOURNAL)).map(drop)
}
