//! `export`: the directory and every conversation, as lines that `import` takes.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use convodb::{Assignee, AssigneeKind, Conversation, Filter, Import, PageRequest, Snapshot};
use indicatif::ProgressBar;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::Tool;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress;

/// The longest page of a list.
const PAGE: u32 = 100;

/// Write everything to standard output, as lines of JSON
///
/// First each user and team, then each conversation with its messages and notes,
/// latest activity first: one store gives the same bytes each time, and `import`
/// of them an equal one. Of a conversation the line has the specification's
/// fields, then `unread_count`, `revision` and `notes` where they have a value.
///
/// What is about the file rather than the conversations stays behind: events and
/// histories, consumers, idempotency keys, receipts that wait for their message,
/// and the provider's ids of what was deleted. `backup` copies all of it.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Export {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
}

/// A line of the directory: `{"user":{"id":..,"name":..}}`.
struct DirectoryLine<'a>(&'a Assignee);

#[derive(Serialize)]
struct Named<'a> {
    id: &'a str,
    name: &'a str,
}

impl Serialize for DirectoryLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(Assignee { id, name, .. }) = self;
        let kind = match id.kind() {
            AssigneeKind::User => "user",
            AssigneeKind::Team => "team",
        };
        let named = Named {
            id: id.as_str(),
            name,
        };
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(kind, &named)?;
        map.end()
    }
}

impl Export {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let store = tool.opening.existing(&self.db)?;
        let snapshot = store.snapshot()?;
        let all = snapshot.count(&Filter::all())?;
        // Lines on a terminal would be torn by a bar.
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
        output.line(&DirectoryLine(&assignee))?;
    }
    let first = snapshot.list(&Filter::all(), PageRequest::new(1, PAGE)?)?;
    let (mut rows, mut next) = (first.data, first.next);
    loop {
        for row in &rows {
            output.line(&whole(snapshot, row)?)?;
            bar.inc(1);
        }
        let Some(cursor) = next else {
            return output.flush();
        };
        let page = snapshot.list_after(&Filter::all(), &cursor, PAGE)?;
        (rows, next) = (page.data, page.next);
    }
}

/// A conversation with all that belongs to it.
pub(super) fn whole(snapshot: &Snapshot, row: &Conversation) -> Result<Import, Failure> {
    let thread = snapshot.get(row.id)?;
    let notes = snapshot.notes(row.id)?.collect::<Result<_, _>>()?;
    Ok(Import::new(thread.conversation, thread.messages).notes(notes))
}
