//! `events`: what changed, in order, and what goes on changing.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use clap::Args;
use convodb::{Event, EventKind, Store};

use super::Tool;
use crate::failure::Failure;
use crate::opening::Opening;
use crate::output::Output;
use crate::words::{plain, second};

/// So many events are read at a time.
const BATCH: usize = 1_000;
/// So often a file is looked at whether it has changed.
const PATIENCE: Duration = Duration::from_millis(200);
/// So often it is tried to open a file before it is told that another process has it.
const PATIENT_ATTEMPTS: u64 = 5;

/// Show what changed, oldest first
#[derive(Args)]
pub(crate) struct Events {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,

    /// Only events behind this number; without it, from the oldest that is left
    #[arg(long, value_name = "N")]
    after: Option<u64>,

    /// Go on with what comes, until interrupted
    ///
    /// One process has the file at a time. So this one lets go of it whenever it has
    /// read what is new, waits while another has it, and reads on when that is done.
    #[arg(long, verbatim_doc_comment)]
    follow: bool,
}

impl Events {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let Tool { opening, output } = tool;
        let mut store = match self.follow {
            true => wait_for(opening, &self.db)?,
            false => opening.existing(&self.db)?,
        };
        let mut after = match self.after {
            Some(after) => after,
            None => oldest(&store)?,
        };
        loop {
            let mut events = store.events(after, BATCH)?;
            while events.len() == BATCH {
                after = print(output, &events, after)?;
                events = store.events(after, BATCH)?;
            }
            // Before who reads the output can make us wait.
            store.close()?;
            // As closing it leaves it.
            let left = stamp(&self.db);
            after = print(output, &events, after)?;
            if !self.follow {
                return Ok(());
            }
            while stamp(&self.db) == left {
                thread::sleep(PATIENCE);
            }
            store = wait_for(opening, &self.db)?;
        }
    }
}

/// The number before the oldest event that is left.
fn oldest(store: &Store) -> Result<u64, Failure> {
    match store.events(0, 1) {
        Ok(_) => Ok(0),
        Err(error) => match error.oldest_event() {
            Some(oldest) => Ok(oldest.saturating_sub(1)),
            None => Err(error.into()),
        },
    }
}

/// Opens the store when nobody else has it any longer.
fn wait_for(opening: &Opening, db: &Path) -> Result<Store, Failure> {
    for attempt in 0_u64.. {
        match opening.existing(db) {
            Err(Failure::Store(error)) if error.kind() == convodb::ErrorKind::Locked => {
                // Another command is soon done.
                if attempt == PATIENT_ATTEMPTS {
                    let _ = writeln!(
                        io::stderr(),
                        "convodb: {}: waiting, as another process has the file open",
                        db.display()
                    );
                }
                thread::sleep(PATIENCE);
            }
            opened => return opened,
        }
    }
    opening.existing(db)
}

/// What changes where another process has written.
fn stamp(db: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(db).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Answers the number of the last of them.
fn print(output: &mut Output, events: &[Event], after: u64) -> Result<u64, Failure> {
    for event in events {
        output.row(event, || told(event))?;
    }
    output.flush()?;
    Ok(events.last().map_or(after, |event| event.sequence))
}

fn told(event: &Event) -> String {
    let about = match &event.kind {
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
        _ => String::new(),
    };
    let actor = event.actor.as_ref();
    let actor = actor.map(|actor| format!(" by {}", plain(actor.as_str())));
    let line = format!(
        "{:>8}  {}  {:<23}  {}  {about}{}",
        event.sequence,
        second(event.at),
        event.kind.as_str(),
        event.conversation_id,
        actor.unwrap_or_default(),
    );
    line.trim_end().to_owned()
}
