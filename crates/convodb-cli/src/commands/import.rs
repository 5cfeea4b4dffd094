//! `import`: stores conversations and the directory from lines of JSON, all or nothing, or each line for
//! itself.

mod each;
pub(super) mod lines;
#[cfg(feature = "postgres")]
mod remote;
mod server;
#[cfg(feature = "postgres")]
mod whole;

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use convodb::prelude::*;
use convodb::{AssigneeId, AssigneeKind, ErrorKind, ImportLine, InboxId, Transaction};
use serde::Serialize;

use super::{Tool, Verdict};
use crate::failure::{Failure, WithSources};
use crate::interrupt;
use crate::opening;
use crate::place::{Location, Place, Workspace};
use crate::texts::{counted, grouped, took};
use lines::{Item, Lines};

/// Import a file of conversations: all of it or nothing, or with --lines each line for itself
///
/// Each line is one conversation in the specified JSON, as `export` writes it. A
/// message can have a `provider_id`, and a conversation can have `notes`. A line
/// `{"user":{"id":"usr_1","name":"Alice"}}`, or the same with `team`, adds a user
/// or team to the directory, or renames it. A team can have `members`, ids of users
/// of lines before it. `{"inbox":{"id":..,"channel":..,"name":..}}` adds an inbox, and
/// `{"contact":{..}}` a contact. Blank lines are skipped.
///
/// A malformed or rejected line and Ctrl-C end the import. The store is then as it
/// was before, and a file that was created for the import is removed.
///
/// In a database, other commands on the workspace wait until the import ends. Use
/// --lines for one that services use: they go on between its commits.
///
/// On a server it has at most 10,000 lines and 64 MiB; --lines has no bound.
///
/// With --lines, a line may also be `{"message":{..}}`, `{"note":{..}}` or
/// `{"conversation":{..}}`, into a store that has conversations. src/docs/lines.md
/// lists the fields of each kind (https://docs.rs/convodb/latest/convodb/docs/lines).
/// A message goes into the conversation of its contact. A line that is rejected is
/// reported, and the others go on. The import is silent: nothing is reopened, unread
/// or an event of its own.
///
/// One line of each kind. In a message or note, `inbox_id` may stand for `channel`, and
/// `identities` (a list of texts) for `contact_id`:
///
///   {"user":{"id":"usr_7","name":"Carol"}}
///   {"team":{"id":"team_1","name":"Billing"}}
///   {"inbox":{"id":"inb_1","channel":"whatsapp","name":"Sales"}}
///   {"contact":{"id":"con_7","name":"Ada","created_at":"2023-11-02T09:00:00Z"}}
///   {"conversation":{"contact_id":"con_7","channel":"whatsapp","status":"open"}}
///   {"message":{"id":"4711","contact_id":"con_7","channel":"whatsapp",
///     "direction":"inbound","type":"text","content":"Hi","sent_at":1709193600}}
///   {"note":{"id":"815","contact_id":"con_7","channel":"whatsapp","content":"VIP",
///     "author":"usr_7","created_at":"2024-02-29T08:05:00Z"}}
///
/// (On two lines here, on one in a file.)
///
/// A line that the store has already is a duplicate, and is not stored twice. A message
/// or note without an `id` cannot be recognised. Correct the rejected lines in a new file
/// that has only them, or give each line an `id`.
///
/// Each commit of such an import has the fingerprint of the file and the number of
/// the line that it reached. So the same command, once more, goes on behind the last
/// commit, however the first one ended; after the last line it does nothing. A
/// corrected file has another fingerprint.
///
/// Imported conversations keep their old times. With `--keep-resolved`, the server
/// deletes those that are older, from its start on.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Import {
    /// Import each line for itself: messages, notes, conversations, contacts, users,
    /// teams and inboxes
    #[arg(long, verbatim_doc_comment)]
    lines: bool,

    /// All lines, or none if one is rejected; at most 10,000
    #[arg(long, requires = "lines")]
    atomic: bool,

    /// Skip whole conversations that the store has, rather than reject their lines
    #[arg(long, requires = "lines")]
    skip_existing: bool,

    /// Write the answers to rejected lines as JSON to this file, not as text to
    /// standard error
    #[arg(long, requires = "lines", value_name = "FILE", verbatim_doc_comment)]
    errors: Option<PathBuf>,

    /// The name by which the import goes on where it ended. Default: a fingerprint of
    /// the file. Standard input has no default. With another file it goes on behind the
    /// last line all the same, and skips lines before it
    #[arg(long, requires = "lines", value_name = "NAME", verbatim_doc_comment)]
    resume: Option<String>,

    /// Begin with the first line, also if lines of the file were imported before: it
    /// stores messages and notes without an `id` twice. No other run goes on where it
    /// ended
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

    /// The store: a file, or the URL of a PostgreSQL database. A missing file or
    /// workspace is created
    #[arg(value_name = "DB", verbatim_doc_comment)]
    pub(crate) db: Option<Location>,
    #[command(flatten)]
    workspace: Workspace,
}

/// The numbers of what was imported.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Imported {
    pub(crate) conversations: u64,
    pub(crate) messages: u64,
    pub(crate) notes: u64,
    pub(crate) contacts: u64,
    pub(crate) inboxes: u64,
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
            counted(self.contacts, "contact"),
            match self.inboxes {
                1 => "1 inbox".to_owned(),
                inboxes => format!("{} inboxes", grouped(inboxes)),
            },
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
        let begun = Instant::now();
        let imported = match tool.place(self.db.as_ref(), &self.workspace)? {
            Place::File(path) => {
                let lines = Lines::open(&self.file)?;
                let opened = opening::or_new(path, tool.wait)?;
                let stored = opened
                    .store
                    .transaction(|tx| Importer::new(lines).store_in(tx));
                opened.leave(stored)?
            }
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => {
                let lines = Lines::open(&self.file)?;
                let remote = database.or_new(tool.wait)?;
                let imported = Importer::new(lines).store_at(&remote)?;
                remote.answer(remote.store.work_off())?;
                imported
            }
            Place::Server(server) => server::send_whole(&server, &self.file)?,
        };
        let seconds = begun.elapsed();
        tool.output.print(&imported, |_| {
            format!("imported {} in {}", imported.text(), took(seconds))
        })?;
        Ok(Verdict::Success)
    }
}

/// What is counted of the lines.
#[derive(Default)]
struct Counts {
    imported: Imported,
    /// The users and teams of lines and of conversations.
    assignees: HashSet<AssigneeId>,
    /// The inboxes of both.
    inboxes: HashSet<InboxId>,
}

impl Counts {
    fn line(&mut self, line: &ImportLine) {
        match line {
            ImportLine::Assignee(saved) => self.assignee(&saved.assignee),
            ImportLine::Team(saved) => self.assignee(&(&saved.team).into()),
            ImportLine::Inbox(saved) => self.inbox(&saved.inbox),
            ImportLine::Contact(_) => self.imported.contacts += 1,
            _ => {}
        }
    }

    fn conversation(&mut self, import: &convodb::Import) {
        self.imported.count(import);
        if let Some(id) = import.conversation.assignee_id() {
            self.assignee(id);
        }
        if let Some(id) = &import.conversation.inbox_id {
            self.inbox(id);
        }
    }

    /// Counts a user or team once.
    fn assignee(&mut self, id: &AssigneeId) {
        if self.assignees.insert(id.clone()) {
            match id.kind() {
                AssigneeKind::User => self.imported.users += 1,
                AssigneeKind::Team => self.imported.teams += 1,
            }
        }
    }

    /// Counts an inbox once.
    fn inbox(&mut self, id: &InboxId) {
        if !self.inboxes.contains(id) {
            self.inboxes.insert(id.clone());
            self.imported.inboxes += 1;
        }
    }
}

/// An import in progress.
pub(super) struct Importer {
    lines: RefCell<Lines>,
    counts: RefCell<Counts>,
    /// The item that follows a run of conversations.
    other: RefCell<Option<Result<Item, Failure>>>,
}

impl Importer {
    pub(super) fn new(lines: Lines) -> Self {
        Self {
            lines: RefCell::new(lines),
            counts: RefCell::default(),
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
                    self.count_line(&line);
                    tx.execute(line).map(drop)
                }
            };
            saved.map_err(|error| self.rejected(error))?;
        }
        // Writing the last conversations may have taken long.
        interrupt::check()?;
        self.lines.borrow().end();
        Ok(self.counts.into_inner().imported)
    }

    fn count_line(&self, line: &ImportLine) {
        self.counts.borrow_mut().line(line);
    }

    fn count_conversation(&self, import: &convodb::Import) {
        self.counts.borrow_mut().conversation(import);
    }

    fn next_conversation(&self) -> Option<convodb::Import> {
        let next = self.lines.borrow_mut().next().transpose()?;
        match next {
            Ok(Item::Conversation(import)) => {
                self.count_conversation(&import);
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
        let line = self.lines.borrow().line();
        self.rejected_at(line, error)
    }

    fn rejected_at(&self, line: u64, error: convodb::Error) -> Failure {
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
        self.lines.borrow().rejected_at(line, reason)
    }
}
