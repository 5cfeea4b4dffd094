//! What the file is, and the counters that the next commit goes on from.
//!
//! A file of another version of the layout is refused, never guessed at.

use chrono::{DateTime, Utc};
use convodb_core::directory::UNASSIGNED;
use convodb_core::{CommitSeq, Error, ErrorKind, EventSeq, Result, time};
use serde::{Deserialize, Serialize};

use super::{kinds, tables};
use convodb_kv::{Database, Read, Table, WriteTables};

/// The counters, written by every commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The number of commits that changed something.
    pub(crate) commit_seq: CommitSeq,
    /// The time that the store's clock gave out last.
    #[serde(with = "time")]
    pub(crate) newest_time: DateTime<Utc>,
    /// The greatest id that the store gave out since its clock was last set back.
    pub(crate) newest_id: u128,
    /// The number of the next owner; none is used twice.
    pub(crate) next_owner: u32,
    /// The oldest event that is kept; the number of the next one where none is.
    pub(crate) oldest_event: EventSeq,
    /// The newest event; zero before the first.
    pub(crate) newest_event: EventSeq,
}

/// The seed of a file's hashes. No two files have the same.
#[derive(Serialize, Deserialize)]
pub(super) struct Identity(pub(super) [u8; 16]);

impl Head {
    /// Those of a new file.
    pub(super) fn new() -> Self {
        Self {
            commit_seq: CommitSeq::ZERO,
            newest_time: DateTime::default(),
            newest_id: 0,
            next_owner: UNASSIGNED + 1,
            oldest_event: EventSeq::new(1),
            newest_event: EventSeq::ZERO,
        }
    }

    /// The time of the store's clock, where the given one shows this.
    pub(crate) fn clock(&self, shown: DateTime<Utc>) -> DateTime<Utc> {
        time::monotonic(shown, self.newest_time)
    }

    /// How many events are kept.
    pub(crate) fn events(&self) -> u64 {
        (self.newest_event.get() + 1).saturating_sub(self.oldest_event.get())
    }

    /// The number of a new owner.
    pub(super) fn read(rows: &impl Read) -> Result<Self> {
        let head = kinds::HEAD.get(rows, &())?;
        head.ok_or_else(|| Error::corrupted("the file's counters are missing"))
    }

    pub(super) fn write(self, rows: &mut WriteTables<'_>) -> Result<()> {
        kinds::HEAD.put(rows, &(), &self)
    }
}

pub(super) fn read_seed(rows: &impl Read) -> Result<[u8; 16]> {
    let identity = kinds::IDENTITY.get(rows, &())?;
    identity
        .map(|Identity(seed)| seed)
        .ok_or_else(|| Error::corrupted("the file's identity is missing"))
}

/// The layout that this version of convodb writes and reads.
const VERSION: u32 = 1;

/// The table that has the version, alone: the others are those of a version.
const BARE: Table = Table {
    index: 0,
    name: tables::CATALOG.name,
};

/// The version is stored bare, outside any record: every version of convodb, past and to come, must
/// be able to read it.
pub(super) fn write_format(rows: &mut WriteTables<'_>) -> Result<()> {
    rows.put(
        tables::CATALOG,
        &kinds::FORMAT.key(&()),
        &VERSION.to_be_bytes(),
    )
}

/// An error where this is no database of convodb, or one of another version.
pub(super) fn check_format(database: &Database) -> Result<()> {
    let rows = database.begin_read_of(&[BARE])?;
    let found = rows.get(BARE, &kinds::FORMAT.key(&()))?.ok_or_else(|| {
        let message = "the file is a redb database, but not a store of convodb";
        Error::new(ErrorKind::NotADatabase, message)
    })?;
    let version = found[..]
        .try_into()
        .map(u32::from_be_bytes)
        .map_err(|_| Error::corrupted("the file's format version is malformed"))?;
    if version == VERSION {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::UnsupportedVersion,
        format!("the file has format {version}, and this version reads format {VERSION}"),
    ))
}
