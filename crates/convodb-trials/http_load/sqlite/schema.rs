//! What receiving needs beside the schema of the comparison.

use std::path::Path;

use anyhow::Result;
use compare::engines::sqlite::connect;
use convodb::Direction;

/// Adds the rule that a contact has one conversation on a channel, and the counts and further times of a
/// conversation. Afterwards every table is packed again, as these make its rows longer.
pub(crate) fn prepare(file: &Path) -> Result<()> {
    let connection = connect(file)?;
    let inbound = Direction::Inbound as u8;
    connection.execute_batch(&format!(
        "CREATE UNIQUE INDEX by_contact ON conversation(contact_id, channel);
         ALTER TABLE conversation ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE conversation ADD COLUMN inbound INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE conversation ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE conversation ADD COLUMN waiting_since INTEGER;
         ALTER TABLE conversation ADD COLUMN last_inbound_at INTEGER;
         ALTER TABLE conversation ADD COLUMN last_message_at INTEGER;
         ALTER TABLE conversation ADD COLUMN opened_at INTEGER;
         UPDATE conversation SET inbound =
             (SELECT count(*) FROM message WHERE conv = seq AND direction = {inbound});
         VACUUM;
         ANALYZE by_contact;
         PRAGMA wal_checkpoint(TRUNCATE);",
    ))?;
    connection.close().map_err(|(_, error)| error.into())
}
