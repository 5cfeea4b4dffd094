//! `export`: writes the directory and every conversation, as lines that `import` reads.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use convodb::prelude::*;
use convodb::{
    AssigneeId, Contact, ContactId, Conversation, Filter, Import, Inbox, PageRequest, Snapshot,
    UserId, View,
};
use indicatif::ProgressBar;
use serde::Serialize;

use super::Tool;
use crate::failure::Failure;
use crate::opening;
use crate::output::Output;
use crate::progress;

/// Write everything to standard output, as lines of JSON
///
/// Each user, each team with its members, each inbox and contact with a record comes
/// first, then each conversation with its messages and notes, latest activity first. Exports of one store are equal byte for byte, and
/// `import` of them creates an equal store. The line of a conversation has the
/// specified fields, then further ones that have a value, such as `unread_count` and
/// `notes`.
///
/// With --contact, only what is kept of one contact: its own line, then its
/// conversations.
///
/// The export does not contain events, audit logs, consumers, idempotency keys, which
/// ids merged contacts had, what waits for a message (receipts, reactions, edits,
/// revocations) and the provider ids of deleted messages. `backup` copies them too.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Export {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
    /// All that is kept of this contact, and nothing else
    #[arg(long, value_name = "CONTACT")]
    pub(crate) contact: Option<ContactId>,
}

/// How many contacts are read at a time.
const AT_ONCE: usize = 1000;

/// A contact, `{"contact":{"id":..}}`.
#[derive(Serialize)]
struct ContactLine {
    contact: Contact,
}

/// A user or a team, `{"user":{"id":..,"name":..}}`. Users come before teams, as their members.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum DirectoryLine<'a> {
    User(Named<'a>),
    Team(Named<'a>),
}

#[derive(Serialize)]
struct InboxLine {
    inbox: Inbox,
}

#[derive(Serialize)]
struct ViewLine {
    view: View,
}

#[derive(Serialize)]
struct Named<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<UserId>,
}

impl Export {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let store = opening::to_read(&self.db, tool.wait)?;
        let snapshot = store.snapshot()?;
        if let Some(contact) = &self.contact {
            return write_contact(&snapshot, contact, &mut tool.output);
        }
        let all = snapshot.count(&Filter::all())?;
        // A bar would tear the lines on a terminal.
        let bar = match io::stdout().is_terminal() {
            true => ProgressBar::hidden(),
            false => progress::counted("exporting", all),
        };
        let written = write(&snapshot, &mut tool.output, &bar);
        bar.finish_and_clear();
        written
    }
}

fn write(snapshot: &Snapshot, output: &mut Output, bar: &ProgressBar) -> Result<(), Failure> {
    for assignee in snapshot.assignees()? {
        let members = match &assignee.id {
            AssigneeId::User(_) => Vec::new(),
            AssigneeId::Team(team) => snapshot.members_of(team)?,
        };
        let named = Named {
            id: assignee.id.as_str(),
            name: &assignee.name,
            members,
        };
        output.line(&match &assignee.id {
            AssigneeId::User(_) => DirectoryLine::User(named),
            AssigneeId::Team(_) => DirectoryLine::Team(named),
        })?;
    }
    for inbox in snapshot.inboxes()? {
        output.line(&InboxLine { inbox })?;
    }
    for mut view in snapshot.views()? {
        // Another store builds its own list.
        view.building = None;
        output.line(&ViewLine { view })?;
    }
    let mut contacts = snapshot.contacts(None, AT_ONCE)?;
    while let Some(last) = contacts.last().map(|contact| contact.id.clone()) {
        for contact in contacts {
            output.line(&ContactLine { contact })?;
        }
        contacts = snapshot.contacts(Some(&last), AT_ONCE)?;
    }
    let first = snapshot.list(&Filter::all(), (1, PageRequest::MAX_LIMIT))?;
    let (mut rows, mut next) = (first.data, first.next);
    loop {
        for row in &rows {
            output.line(&whole(snapshot, row)?)?;
            bar.inc(1);
        }
        let Some(cursor) = next else {
            return output.flush();
        };
        let page = snapshot.list(&Filter::all(), (cursor, PageRequest::MAX_LIMIT))?;
        (rows, next) = (page.data, page.next);
    }
}

fn write_contact(snapshot: &Snapshot, id: &ContactId, output: &mut Output) -> Result<(), Failure> {
    let contact = snapshot.contact(id)?;
    output.line(&ContactLine { contact })?;
    for row in snapshot.conversations_of(id)? {
        output.line(&whole(snapshot, &row)?)?;
    }
    output.flush()
}

/// A conversation with its messages and notes.
pub(super) fn whole(snapshot: &Snapshot, row: &Conversation) -> Result<Import, Failure> {
    let transcript = snapshot.transcript(row.id)?;
    let notes = snapshot.notes(row.id)?.collect::<Result<_, _>>()?;
    Ok(Import::new(transcript.conversation, transcript.messages).notes(notes))
}
