//! `export`: writes the directory and every conversation, as lines that `import` reads.

use std::io::{self, IsTerminal as _};

use clap::Args;
use convodb::{
    AssigneeId, Contact, ContactId, Conversation, Filter, Inbox, PageRequest, UserId, View,
};
use indicatif::ProgressBar;
use serde::Serialize;

use super::Tool;
use crate::failure::Failure;
use crate::output::Output;
use crate::place::{Location, Workspace};
use crate::reading::Reading;
use crate::{progress, reading};

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
/// Of a database, it is one state of the workspace, and others write meanwhile.
///
/// The export does not contain events, audit logs, consumers, idempotency keys, which
/// ids merged contacts had, what waits for a message (receipts, reactions, edits,
/// revocations) and the provider ids of deleted messages. `backup` copies them too.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Export {
    /// The store: a file, or the URL of a PostgreSQL database
    #[arg(value_name = "DB")]
    pub(crate) db: Location,
    #[command(flatten)]
    workspace: Workspace,
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
        let store = reading::at(self.workspace.of(&self.db)?, tool.wait)?;
        let store = &*store;
        if let Some(contact) = &self.contact {
            return write_contact(store, contact, &mut tool.output);
        }
        let all = store.count(&Filter::all())?;
        // A bar would tear the lines on a terminal.
        let bar = match io::stdout().is_terminal() {
            true => ProgressBar::hidden(),
            false => progress::counted("exporting", all),
        };
        let written = write(store, &mut tool.output, &bar);
        bar.finish_and_clear();
        written
    }
}

fn write(store: &dyn Reading, output: &mut Output, bar: &ProgressBar) -> Result<(), Failure> {
    for assignee in store.assignees()? {
        let members = match &assignee.id {
            AssigneeId::User(_) => Vec::new(),
            AssigneeId::Team(team) => store.members_of(team)?,
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
    for inbox in store.inboxes()? {
        output.line(&InboxLine { inbox })?;
    }
    for mut view in store.views()? {
        // Another store builds its own list.
        view.building = None;
        output.line(&ViewLine { view })?;
    }
    let mut contacts = store.contacts(None, AT_ONCE)?;
    while let Some(last) = contacts.last().map(|contact| contact.id.clone()) {
        for contact in contacts {
            output.line(&ContactLine { contact })?;
        }
        contacts = store.contacts(Some(&last), AT_ONCE)?;
    }
    let mut page = PageRequest::number(1, PageRequest::MAX_LIMIT)?;
    loop {
        let found = store.list(&Filter::all(), page)?;
        write_whole(store, &found.data, output, bar)?;
        let Some(cursor) = found.next else {
            return output.flush();
        };
        page = PageRequest::after(cursor, PageRequest::MAX_LIMIT)?;
    }
}

fn write_contact(store: &dyn Reading, id: &ContactId, output: &mut Output) -> Result<(), Failure> {
    let contact = store.contact(id)?;
    output.line(&ContactLine { contact })?;
    write_whole(
        store,
        &store.conversations_of(id)?,
        output,
        &ProgressBar::hidden(),
    )?;
    output.flush()
}

/// Writes conversations with their messages and notes.
fn write_whole(
    store: &dyn Reading,
    rows: &[Conversation],
    output: &mut Output,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut left = ids.as_slice();
    while !left.is_empty() {
        let histories = store.histories(left)?;
        left = left.get(histories.len().max(1)..).unwrap_or_default();
        for history in histories {
            output.line(&history)?;
            bar.inc(1);
        }
    }
    Ok(())
}
