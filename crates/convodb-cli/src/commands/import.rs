//! `import`: conversations and the directory, from lines of JSON, all or nothing.

mod lines;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use convodb::{ErrorKind, Transaction};
use serde::Serialize;

use super::Tool;
use crate::failure::{Failure, Told};
use crate::interrupt;
use crate::words::{counted, took};
use lines::{Item, Lines};

/// Import conversations: all of the file, or nothing
///
/// Each line is one conversation in the specification's JSON, as `export` writes
/// it: each message may have a `provider_id`, and a conversation `notes`. A line
/// `{"user":{"id":"usr_1","name":"Alice"}}`, or `team` so, puts one into the
/// directory, or renames who is there. Blank lines are skipped.
///
/// A line that is malformed or refused, or Ctrl-C, ends the import: the store is
/// as it was before, and a file that was made for it is gone again.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Import {
    /// What to import; - reads standard input
    #[arg(value_name = "FILE.ndjson|-")]
    file: PathBuf,

    /// The store, which is created where it is missing
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
}

/// What came in.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Imported {
    pub(crate) conversations: u64,
    pub(crate) messages: u64,
    pub(crate) notes: u64,
    pub(crate) users: u64,
    pub(crate) teams: u64,
}

impl Imported {
    pub(crate) fn count(&mut self, import: &convodb::Import) {
        self.conversations += 1;
        self.messages += import.messages.len() as u64;
        self.notes += import.notes.len() as u64;
    }

    pub(crate) fn told(&self) -> String {
        let parts = [
            counted(self.conversations, "conversation"),
            counted(self.messages, "message"),
            counted(self.notes, "note"),
            counted(self.users, "user"),
            counted(self.teams, "team"),
        ];
        parts.join(", ")
    }
}

impl Import {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        interrupt::watch()?;
        // Before the store: a mistyped name must not leave an empty one behind.
        let lines = Lines::open(&self.file)?;
        let begun = Instant::now();
        let opened = tool.opening.or_new(&self.db)?;
        let stored = opened
            .store
            .transaction(|tx| Storing::new(lines).store_in(tx));
        let imported = opened.leave(stored)?;
        let seconds = begun.elapsed();
        tool.output.answer(&imported, |_| {
            format!("imported {} in {}", imported.told(), took(seconds))
        })
    }
}

/// The lines on their way into the store.
struct Storing {
    lines: RefCell<Lines>,
    imported: RefCell<Imported>,
    /// What stands where conversations should go on.
    other: RefCell<Option<Result<Item, Failure>>>,
}

impl Storing {
    fn new(lines: Lines) -> Self {
        Self {
            lines: RefCell::new(lines),
            imported: RefCell::default(),
            other: RefCell::default(),
        }
    }

    fn store_in(self, tx: &mut Transaction<'_>) -> Result<Imported, Failure> {
        loop {
            let conversations = std::iter::from_fn(|| self.next_conversation());
            tx.import_all(conversations)
                .map_err(|error| self.refused(error))?;
            let put = match self.other.take().transpose()? {
                None => break,
                Some(Item::Conversation(import)) => tx.import(*import).map(drop),
                Some(Item::User(user)) => {
                    self.imported.borrow_mut().users += 1;
                    tx.put_user(&user.id, &user.name).map(drop)
                }
                Some(Item::Team(team)) => {
                    self.imported.borrow_mut().teams += 1;
                    tx.put_team(&team.id, &team.name).map(drop)
                }
            };
            put.map_err(|error| self.refused(error))?;
        }
        // The last of them may have taken long to be written.
        interrupt::check()?;
        self.lines.borrow().end();
        Ok(self.imported.into_inner())
    }

    fn next_conversation(&self) -> Option<convodb::Import> {
        let next = self.lines.borrow_mut().next().transpose()?;
        match next {
            Ok(Item::Conversation(import)) => {
                self.imported.borrow_mut().count(&import);
                Some(*import)
            }
            other => {
                *self.other.borrow_mut() = Some(other);
                None
            }
        }
    }

    /// What the store does not take is the last line's mistake, unless the store itself failed.
    fn refused(&self, error: convodb::Error) -> Failure {
        let reason = match (error.kind(), error.field(), error.reason()) {
            (ErrorKind::Invalid, Some(field), Some(reason)) => {
                // Its place among those that were imported is not the line's.
                let own = field
                    .split_once("].")
                    .filter(|_| field.starts_with("import["));
                format!("{}: {reason}", own.map_or(field, |(_, own)| own))
            }
            (ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::Erased, ..) => {
                Told(&error).to_string()
            }
            _ => return error.into(),
        };
        self.lines.borrow().refused(reason)
    }
}
