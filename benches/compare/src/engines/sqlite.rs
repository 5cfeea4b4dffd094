//! SQLite, twice: laid out to be read best, and to be written best; and an expert's detours to
//! deep pages of the first.
//!
//! WAL, `synchronous=FULL`, a checkpoint at ten thousand pages of it, a cache of 256 MiB, 2 GiB
//! mapped, cached prepared statements with `INDEXED BY`, `ANALYZE`, totals kept by triggers.

mod expert;
mod load;
mod sidebar;
mod statements;
mod views;
mod write;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail, ensure};
use convodb::{AssigneeKind, Channel, Direction, Status};
use rusqlite::config::DbConfig;
use rusqlite::types::{FromSqlResult, Value, ValueRef};
use rusqlite::{Connection, Params, params, params_from_iter};

pub(crate) use expert::Expert;
use sidebar::Sidebar;
pub use statements::{COLUMNS, Layout, MESSAGES, Question};
#[cfg(test)]
pub(crate) use views::FILE as VIEWS_FILE;
pub(crate) use views::SqliteViews;

use super::flood;
use super::keys::delivery;
use crate::data::{Assignee, Dataset, Directory, Message};
use crate::engine::{Answers, Command, Engine, Flood, Page, Reader, Row, Rows, Thread};
use crate::plan::{LIMIT, Place, Plan, Target};

pub(crate) struct Sqlite {
    layout: Layout,
    path: PathBuf,
    directory: Directory,
    connection: Option<Connection>,
    /// For each thread one of its own, once they are asked for.
    others: Vec<Connection>,
    shapes: Vec<Question>,
    sidebar: Option<Sidebar>,
}

/// What the file of the layout to be read best is called.
pub const BEST_FILE: &str = "best.sqlite";

/// A connection as every part of the comparison has it.
pub fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 10000;
         PRAGMA cache_size = -262144;
         PRAGMA mmap_size = 2147483648;
         PRAGMA temp_store = MEMORY;",
    )?;
    // Else a bound LIMIT makes SQLite prepare the statement anew at every call: 10 µs of a page.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// In the order of [`COLUMNS`].
pub fn row(row: &rusqlite::Row<'_>) -> Result<Row> {
    let text =
        |place| -> FromSqlResult<Option<&str>> { row.get_ref_unwrap(place).as_str_or_null() };
    let number = |place| row.get_ref_unwrap(place).as_i64();
    let assignee = match row.get_ref_unwrap(4) {
        ValueRef::Null => None,
        kind => Some(Assignee {
            kind: match kind.as_i64()? {
                0 => AssigneeKind::User,
                _ => AssigneeKind::Team,
            },
            id: text(5)?.context("assignee_id")?.into(),
            name: text(6)?.context("assignee_name")?.into(),
        }),
    };
    Ok(Row {
        id: u128::from_be_bytes(row.get_ref_unwrap(0).as_blob()?.try_into()?),
        contact: text(1)?.context("contact_id")?.into(),
        channel: *Channel::ALL.get(number(2)? as usize).context("channel")?,
        status: *Status::ALL.get(number(3)? as usize).context("status")?,
        assignee,
        created_us: number(7)?,
        updated_us: number(8)?,
    })
}

/// The rows of a page, and the total that stands in each of them, so that one statement and one
/// transaction do; only of an empty page it must be asked alone.
fn page(
    connection: &Connection,
    sql: &str,
    question: &Question,
    params: impl Params,
) -> Result<Page> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params)?;
    let mut rows = Vec::with_capacity(LIMIT as usize);
    let mut sum = None;
    while let Some(next) = found.next()? {
        rows.push(row(next)?);
        sum = Some(next.get_ref_unwrap(9).as_i64()?.cast_unsigned());
    }
    Ok(Page {
        total: sum.map_or_else(|| total(connection, question), Ok)?,
        rows: Rows::Plain(rows),
    })
}

/// A page by its number, from 1.
fn numbered(connection: &Connection, question: &Question, number: u64) -> Result<Page> {
    let limit = i64::from(LIMIT);
    let skip = (number as i64 - 1) * limit;
    let assignees = question.assignees.iter().copied();
    let params = params_from_iter(assignees.chain([limit, skip]));
    page(connection, &question.page, question, params)
}

fn total(connection: &Connection, question: &Question) -> Result<u64> {
    let mut statement = connection.prepare_cached(&question.total)?;
    let assignees = params_from_iter(&question.assignees);
    let total: i64 = statement.query_row(assignees, |row| row.get(0))?;
    Ok(total.cast_unsigned())
}

impl Sqlite {
    pub(crate) fn best(directory: Directory, at: &Path) -> Self {
        Self::new(Layout::Best, directory, at.join(BEST_FILE))
    }

    pub(crate) fn lean(directory: Directory, at: &Path) -> Self {
        Self::new(Layout::Lean, directory, at.join("lean.sqlite"))
    }

    fn new(layout: Layout, directory: Directory, path: PathBuf) -> Self {
        Self {
            layout,
            path,
            directory,
            connection: None,
            others: Vec::new(),
            shapes: Vec::new(),
            sidebar: None,
        }
    }

    fn connection(&self) -> Result<&Connection> {
        self.connection.as_ref().context("the file is closed")
    }

    fn question(&self, shape: usize) -> Result<&Question> {
        self.shapes.get(shape).context("not prepared")
    }
}

impl Answers for Sqlite {
    fn page(&mut self, shape: usize, place: &Place) -> Result<Page> {
        let question = self.question(shape)?;
        let connection = self.connection()?;
        match place {
            Place::Page(number) => numbered(connection, question, *number),
            Place::Behind(mark) => {
                let assignees = question.assignees.iter().copied().map(Value::from);
                let limit = i64::from(LIMIT);
                let id = Value::Blob(mark.id.to_be_bytes().to_vec());
                let params = assignees.chain([limit.into(), mark.updated_us.into(), id]);
                page(
                    connection,
                    &question.behind,
                    question,
                    params_from_iter(params),
                )
            }
        }
    }

    fn counts(&mut self) -> Result<Vec<u64>> {
        let sidebar = self.sidebar.as_ref().context("not prepared")?;
        sidebar.totals(self.connection()?)
    }

    fn thread(&mut self, of: &Target) -> Result<Thread> {
        let connection = self.connection()?;
        let mut statement = connection.prepare_cached(statements::CONVERSATION)?;
        let mut found = statement.query(params![&of.id.to_be_bytes()[..]])?;
        let found = found.next()?.context("no such conversation")?;
        let (conversation, seq) = (row(found)?, found.get::<_, i64>(9)?);
        let mut statement = connection.prepare_cached(MESSAGES)?;
        let mut found = statement.query([seq])?;
        let mut messages = Vec::with_capacity(16);
        while let Some(next) = found.next()? {
            messages.push(message(next)?);
        }
        Ok(Thread::Plain(conversation, messages))
    }
}

impl Engine for Sqlite {
    fn load(&mut self, data: &Dataset, loaded: &dyn Fn(u64)) -> Result<()> {
        load::load(&self.path, self.layout, data, loaded)?;
        self.open()
    }

    fn open(&mut self) -> Result<()> {
        self.connection = Some(connect(&self.path)?);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.others.clear();
        self.connection.take().map_or(Ok(()), |connection| {
            connection.close().map_err(|(_, error)| error.into())
        })
    }

    fn bytes(&self) -> Result<u64> {
        let log = self.path.with_extension("sqlite-wal");
        let log = fs::metadata(log).map_or(0, |file| file.len());
        Ok(fs::metadata(&self.path)?.len() + log)
    }

    fn prepare(&mut self, plan: &Plan) -> Result<()> {
        let questions = plan.shapes.iter();
        self.shapes = questions
            .map(|s| Question::new(self.layout, &s.filter))
            .collect();
        self.sidebar = Some(Sidebar::new(&plan.sidebar));
        Ok(())
    }

    fn run(&mut self, command: &Command) -> Result<()> {
        write::run(self.connection()?, &self.directory, command)
    }

    fn ways(&self) -> &'static [&'static str] {
        &[
            "own connections",
            "one connection and a mutex",
            "groups made by hand",
        ]
    }

    fn flood(&mut self, way: usize, commands: &[Vec<Command>]) -> Result<Flood> {
        while self.others.len() < commands.len() {
            self.others.push(connect(&self.path)?);
        }
        let directory = self.directory.clone();
        match way {
            0 => {
                let own = self.others.iter_mut().collect();
                flood::alone(commands, own, |connection, command| {
                    write::run(connection, &directory, command)
                })
            }
            1 => {
                let one = Mutex::new(self.connection.as_mut().context("closed")?);
                let states = vec![(); commands.len()];
                flood::alone(commands, states, |(), command| {
                    let Ok(connection) = one.lock() else {
                        bail!("another thread panicked")
                    };
                    write::run(&connection, &directory, command)
                })
            }
            _ => {
                let connection = self.connection()?;
                flood::grouped(commands, |group| {
                    write::run_all(connection, &directory, group)
                })
            }
        }
    }

    fn checkpoint(&mut self) -> Result<()> {
        // The answer is whether another connection is in the way, and how many pages there were.
        let sql = "PRAGMA wal_checkpoint(PASSIVE)";
        let [is_busy, pages, moved] = self.connection()?.query_row(sql, [], |row| {
            Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?])
        })?;
        ensure!(is_busy == 0 && moved == pages, "something is in the way");
        Ok(())
    }

    fn reader(&self, shape: usize) -> Result<Option<Reader>> {
        let connection = connect(&self.path)?;
        let question = self.question(shape)?.clone();
        Ok(Some(Box::new(move || numbered(&connection, &question, 1))))
    }
}

/// In the order in which [`MESSAGES`] names the columns.
pub fn message(row: &rusqlite::Row<'_>) -> Result<Message> {
    let number = |place| row.get_ref_unwrap(place).as_i64();
    Ok(Message {
        id: u128::from_be_bytes(row.get_ref_unwrap(0).as_blob()?.try_into()?),
        direction: match number(1)? {
            0 => Direction::Inbound,
            _ => Direction::Outbound,
        },
        status: delivery(number(2)?.try_into()?)?,
        content: row.get_ref_unwrap(3).as_str()?.into(),
        created_us: number(4)?,
    })
}
