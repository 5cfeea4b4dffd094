//! A layout that was never released: notes lie in a table `memos`, in records that name no author.
//!
//! It stands where the first real upgrade will, and goes the same way: other tables, and a record
//! of another layout and key.

use std::path::Path;
use std::sync::Arc;

use convodb_core::Result;
use serde::{Deserialize, Serialize};

use super::Older;
use crate::kv::{Database, Durability, Place, ReadTables, Setup, SystemDisk, Table, WriteTables};
use crate::storage::codec::{self, Described, Record};
use crate::storage::records::NoteV1;
use crate::storage::scan::{self, Scan};
use crate::storage::tables;

/// In the place of `notes`.
pub(super) const MEMOS: Table = Table {
    index: tables::NOTES.index,
    name: "memos",
};

pub(super) const FORMAT: Older = Older {
    version: 0,
    tables: &[
        tables::CONVERSATIONS,
        tables::MESSAGES,
        MEMOS,
        tables::INDEX,
        tables::CATALOG,
        tables::EVENTS,
    ],
    rewrite,
};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MemoV0<'a> {
    pub(super) content: &'a str,
}

impl Record for MemoV0<'_> {
    const FORMAT: u8 = 0;
    const TABLE: Table = MEMOS;
}

impl Described for MemoV0<'_> {}

fn rewrite(from: &ReadTables, to: &mut WriteTables<'_>) -> Result<()> {
    for table in [
        tables::CONVERSATIONS,
        tables::MESSAGES,
        tables::INDEX,
        tables::CATALOG,
        tables::EVENTS,
    ] {
        scan::copy(from, table, to)?;
    }
    for row in Scan::new(from, MEMOS)? {
        let (key, bytes) = row?;
        let memo: MemoV0<'_> = codec::decode(&key, &bytes)?;
        let note = NoteV1 {
            content: memo.content,
            author: None,
        };
        to.put(tables::NOTES, &key, &codec::encode(&key, &note)?)?;
    }
    Ok(())
}

pub(super) fn setup(tables: &'static [Table]) -> Setup {
    Setup {
        tables,
        cache_bytes: 1 << 20,
        check_up_to_bytes: u64::MAX,
    }
}

pub(super) fn place(path: &Path) -> Place {
    Place::new(Arc::new(SystemDisk), path.to_owned())
}

/// The content of a closed file in a new one of this layout, but for the notes' authors.
#[cfg(feature = "testing")]
pub(crate) fn write_older(current: &Path, path: &Path) -> Result<()> {
    older(current, path, false)
}

/// The same; a memo can be spoilt on the way.
pub(super) fn older(current: &Path, path: &Path, spoilt: bool) -> Result<()> {
    let database = Database::open(&place(current), &setup(tables::ALL))?;
    let rows = database.begin_read()?;
    let fill = |new: &Database| {
        let transaction = new.begin_write()?;
        {
            let mut to = transaction.tables();
            to.create_all()?;
            for table in FORMAT.tables {
                if *table != MEMOS {
                    scan::copy(&rows, *table, &mut to)?;
                }
            }
            write_memos(&rows, &mut to, spoilt)?;
            super::write_version(&mut to, FORMAT.version)?;
        }
        new.commit(transaction, Durability::Durable)
    };
    Database::create(&place(path), &setup(FORMAT.tables), fill).map(drop)
}

fn write_memos(from: &ReadTables, to: &mut WriteTables<'_>, spoilt: bool) -> Result<()> {
    for row in Scan::new(from, tables::NOTES)? {
        let (key, bytes) = row?;
        let NoteV1 { content, .. } = codec::decode(&key, &bytes)?;
        let mut memo = codec::encode(&key, &MemoV0 { content })?;
        if spoilt && let Some(last) = memo.last_mut() {
            *last ^= 1;
        }
        to.put(MEMOS, &key, &memo)?;
    }
    Ok(())
}
