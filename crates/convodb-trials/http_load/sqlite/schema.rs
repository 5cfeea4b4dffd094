//! What receiving needs beside the schema of the comparison.

use std::path::Path;

use anyhow::Result;
use compare::engines::sqlite::connect;

/// Adds the rule that a contact has one conversation on a channel, and the count of what is unread.
pub(crate) fn prepare(file: &Path) -> Result<()> {
    let connection = connect(file)?;
    connection.execute_batch(
        "CREATE UNIQUE INDEX by_contact ON conversation(contact_id, channel);
         ALTER TABLE conversation ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
         ANALYZE by_contact;
         PRAGMA wal_checkpoint(TRUNCATE);",
    )?;
    connection.close().map_err(|(_, error)| error.into())
}
