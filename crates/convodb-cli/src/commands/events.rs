//! `events`: prints the events in order, and new ones as they come.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use convodb::prelude::*;
use convodb::{Details, ErrorKind, Event, EventKind, EventSeq, EventSubject};
#[cfg(feature = "postgres")]
use convodb_postgres::PgRead as _;

use super::{Tool, Wait};
use crate::failure::Failure;
use crate::opening;
use crate::output::Output;
use crate::place::{Location, Place, Workspace};
#[cfg(feature = "postgres")]
use crate::postgres::Database;
use crate::server::{Refusal, Server};
use crate::texts::{plain, second};

/// The number of events that are read at a time.
const BATCH: usize = 1_000;
/// The same while they are followed, as each time the file is opened and closed.
const FOLLOWED: usize = 10_000;
/// How often a server is asked.
const POLLED: Duration = Duration::from_millis(500);
/// How often the file is checked for changes.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long to wait for events of a database, and for its server.
#[cfg(feature = "postgres")]
const WAITED: Duration = Duration::from_secs(1);
/// The number of attempts to open a locked file before a message.
const SILENT_ATTEMPTS: u64 = 5;

/// Print the events, oldest first
#[derive(Args)]
pub(crate) struct Events {
    /// The store: a file, or the URL of a PostgreSQL database
    #[arg(value_name = "DB")]
    pub(crate) db: Option<Location>,
    #[command(flatten)]
    workspace: Workspace,

    /// Only events after this number [default: all events that are kept]
    #[arg(long, value_name = "N")]
    after: Option<EventSeq>,

    /// Continue with new events until interrupted
    ///
    /// This command has the file open only while it reads: it keeps no server from
    /// starting. While another process has it open it waits, and then reads the new
    /// events; --server reads them from a server that runs. It waits while a server
    /// cannot be reached.
    #[arg(long, verbatim_doc_comment)]
    follow: bool,
}

impl Events {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        match tool.place(self.db.as_ref(), &self.workspace)? {
            Place::File(path) if self.follow => self.follow_file(path, tool),
            Place::File(path) => self.of_file(path, tool),
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => self.of_workspace(&database, tool),
            Place::Server(server) => self.of_server(&server, tool),
        }
    }

    fn of_file(&self, path: &Path, tool: &mut Tool) -> Result<(), Failure> {
        let store = opening::to_read(path, tool.wait)?;
        let mut after = self.begin(&store)?;
        loop {
            let events = store.events(after, BATCH)?;
            after = print(&mut tool.output, &events, after)?;
            if events.len() < BATCH {
                return Ok(());
            }
        }
    }

    /// Has the file open only while it reads, so that a process that writes can take it.
    fn follow_file(&self, path: &Path, tool: &mut Tool) -> Result<(), Failure> {
        let mut after = self.after;
        loop {
            let store = wait_for(path)?;
            let begin = match after {
                Some(after) => after,
                None => self.begin(&store)?,
            };
            let events = store.events(begin, FOLLOWED)?;
            // Before printing, which can block on the reader of the output.
            store.close()?;
            // Closing changes the file.
            let closed = stamp(path);
            after = Some(print(&mut tool.output, &events, begin)?);
            if events.len() < FOLLOWED {
                while stamp(path) == closed {
                    thread::sleep(INTERVAL);
                }
            }
        }
    }

    fn begin(&self, store: &Store) -> Result<EventSeq, Failure> {
        match self.after {
            Some(after) => Ok(after),
            None => match store.events(EventSeq::ZERO, 1) {
                Ok(_) => Ok(EventSeq::ZERO),
                Err(error) => before_oldest(error),
            },
        }
    }

    fn of_server(&self, server: &Server, tool: &mut Tool) -> Result<(), Failure> {
        let mut after = self.after.unwrap_or(EventSeq::ZERO);
        let mut is_begun = self.after.is_some();
        let mut is_reached = true;
        // For the first answer it waits as every command.
        let until = Instant::now().checked_add(tool.wait.to_read());
        loop {
            let next = server.events(after, BATCH);
            let before = next.as_ref().err().and_then(Refusal::before_oldest);
            if let (Some(before), false) = (before, is_begun) {
                // The first events are purged.
                (after, is_begun) = (before, true);
                continue;
            }
            match next {
                Ok(events) => {
                    (is_begun, is_reached) = (true, true);
                    after = print(&mut tool.output, &events, after)?;
                    match (events.len() < BATCH, self.follow) {
                        (false, _) => {}
                        (true, true) => thread::sleep(POLLED),
                        (true, false) => return Ok(()),
                    }
                }
                Err(refusal)
                    if refusal.passes()
                        && (self.follow && is_begun
                            || until.is_none_or(|until| Instant::now() < until)) =>
                {
                    if is_reached && is_begun {
                        let reason = Failure::from(refusal).to_string();
                        let _ = writeln!(io::stderr(), "convodb: waiting: {reason}");
                    }
                    is_reached = false;
                    thread::sleep(POLLED);
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }
}

#[cfg(feature = "postgres")]
impl Events {
    fn of_workspace(&self, database: &Database, tool: &mut Tool) -> Result<(), Failure> {
        let Tool { output, wait, .. } = tool;
        let remote = database.to_read(*wait)?;
        let store = &remote.store;
        let mut after = match self.after {
            Some(after) => after,
            None => match remote.outcome(store.events(EventSeq::ZERO, 1)) {
                Ok(_) => EventSeq::ZERO,
                Err(error) => before_oldest(error)?,
            },
        };
        let mut is_reached = true;
        loop {
            let next = remote.outcome(async {
                if self.follow {
                    store.wait_for_events(after, WAITED).await?;
                }
                store.events(after, BATCH).await
            });
            match next {
                Ok(events) => {
                    is_reached = true;
                    after = print(output, &events, after)?;
                    if events.len() < BATCH && !self.follow {
                        return Ok(());
                    }
                }
                Err(error) if self.follow && error.kind() == ErrorKind::Unavailable => {
                    if is_reached {
                        say_waiting(self.db.as_ref(), &error.to_string());
                    }
                    is_reached = false;
                    thread::sleep(WAITED);
                }
                Err(error) => return Err(crate::postgres::failed(error)),
            }
        }
    }
}

fn say_waiting(db: Option<&Location>, reason: &str) {
    let name = db.and_then(Location::name).unwrap_or_default();
    let _ = writeln!(io::stderr(), "convodb: {name}: waiting: {reason}");
}

/// The number before the oldest event that is kept, which an error names.
fn before_oldest(error: convodb::Error) -> Result<EventSeq, Failure> {
    match error.details() {
        Details::OldestEvent(oldest) => Ok(EventSeq::new(oldest.get().saturating_sub(1))),
        _ => Err(error.into()),
    }
}

/// Opens the store as soon as no other process has it open.
fn wait_for(db: &Path) -> Result<Store, Failure> {
    for attempt in 0_u64.. {
        match opening::to_read(db, Wait::NOT) {
            Err(Failure::Store(error)) if error.kind() == ErrorKind::Locked => {
                // Most commands end soon.
                if attempt == SILENT_ATTEMPTS {
                    say_waiting(
                        Some(&Location::File(db.to_owned())),
                        "another process has the file open",
                    );
                }
                thread::sleep(INTERVAL);
            }
            opened => return opened,
        }
    }
    opening::to_read(db, Wait::NOT)
}

/// The time and size of a file, which change when another process writes.
fn stamp(db: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(db).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Returns the number of the last event.
fn print(output: &mut Output, events: &[Event], after: EventSeq) -> Result<EventSeq, Failure> {
    for event in events {
        output.row(event, || line(event))?;
    }
    output.flush()?;
    Ok(events.last().map_or(after, |event| event.seq))
}

fn line(event: &Event) -> String {
    let details = match &event.kind {
        EventKind::ConversationCreated {
            status,
            assigned_to,
        } => match assigned_to {
            Some(to) => format!("{status}, assigned to {to}"),
            None => status.to_string(),
        },
        EventKind::ConversationAssigned {
            assigned_to,
            previously_assigned_to,
        } => match previously_assigned_to {
            Some(from) => format!("from {from} to {assigned_to}"),
            None => format!("to {assigned_to}"),
        },
        EventKind::ConversationUnassigned {
            previously_assigned_to,
        } => format!("from {previously_assigned_to}"),
        EventKind::MessageReceived { message_id }
        | EventKind::MessageSent { message_id }
        | EventKind::MessageDelivered { message_id }
        | EventKind::MessageRead { message_id }
        | EventKind::MessageFailed { message_id } => message_id.to_string(),
        EventKind::NoteAdded { note_id } => note_id.to_string(),
        EventKind::ContactMerged { into: other } | EventKind::ContactConflict { with: other } => {
            plain(other.as_str())
        }
        _ => String::new(),
    };
    let subject = match &event.subject {
        EventSubject::Conversation(id) => id.to_string(),
        EventSubject::Contact(id) => plain(id.as_str()),
        _ => String::new(),
    };
    let actor = event.actor.as_ref();
    let actor = actor.map(|actor| format!(" by {}", plain(actor.as_str())));
    let line = format!(
        "{:>8}  {}  {:<23}  {}  {details}{}",
        event.seq,
        second(event.at),
        event.kind.as_str(),
        subject,
        actor.unwrap_or_default(),
    );
    line.trim_end().to_owned()
}
