//! Commands, durable when they return.

use anyhow::{Result, ensure};
use convodb::{DeliveryStatus, Direction, Status};
use rusqlite::{Connection, params};

use super::load::kind_code;
use crate::data::Directory;
use crate::engine::{Command, new_message_id, now_us};

const BUMP: &str = "UPDATE conversation SET updated_at = max(updated_at, ?2), status = 0 \
                    WHERE id = ?1 RETURNING seq";
const MESSAGE: &str = "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const ASSIGN: &str = "UPDATE conversation SET updated_at = max(updated_at, ?2), status = 0, \
                      assignee = ?3, assignee_kind = ?4, assignee_id = ?5, assignee_name = ?6 \
                      WHERE id = ?1";
const RESOLVE: &str = "UPDATE conversation SET updated_at = max(updated_at, ?2), status = ?3 \
                       WHERE id = ?1";

fn apply(connection: &Connection, directory: &Directory, command: &Command) -> Result<()> {
    let now = now_us();
    let changed = match command {
        Command::Append { to, text } => {
            let mut bump = connection.prepare_cached(BUMP)?;
            let id = &to.id.to_be_bytes()[..];
            let seq: i64 = bump.query_row(params![id, now], |row| row.get(0))?;
            connection.prepare_cached(MESSAGE)?.execute(params![
                seq,
                &new_message_id(now).to_be_bytes()[..],
                Direction::Outbound as u8,
                DeliveryStatus::Sent as u8,
                text,
                now,
            ])?
        }
        Command::Assign { to, assignee } => {
            let one = directory.get(*assignee);
            connection.prepare_cached(ASSIGN)?.execute(params![
                &to.id.to_be_bytes()[..],
                now,
                assignee,
                one.map(|one| kind_code(one.kind)),
                one.map(|one| &*one.id),
                one.map(|one| &*one.name),
            ])?
        }
        Command::Resolve { to } => {
            let id = &to.id.to_be_bytes()[..];
            let mut resolve = connection.prepare_cached(RESOLVE)?;
            resolve.execute(params![id, now, Status::Resolved as u8])?
        }
    };
    ensure!(changed == 1, "no such conversation");
    Ok(())
}

/// One command. Those of one statement are a transaction by themselves.
pub(super) fn run(connection: &Connection, directory: &Directory, command: &Command) -> Result<()> {
    match command {
        Command::Append { .. } => run_all(connection, directory, std::slice::from_ref(command)),
        Command::Assign { .. } | Command::Resolve { .. } => apply(connection, directory, command),
    }
}

pub(super) fn run_all(
    connection: &Connection,
    directory: &Directory,
    commands: &[Command],
) -> Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let applied = commands
        .iter()
        .try_for_each(|command| apply(connection, directory, command));
    let end = if applied.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    connection.prepare_cached(end)?.execute([])?;
    applied
}
