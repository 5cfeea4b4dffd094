//! A layout that was never released: notes lie in a table `memos`, in records that name no author.
//!
//! It stands where the first real upgrade will, and goes the same way: other tables, and a record
//! of another layout and key.

use convodb_core::Result;
use serde::{Deserialize, Serialize};

use super::Older;
use crate::kv::{ReadTables, Table, WriteTables};
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
