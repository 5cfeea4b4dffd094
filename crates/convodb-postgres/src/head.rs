//! The counters of a workspace, and its directory as rows.

use chrono::{DateTime, Utc};
use convodb_core::directory::{Directory, DirectoryEdit, DirectoryKey, DirectoryRow};
use convodb_core::{AssigneeId, CommitSeq, Error, EventSeq, InboxId, Result, ViewId};
use tokio_postgres::Row;

use crate::keys;
use crate::numbering::Numbering;
use crate::rows;
use crate::session::Statement;

/// The counters of a workspace, as a load saw them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The number of the latest change of the directory.
    pub(crate) epoch: i64,
    pub(crate) commit_seq: CommitSeq,
    pub(crate) newest_event: EventSeq,
    pub(crate) oldest_event: EventSeq,
    pub(crate) newest_time: DateTime<Utc>,
    pub(crate) newest_id: u128,
    pub(crate) next_owner: u32,
    pub(crate) numbering: Numbering,
    /// The time of the server's clock.
    pub(crate) now: DateTime<Utc>,
}

/// The columns of a row that [`Head::read`] reads: an epoch, an id and numbers.
pub(crate) const HEAD: &str = "w.epoch, h.newest_id, ARRAY[h.commit_seq, h.newest_event, w.oldest_event, \
     h.newest_time, w.next_owner, w.numbering, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint]";

/// The table that has these columns of the workspace `$1`.
pub(crate) const HEAD_FROM: &str =
    "convodb.workspace w JOIN convodb.head h ON h.ws = w.ws WHERE w.ws = $1";

impl Head {
    pub(crate) fn read(epoch: i64, newest_id: &[u8], numbers: &[i64]) -> Result<Self> {
        let malformed = || Error::corrupted("the counters of the workspace are malformed");
        let [
            commit_seq,
            newest_event,
            oldest_event,
            newest_time,
            next_owner,
            numbering,
            now,
        ] = numbers
        else {
            return Err(malformed());
        };
        let newest_id: [u8; 16] = newest_id.try_into().map_err(|_| malformed())?;
        Ok(Self {
            epoch,
            commit_seq: CommitSeq::new(commit_seq.unsigned_abs()),
            newest_event: EventSeq::new(newest_event.unsigned_abs()),
            oldest_event: EventSeq::new(oldest_event.unsigned_abs()),
            newest_time: keys::time_of(*newest_time)?,
            newest_id: u128::from_be_bytes(newest_id),
            next_owner: u32::try_from(*next_owner).map_err(|_| malformed())?,
            numbering: Numbering::of(*numbering)?,
            now: keys::time_of(*now)?,
        })
    }

    /// Those of a row of [`HEAD`].
    pub(crate) fn of_row(row: &Row) -> Result<Self> {
        Self::read(row.get(0), row.get(1), &row.get::<_, Vec<i64>>(2))
    }

    pub(crate) fn statement(ws: i32) -> Statement {
        Statement::new(format!("SELECT {HEAD} FROM {HEAD_FROM}")).bind(ws)
    }

    /// How many events are kept.
    pub(crate) fn events(&self) -> u64 {
        (self.newest_event.get() + 1).saturating_sub(self.oldest_event.get())
    }
}

/// The number of each kind of row of the directory.
mod kind {
    pub(super) const ASSIGNEE: i16 = 1;
    pub(super) const REDIRECT: i16 = 2;
    pub(super) const REMOVED_TEAM: i16 = 3;
    pub(super) const INBOX: i16 = 4;
    pub(super) const VIEW: i16 = 5;
    pub(super) const REMOVED_LIST: i16 = 6;
}

const TABLE: &str = "convodb.directory";

/// All rows of the directory.
pub(crate) fn directory(ws: i32) -> Statement {
    let sql = "SELECT kind, key, record FROM convodb.directory WHERE ws = $1";
    Statement::new(sql).bind(ws)
}

pub(crate) fn read_directory(rows: &[Row], head: &Head) -> Result<Directory> {
    let rows: Vec<_> = rows.iter().map(read_row).collect::<Result<_>>()?;
    Directory::from_rows(rows, head.next_owner)
}

fn read_row(row: &Row) -> Result<DirectoryRow> {
    let (kind, key, record): (i16, &[u8], &[u8]) = (row.get(0), row.get(1), row.get(2));
    let malformed = || rows::damaged(TABLE, key);
    let number = || {
        key.try_into()
            .map(u32::from_be_bytes)
            .map_err(|_| malformed())
    };
    let text = || keys::text_of(key);
    Ok(match kind {
        kind::ASSIGNEE => DirectoryRow::Assignee(
            AssigneeId::new(text()?).map_err(|_| malformed())?,
            rows::decode(TABLE, key, record)?,
        ),
        kind::REDIRECT => DirectoryRow::Redirect(number()?, rows::decode(TABLE, key, record)?),
        kind::REMOVED_TEAM => {
            DirectoryRow::RemovedTeam(number()?, rows::decode(TABLE, key, record)?)
        }
        kind::INBOX => DirectoryRow::Inbox(
            InboxId::new(text()?).map_err(|_| malformed())?,
            rows::decode(TABLE, key, record)?,
        ),
        kind::VIEW => DirectoryRow::View(
            ViewId::new(text()?).map_err(|_| malformed())?,
            Box::new(rows::decode(TABLE, key, record)?),
        ),
        kind::REMOVED_LIST => DirectoryRow::RemovedList(number()?),
        _ => return Err(malformed()),
    })
}

fn key_of(key: &DirectoryKey) -> (i16, Vec<u8>) {
    match key {
        DirectoryKey::Assignee(id) => (kind::ASSIGNEE, keys::assignee(id)),
        DirectoryKey::Redirect(owner) => (kind::REDIRECT, owner.to_be_bytes().to_vec()),
        DirectoryKey::RemovedTeam(team) => (kind::REMOVED_TEAM, team.to_be_bytes().to_vec()),
        DirectoryKey::Inbox(id) => (kind::INBOX, id.as_str().as_bytes().to_vec()),
        DirectoryKey::View(id) => (kind::VIEW, id.as_str().as_bytes().to_vec()),
        DirectoryKey::RemovedList(list) => (kind::REMOVED_LIST, list.to_be_bytes().to_vec()),
    }
}

/// The statement that an edit of the directory is.
pub(crate) fn edit(ws: i32, edit: &DirectoryEdit) -> Result<Statement> {
    let row = match edit {
        DirectoryEdit::Remove(key) => {
            let (kind, key) = key_of(key);
            let sql = "DELETE FROM convodb.directory WHERE ws = $1 AND kind = $2 AND key = $3";
            return Ok(Statement::new(sql).bind(ws).bind(kind).bind(key));
        }
        DirectoryEdit::Put(row) => row,
    };
    let (key, record) = match row {
        DirectoryRow::Assignee(id, record) => {
            (DirectoryKey::Assignee(id.clone()), rows::encode(record)?)
        }
        DirectoryRow::Redirect(owner, record) => {
            (DirectoryKey::Redirect(*owner), rows::encode(record)?)
        }
        DirectoryRow::RemovedTeam(team, successor) => {
            (DirectoryKey::RemovedTeam(*team), rows::encode(successor)?)
        }
        DirectoryRow::Inbox(id, record) => (DirectoryKey::Inbox(id.clone()), rows::encode(record)?),
        DirectoryRow::View(id, record) => {
            (DirectoryKey::View(id.clone()), rows::encode(&**record)?)
        }
        DirectoryRow::RemovedList(list) => (DirectoryKey::RemovedList(*list), Vec::new()),
    };
    let (kind, key) = key_of(&key);
    let sql = "INSERT INTO convodb.directory (ws, kind, key, record) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (ws, kind, key) DO UPDATE SET record = excluded.record";
    Ok(Statement::new(sql)
        .bind(ws)
        .bind(kind)
        .bind(key)
        .bind(record))
}
