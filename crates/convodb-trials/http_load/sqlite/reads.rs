//! Reading: threads with a connection each, and its prepared statements.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use compare::data::Message;
use compare::engine::Row;
use compare::engines::sqlite::{COLUMNS, Layout, MESSAGES, Question, connect, message, row};
use compare::plan::Filter;
use convodb::{Channel, Status};
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use tokio::sync::oneshot;

use crate::hand::{Counts, List, Numbers, Times, thread};

/// Requests that may wait for a thread; the next one is rejected.
const WAITING: usize = 256;
/// Rows to skip from which a statement that finds the nearer end of the list is worth its cost.
const FAR_ROWS: u64 = 1_000;

/// What a statement is made of, its parameters aside.
type Shape = (Option<Status>, Option<Channel>, usize);

pub(super) struct Reader {
    connection: Connection,
    numbers: Numbers,
    questions: HashMap<Shape, Question>,
    thread: String,
}

struct Found {
    rows: Vec<(Row, Counts)>,
    total: Option<u64>,
}

/// The columns of [`Counts`].
const COUNTS: &str = ", c.unread, c.inbound, c.revision, c.waiting_since";

/// Reads [`COUNTS`] from their first column.
fn counts(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Counts> {
    Ok(Counts {
        unread: row.get(first)?,
        inbound: row.get(first + 1)?,
        revision: row.get(first + 2)?,
        waiting_since: row.get(first + 3)?,
    })
}

/// A conversation with its messages.
type Thread = (Row, Counts, Times, Vec<Message>);

impl Reader {
    pub(super) fn new(file: &Path, numbers: Numbers) -> Result<Self> {
        Ok(Self {
            connection: connect(file)?,
            numbers,
            questions: HashMap::new(),
            thread: format!(
                "SELECT {COLUMNS}, c.seq{COUNTS}, c.last_inbound_at, c.last_message_at, c.opened_at
                 FROM conversation c WHERE c.id = ?1"
            ),
        })
    }

    /// A page, as JSON.
    pub(super) fn list(&mut self, list: &List) -> Result<Vec<u8>> {
        let (rows, total) = match list.filter(&self.numbers) {
            Some(filter) => self.page(&filter, list.skip(), list.limit.into())?,
            None => (Vec::new(), 0),
        };
        list.answer(&rows, total)
    }

    fn page(
        &mut self,
        filter: &Filter,
        skip: u64,
        limit: u64,
    ) -> Result<(Vec<(Row, Counts)>, u64)> {
        let shape = (filter.status, filter.channel, filter.assignees.len());
        let question = match self.questions.entry(shape) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Question::showing(COUNTS, Layout::Best, filter)),
        };
        let connection = &self.connection;
        let assignees = || filter.assignees.iter().copied().map(i64::from);
        let ask = |sql: &str, limit: u64, skip: u64| {
            let bounds = [limit, skip].map(u64::cast_signed);
            rows(connection, sql, assignees().chain(bounds))
        };
        let count = || total(connection, &question.total, assignees());
        if skip > FAR_ROWS {
            let total = count()?;
            if skip >= total {
                return Ok((Vec::new(), total));
            }
            if skip > total / 2 {
                let shown = (total - skip).min(limit);
                let mut found = ask(&question.upwards, shown, total - skip - shown)?;
                found.rows.reverse();
                return Ok((found.rows, total));
            }
        }
        let found = ask(&question.page, limit, skip)?;
        let total = found.total.map_or_else(count, Ok)?;
        Ok((found.rows, total))
    }

    /// A conversation with its messages, as JSON, if there is one.
    pub(super) fn get(&mut self, id: u128) -> Result<Option<Vec<u8>>> {
        // One view of both, and one lock.
        self.connection.prepare_cached("BEGIN")?.execute([])?;
        let found = self.thread(id);
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        let Some((row, counts, times, messages)) = found? else {
            return Ok(None);
        };
        thread(&row, counts, times, &messages).map(Some)
    }

    fn thread(&self, id: u128) -> Result<Option<Thread>> {
        let mut statement = self.connection.prepare_cached(&self.thread)?;
        let mut found = statement.query(params![&id.to_be_bytes()[..]])?;
        let Some(found) = found.next()? else {
            return Ok(None);
        };
        let (conversation, seq) = (row(found)?, found.get::<_, i64>(9)?);
        let counts = counts(found, 10)?;
        let times = Times {
            last_inbound_at: found.get(14)?,
            last_message_at: found.get(15)?,
            opened_at: found.get(16)?,
        };
        let mut statement = self.connection.prepare_cached(MESSAGES)?;
        let mut found = statement.query([seq])?;
        let mut messages = Vec::with_capacity(16);
        while let Some(next) = found.next()? {
            messages.push(message(next)?);
        }
        Ok(Some((conversation, counts, times, messages)))
    }
}

fn rows(connection: &Connection, sql: &str, params: impl Iterator<Item = i64>) -> Result<Found> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params_from_iter(params))?;
    let (mut rows, mut total) = (Vec::with_capacity(20), None);
    while let Some(next) = found.next()? {
        rows.push((row(next)?, counts(next, 10)?));
        total = Some(next.get::<_, i64>(9)?.cast_unsigned());
    }
    Ok(Found { rows, total })
}

fn total(connection: &Connection, sql: &str, assignees: impl Iterator<Item = i64>) -> Result<u64> {
    let mut statement = connection.prepare_cached(sql)?;
    let sum = |row: &rusqlite::Row<'_>| row.get::<_, Option<i64>>(0);
    let total = statement.query_row(params_from_iter(assignees), sum)?;
    Ok(total.unwrap_or_default().cast_unsigned())
}

type Job = Box<dyn FnOnce(&mut Reader) + Send>;

/// Threads that read, each with a connection, and one queue before them.
#[derive(Clone)]
pub(super) struct Readers(SyncSender<Job>);

impl Readers {
    pub(super) fn start(file: &Path, threads: usize) -> Result<Self> {
        let numbers = Arc::new(numbers(&connect(file)?)?);
        let (jobs, queue) = sync_channel(WAITING);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let mut reader = Reader::new(file, Arc::clone(&numbers))?;
            let queue = Arc::clone(&queue);
            let name = "reader".to_owned();
            thread::Builder::new().name(name).spawn(move || {
                while let Ok(job) = next(&queue) {
                    job(&mut reader);
                }
            })?;
        }
        Ok(Self(jobs))
    }

    /// Reads on one of the threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, found) = oneshot::channel();
        let job = Box::new(move |reader: &mut Reader| {
            // The client may have disconnected.
            let _ = done.send(read(reader));
        });
        ensure!(self.0.try_send(job).is_ok(), "too many requests wait");
        found.await.context("a reader panicked")?
    }
}

fn next(queue: &Mutex<Receiver<Job>>) -> Result<Job, RecvError> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv()
}

pub(super) fn numbers(connection: &Connection) -> Result<HashMap<Arc<str>, u16>> {
    let mut all = connection.prepare("SELECT DISTINCT assignee FROM total_by_assignee")?;
    let all = all.query_map([], |row| row.get(0))?;
    let mut id =
        connection.prepare("SELECT assignee_id FROM conversation WHERE assignee = ?1 LIMIT 1")?;
    let mut numbers = HashMap::new();
    for number in all {
        let number = number?;
        // An assignee without a conversation has no list either.
        let id = id.query_row([number], |row| row.get::<_, Option<Arc<str>>>(0));
        if let Some(id) = id.optional()?.flatten() {
            numbers.insert(id, number);
        }
    }
    Ok(numbers)
}
