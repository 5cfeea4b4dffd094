//! Filling a file as fast as SQLite can: without a journal, and the indexes afterwards.

use std::fs::File;
use std::path::Path;

use anyhow::Result;
use convodb::{AssigneeKind, Channel, Status};
use rusqlite::{Connection, params};

use super::statements::{self, Layout};
use crate::data::{Dataset, NOBODY};

/// How a load begins.
pub(super) const BEGIN: &str = "
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = -262144;
    PRAGMA temp_store = MEMORY;";

pub(super) fn load(
    path: &Path,
    layout: Layout,
    data: &Dataset,
    loaded: &dyn Fn(u64),
) -> Result<()> {
    let connection = Connection::open(path)?;
    connection.execute_batch(BEGIN)?;
    connection.execute_batch(statements::TABLES)?;
    connection.execute_batch("BEGIN")?;
    rows(&connection, data, loaded)?;
    connection.execute_batch("COMMIT; CREATE UNIQUE INDEX by_id ON conversation(id);")?;
    for columns in statements::indexes(layout) {
        let name = statements::index_name(&columns);
        let columns: String = columns.iter().map(|column| format!("{column}, ")).collect();
        connection.execute_batch(&format!(
            "CREATE INDEX {name} ON conversation({columns}updated_at, id)"
        ))?;
    }
    totals(&connection, data)?;
    connection.execute_batch(statements::TRIGGERS)?;
    end(connection, path)
}

/// Ends a load: everything is on the disk then.
pub(super) fn end(connection: Connection, path: &Path) -> Result<()> {
    connection.execute_batch(
        "PRAGMA analysis_limit = 1000; ANALYZE;
         PRAGMA locking_mode = NORMAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_checkpoint(TRUNCATE);",
    )?;
    connection.close().map_err(|(_, error)| error)?;
    // Nothing of the load was synced so far.
    Ok(File::open(path)?.sync_all()?)
}

fn rows(connection: &Connection, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
    let mut conversation = connection.prepare(
        "INSERT INTO conversation VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let mut message = connection.prepare("INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for one in data.conversations() {
        let seq = i64::from(one.number) + 1;
        let assignee = data.directory.get(one.assignee);
        conversation.execute(params![
            seq,
            &one.id.to_be_bytes()[..],
            one.contact(),
            one.channel as u8,
            one.status as u8,
            one.assignee,
            assignee.map(|assignee| kind_code(assignee.kind)),
            assignee.map(|assignee| &*assignee.id),
            assignee.map(|assignee| &*assignee.name),
            one.created_us,
            one.updated_us,
        ])?;
        for one in data.messages(&one) {
            message.execute(params![
                seq,
                &one.id.to_be_bytes()[..],
                one.direction as u8,
                one.status as u8,
                &*one.content,
                one.created_us,
            ])?;
        }
        loaded(1);
    }
    Ok(())
}

pub(super) const fn kind_code(kind: AssigneeKind) -> u8 {
    match kind {
        AssigneeKind::User => 0,
        AssigneeKind::Team => 1,
    }
}

/// Every total is there from the beginning, so that a change is one update and no upsert.
fn totals(connection: &Connection, data: &Dataset) -> Result<()> {
    connection.execute_batch("BEGIN")?;
    let mut by_state = connection.prepare("INSERT INTO total_by_state VALUES (?1, ?2, 0)")?;
    let mut by_assignee =
        connection.prepare("INSERT INTO total_by_assignee VALUES (?1, ?2, ?3, 0)")?;
    for status in Status::ALL {
        for channel in Channel::ALL {
            by_state.execute(params![status as u8, channel as u8])?;
            let numbers = data.directory.iter().map(|(number, _)| number);
            for number in numbers.chain([NOBODY]) {
                by_assignee.execute(params![number, status as u8, channel as u8])?;
            }
        }
    }
    connection.execute_batch(
        "REPLACE INTO total_by_state
             SELECT status, channel, count(*) FROM conversation GROUP BY status, channel;
         REPLACE INTO total_by_assignee
             SELECT assignee, status, channel, count(*) FROM conversation
             GROUP BY assignee, status, channel;
         COMMIT;",
    )?;
    Ok(())
}
