//! The version of the file's layout. A file of a newer one is refused, never guessed at.

use super::{keys, tables};
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Read, WriteTables};

/// The layout that this version of convodb writes.
pub(super) const VERSION: u32 = 1;

const FORMAT: &str = "format";

/// The version lies bare, outside any record: every version of convodb, past and to come, must be
/// able to read it.
pub(super) fn write(rows: &mut WriteTables<'_>) -> Result<()> {
    rows.put(tables::CATALOG, &keys::meta(FORMAT), &VERSION.to_be_bytes())
}

pub(super) fn check(rows: &impl Read) -> Result<()> {
    let found = rows.get(tables::CATALOG, &keys::meta(FORMAT))?;
    let found = found.ok_or_else(|| {
        Error::new(
            ErrorKind::NotAStore,
            "the file is a database of the same engine, but not a store",
        )
    })?;
    let version = found[..]
        .try_into()
        .map(u32::from_be_bytes)
        .map_err(|_| Error::corrupted("the file's format version is malformed"))?;
    if version != VERSION {
        return Err(Error::new(
            ErrorKind::UnsupportedFormat,
            format!("the file has format {version}, and this version reads format {VERSION}"),
        ));
    }
    Ok(())
}
