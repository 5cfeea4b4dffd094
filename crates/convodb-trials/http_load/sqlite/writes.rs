//! Writing: one thread with one connection, which commits all queued messages as one transaction and
//! then answers them. Of the ways that `benches/compare` tries this is the fastest.

use std::path::Path;
use std::thread;

use anyhow::{Context as _, Error, Result};
use compare::engine::{new_message_id, now_us};
use compare::engines::sqlite::connect;
use rusqlite::{Connection, OptionalExtension as _, params};
use tokio::sync::{mpsc, oneshot};

use crate::hand::{Receive, Received};

/// Messages that may be queued; the next one waits for a place.
const WAITING: usize = 1_024;
const GROUP: usize = 256;

/// A message is activity when it comes; its own time may make its conversation older.
const TOUCH: &str = "UPDATE conversation INDEXED BY by_contact
     SET updated_at = max(updated_at, ?4), status = 0,
         created_at = min(created_at, ?3), unread = unread + 1, inbound = inbound + 1,
         revision = revision + (status <> 0), waiting_since = coalesce(waiting_since, ?3),
         last_inbound_at = max(coalesce(last_inbound_at, ?3), ?3),
         last_message_at = max(coalesce(last_message_at, ?3), ?3),
         opened_at = CASE status WHEN 0 THEN opened_at ELSE ?4 END
     WHERE contact_id = ?1 AND channel = ?2 RETURNING seq, id";
const BEGIN_CONVERSATION: &str =
    "INSERT INTO conversation(id, contact_id, channel, status, assignee,
         created_at, updated_at, unread, inbound, waiting_since,
         last_inbound_at, last_message_at, opened_at)
     VALUES (?1, ?2, ?3, 0, 0, ?4, ?5, 1, 1, ?4, ?4, ?4, ?5) RETURNING seq, id";
const MESSAGE: &str = "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

struct Job {
    receive: Receive,
    done: oneshot::Sender<Result<Received>>,
}

#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) fn start(file: &Path) -> Result<Self> {
        let connection = connect(file)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || serve(&connection, receiver))?;
        Ok(Self(sender))
    }

    /// Durable when it returns.
    pub(super) async fn receive(&self, receive: Receive) -> Result<Received> {
        let (done, received) = oneshot::channel();
        let job = Job { receive, done };
        self.0.send(job).await.ok().context("the writer is gone")?;
        received.await.context("the writer is gone")?
    }
}

fn serve(connection: &Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut group = Vec::new();
    while let Some(first) = jobs.blocking_recv() {
        // Those that were answered just now come with their next message in a moment.
        thread::yield_now();
        group.push(first);
        while let (true, Ok(next)) = (group.len() < GROUP, jobs.try_recv()) {
            group.push(next);
        }
        let mut received = commit(connection, &group).map(Vec::into_iter);
        for job in group.drain(..) {
            let answer = match &mut received {
                Ok(received) => received.next().context("a message without an answer"),
                Err(error) => Err(Error::msg(format!("{error:#}"))),
            };
            // The client may have disconnected.
            let _ = job.done.send(answer);
        }
    }
}

fn commit(connection: &Connection, group: &[Job]) -> Result<Vec<Received>> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let received = group.iter().map(|job| apply(connection, &job.receive));
    let received: Result<Vec<_>> = received.collect();
    let end = if received.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    connection.prepare_cached(end)?.execute([])?;
    received
}

fn apply(connection: &Connection, receive: &Receive) -> Result<Received> {
    let now = now_us();
    let message = receive.message(now);
    let at = message.created_us;
    let (contact, channel) = (receive.contact.as_str(), receive.channel as u8);
    let found = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
    let mut touch = connection.prepare_cached(TOUCH)?;
    let touched = touch
        .query_row(params![contact, channel, at, now], found)
        .optional()?;
    let (seq, id) = match touched {
        Some(touched) => touched,
        None => connection.prepare_cached(BEGIN_CONVERSATION)?.query_row(
            params![
                &new_message_id(now).to_be_bytes()[..],
                contact,
                channel,
                at,
                now
            ],
            found,
        )?,
    };
    connection.prepare_cached(MESSAGE)?.execute(params![
        seq,
        &message.id.to_be_bytes()[..],
        message.direction as u8,
        message.status as u8,
        &*message.content,
        message.created_us,
    ])?;
    Ok(Received {
        conversation: u128::from_be_bytes(id.as_slice().try_into()?),
        message,
    })
}
