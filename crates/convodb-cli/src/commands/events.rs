//! `events`: prints the events in order, and new ones as they come.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use clap::Args;
use convodb::prelude::*;
use convodb::{Details, Event, EventKind, EventSeq, EventSubject};

use super::Tool;
use crate::failure::Failure;
use crate::opening;
use crate::output::Output;
use crate::texts::{plain, second};

/// The number of events that are read at a time.
const BATCH: usize = 1_000;
/// How often the file is checked for changes.
const INTERVAL: Duration = Duration::from_millis(200);
/// The number of attempts to open a locked file before a message.
const SILENT_ATTEMPTS: u64 = 5;

/// Print the events, oldest first
#[derive(Args)]
pub(crate) struct Events {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,

    /// Only events after this number [default: all events that are kept]
    #[arg(long, value_name = "N")]
    after: Option<EventSeq>,

    /// Continue with new events until interrupted
    ///
    /// One process has the file open at a time. This command closes it after each
    /// read, waits while another process has it open, and then reads the new events.
    #[arg(long, verbatim_doc_comment)]
    follow: bool,
}

impl Events {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let Tool { output, wait } = tool;
        let mut store = match self.follow {
            true => wait_for(&self.db)?,
            false => opening::to_read(&self.db, *wait)?,
        };
        let mut after = match self.after {
            Some(after) => after,
            None => before_oldest(&store)?,
        };
        loop {
            let mut events = store.events(after, BATCH)?;
            while events.len() == BATCH {
                after = print(output, &events, after)?;
                events = store.events(after, BATCH)?;
            }
            // Before printing, which can block on the reader of the output.
            store.close()?;
            // Closing changes the file.
            let closed = stamp(&self.db);
            after = print(output, &events, after)?;
            if !self.follow {
                return Ok(());
            }
            while stamp(&self.db) == closed {
                thread::sleep(INTERVAL);
            }
            store = wait_for(&self.db)?;
        }
    }
}

/// The number before the oldest event that is kept.
fn before_oldest(store: &Store) -> Result<EventSeq, Failure> {
    match store.events(EventSeq::ZERO, 1) {
        Ok(_) => Ok(EventSeq::ZERO),
        Err(error) => match error.details() {
            Details::OldestEvent(oldest) => Ok(EventSeq::new(oldest.get().saturating_sub(1))),
            _ => Err(error.into()),
        },
    }
}

/// Opens the store as soon as no other process has it open.
fn wait_for(db: &Path) -> Result<Store, Failure> {
    for attempt in 0_u64.. {
        match opening::to_read(db, Duration::ZERO) {
            Err(Failure::Store(error)) if error.kind() == convodb::ErrorKind::Locked => {
                // Most commands end soon.
                if attempt == SILENT_ATTEMPTS {
                    let _ = writeln!(
                        io::stderr(),
                        "convodb: {}: waiting: another process has the file open",
                        db.display()
                    );
                }
                thread::sleep(INTERVAL);
            }
            opened => return opened,
        }
    }
    opening::to_read(db, Duration::ZERO)
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
