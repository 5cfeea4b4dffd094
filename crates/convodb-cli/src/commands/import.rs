//! `import`: stores conversations and the directory from lines of JSON, all or nothing, or each line for
//! itself.

mod each;
pub(super) mod lines;

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use convodb::prelude::*;
use convodb::{AssigneeId, AssigneeKind, ErrorKind, ImportLine, Transaction};
use serde::Serialize;

use super::{Tool, Verdict};
use crate::failure::{Failure, WithSources};
use crate::interrupt;
use crate::opening;
use crate::texts::{counted, took};
use lines::{Item, Lines};

/// Import a file of conversations: all of it or nothing, or with --lines each line for itself
///
/// Each line is one conversation in the specified JSON, as `export` writes it. A
/// message can have a `provider_id`, and a conversation can have `notes`. A line
/// `{"user":{"id":"usr_1","name":"Alice"}}`, or the same with `team`, adds a user
/// or team to the directory, or renames it, and `{"inbox":{"id":..,"channel":..,
/// "name":..}}` an inbox, `{"contact":{..}}` a contact. Blank lines are skipped.
///
/// A malformed or rejected line and Ctrl-C end the import. The store is then as it
/// was before, and a file that was created for the import is removed.
///
/// With --lines, a line may also be `{"message":{..}}` or `{"conversation":{..}}`,
/// into a store that has conversations. A message goes into the conversation of its
/// contact. What a line has and the store has too is a duplicate, and is not stored
/// twice. A line that is rejected is reported, and the others go on. The import is
/// silent: nothing is reopened, unread or an event of its own.
///
/// Each commit of such an import has the fingerprint of the file and the number of
/// the line that it reached. So the same command, once more, goes on behind the last
/// commit, however the first one ended; after the last line it does nothing.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Import {
    /// Import each line for itself: messages, conversations, users and teams
    #[arg(long)]
    lines: bool,

    /// All lines or none, where one is rejected; at most 10,000
    #[arg(long, requires = "lines")]
    atomic: bool,

    /// Skip whole conversations that the store has, rather than reject their lines
    #[arg(long, requires = "lines")]
    skip_existing: bool,

    /// Write the answers to rejected lines as JSON to this file, not as text to
    /// standard error
    #[arg(long, requires = "lines", value_name = "FILE", verbatim_doc_comment)]
    errors: Option<PathBuf>,

    /// The name by which the import goes on where it ended; that of a file is the
    /// fingerprint of its content, and standard input has none
    #[arg(long, requires = "lines", value_name = "NAME", verbatim_doc_comment)]
    resume: Option<String>,

    /// Begin with the first line, also if lines of the file were imported before;
    /// where this import ends is not recorded
    #[arg(
        long,
        requires = "lines",
        conflicts_with = "resume",
        verbatim_doc_comment
    )]
    again: bool,

    /// The file to import; - reads standard input
    #[arg(value_name = "FILE.ndjson|-")]
    file: PathBuf,

    /// The store; a missing file is created
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
}

/// The numbers of what was imported.
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

    pub(crate) fn text(&self) -> String {
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
    pub(crate) fn run(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        interrupt::watch()?;
        if self.lines {
            return self.each(tool);
        }
        // Before the store is opened: a mistyped name must not create one.
        let lines = Lines::open(&self.file)?;
        let begun = Instant::now();
        let opened = opening::or_new(&self.db, tool.wait)?;
        let stored = opened
            .store
            .transaction(|tx| Importer::new(lines).store_in(tx));
        let imported = opened.leave(stored)?;
        let seconds = begun.elapsed();
        tool.output.print(&imported, |_| {
            format!("imported {} in {}", imported.text(), took(seconds))
        })?;
        Ok(Verdict::Success)
    }
}

/// An import in progress.
pub(super) struct Importer {
    lines: RefCell<Lines>,
    imported: RefCell<Imported>,
    /// The users and teams of lines and of conversations.
    assignees: RefCell<HashSet<AssigneeId>>,
    /// The item that follows a run of conversations.
    other: RefCell<Option<Result<Item, Failure>>>,
}

impl Importer {
    pub(super) fn new(lines: Lines) -> Self {
        Self {
            lines: RefCell::new(lines),
            imported: RefCell::default(),
            assignees: RefCell::default(),
            other: RefCell::default(),
        }
    }

    pub(super) fn store_in(self, tx: &Transaction<'_>) -> Result<Imported, Failure> {
        loop {
            let conversations = std::iter::from_fn(|| self.next_conversation());
            tx.import_all(conversations)
                .map_err(|error| self.rejected(error))?;
            let saved = match self.other.take().transpose()? {
                None => break,
                Some(Item::Conversation(import)) => tx.import(*import).map(drop),
                Some(Item::Other(line)) => {
                    if let ImportLine::Assignee(saved) = &line {
                        self.count_assignee(&saved.assignee);
                    }
                    tx.execute(line).map(drop)
                }
            };
            saved.map_err(|error| self.rejected(error))?;
        }
        // Writing the last conversations may have taken long.
        interrupt::check()?;
        self.lines.borrow().end();
        Ok(self.imported.into_inner())
    }

    /// Counts a user or team once.
    fn count_assignee(&self, id: &AssigneeId) {
        if self.assignees.borrow_mut().insert(id.clone()) {
            let mut imported = self.imported.borrow_mut();
            match id.kind() {
                AssigneeKind::User => imported.users += 1,
                AssigneeKind::Team => imported.teams += 1,
            }
        }
    }

    fn next_conversation(&self) -> Option<convodb::Import> {
        let next = self.lines.borrow_mut().next().transpose()?;
        match next {
            Ok(Item::Conversation(import)) => {
                self.imported.borrow_mut().count(&import);
                if let Some(id) = import.conversation.assignee_id() {
                    self.count_assignee(id);
                }
                Some(*import)
            }
            other => {
                *self.other.borrow_mut() = Some(other);
                None
            }
        }
    }

    /// An error of the last line's input, or of the store itself.
    fn rejected(&self, error: convodb::Error) -> Failure {
        let reason = match (error.kind(), error.field(), error.reason()) {
            (ErrorKind::InvalidInput, Some(field), Some(reason)) => {
                // Its index among the conversations is not the number of the line.
                let own = field
                    .split_once("].")
                    .filter(|_| field.starts_with("import["));
                format!("{}: {reason}", own.map_or(field, |(_, own)| own))
            }
            (
                ErrorKind::InvalidInput
                | ErrorKind::AlreadyExists
                | ErrorKind::ProviderIdConflict
                | ErrorKind::Gone,
                ..,
            ) => WithSources(&error).to_string(),
            _ => return error.into(),
        };
        self.lines.borrow().rejected(reason)
    }
}
