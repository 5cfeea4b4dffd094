//! The version of the file's layout.
//!
//! A file of another version is refused, never guessed at.

use convodb_core::{Error, ErrorKind, Result};

use super::{kinds, tables};
use crate::kv::{Database, Read, Table, WriteTables};

/// The layout that this version of convodb writes and reads.
const VERSION: u32 = 1;

/// The table that has the version, alone: the others are those of a version.
const BARE: Table = Table {
    index: 0,
    name: tables::CATALOG.name,
};

/// The version is stored bare, outside any record: every version of convodb, past and to come, must be
/// able to read it.
pub(super) fn write(rows: &mut WriteTables<'_>) -> Result<()> {
    rows.put(
        tables::CATALOG,
        &kinds::FORMAT.key(&()),
        &VERSION.to_be_bytes(),
    )
}

/// # Errors
///
/// Not a database of convodb, or one of another version.
pub(super) fn check(database: &Database) -> Result<()> {
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
