//! Rows that are gathered and then written table by table in key order, as a B-tree likes it.

use crate::error::Result;
use crate::kv::{Table, WriteTables};

/// New rows of many conversations. Nothing reads them before they are written.
#[derive(Debug, Default)]
pub(super) struct Batch {
    rows: Vec<(Table, Vec<u8>, Vec<u8>)>,
}

impl Batch {
    pub(super) fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.rows.push((table, key.to_vec(), value));
    }

    pub(super) fn write(&mut self, rows: &mut WriteTables<'_>) -> Result<()> {
        self.rows.sort_unstable();
        for (table, key, value) in self.rows.drain(..) {
            rows.put(table, &key, &value)?;
        }
        Ok(())
    }
}
