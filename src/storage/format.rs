//! The version of the file's layout, and the way from an older one to the current.
//!
//! Invariant: a file of a newer version is refused, never guessed at; one of an older version is
//! never changed where it lies, but written anew and put in its own place, whole or not at all.

#[cfg(any(test, feature = "testing"))]
mod sample;
#[cfg(test)]
mod tests;

use convodb_core::{Error, ErrorKind, Result};
#[cfg(feature = "testing")]
pub(crate) use sample::write_older;

use super::{keys, tables};
use crate::kv::{Database, Durability, Read, ReadTables, Table, WriteTables};

/// The layout that this version of convodb writes.
pub(super) const VERSION: u32 = 1;

const FORMAT: &str = "format";

/// The table that tells the version, alone: the others are those of a version.
const BARE: Table = Table {
    index: 0,
    name: tables::CATALOG.name,
};

/// An older layout, and how its rows become those of the next one.
pub(super) struct Older {
    pub(super) version: u32,
    pub(super) tables: &'static [Table],
    /// Writes every row as the next version has it, but for the version itself.
    rewrite: fn(&ReadTables, &mut WriteTables<'_>) -> Result<()>,
}

/// Every layout that was released before the current one. The tests have one more, which never
/// was, so that the way of a real one is gone before it is needed.
const OLDER: &[Older] = &[
    #[cfg(any(test, feature = "testing"))]
    sample::FORMAT,
];

impl Older {
    /// Writes a new file of the next version with all that the tables hold.
    pub(super) fn upgrade(&self, from: &ReadTables, to: &Database) -> Result<()> {
        let transaction = to.begin_write()?;
        {
            let mut rows = transaction.tables();
            rows.create_all()?;
            (self.rewrite)(from, &mut rows)?;
            write_version(&mut rows, self.version + 1)?;
        }
        to.commit(transaction, Durability::Durable)
    }
}

/// The tables of a version.
pub(super) fn tables_of(version: u32) -> &'static [Table] {
    OLDER
        .iter()
        .find(|older| older.version == version)
        .map_or(tables::ALL, |older| older.tables)
}

/// The version lies bare, outside any record: every version of convodb, past and to come, must be
/// able to read it.
pub(super) fn write(rows: &mut WriteTables<'_>) -> Result<()> {
    write_version(rows, VERSION)
}

fn write_version(rows: &mut WriteTables<'_>, version: u32) -> Result<()> {
    rows.put(tables::CATALOG, &keys::meta(FORMAT), &version.to_be_bytes())
}

fn version(rows: &impl Read) -> Result<u32> {
    let found = rows.get(BARE, &keys::meta(FORMAT))?.ok_or_else(|| {
        Error::new(
            ErrorKind::NotAStore,
            "the file is a database of the same engine, but not a store",
        )
    })?;
    found[..]
        .try_into()
        .map(u32::from_be_bytes)
        .map_err(|_| Error::corrupted("the file's format version is malformed"))
}

/// The older layout that a file has, or none where it has the current one.
pub(super) fn older(database: &Database) -> Result<Option<&'static Older>> {
    let version = version(&database.begin_read_of(&[BARE])?)?;
    if version == VERSION {
        return Ok(None);
    }
    let older = OLDER.iter().find(|older| older.version == version);
    older.map(Some).ok_or_else(|| {
        Error::new(
            ErrorKind::UnsupportedFormat,
            format!("the file has format {version}, and this version reads format {VERSION}"),
        )
    })
}
