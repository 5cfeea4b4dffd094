//! `stats`: counts and sizes.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use convodb::prelude::*;
use convodb::{
    Channel, CommitSeq, ContactFilter, EventSeq, Filter, PageRequest, StatusFilter, ViewProgress,
    ViewStats,
};
use serde::Serialize;

use super::Tool;
use crate::failure::Failure;
use crate::opening;
use crate::output::{Screen, right};
use crate::place::{Location, Place, Workspace};
#[cfg(feature = "postgres")]
use crate::postgres::Remote;
use crate::reading::{OfFile, Reading};
use crate::texts::{bytes, grouped};

/// Show counts and sizes
#[derive(Args)]
pub(crate) struct ShowStats {
    /// The store: a file, or the URL of a PostgreSQL database
    #[arg(value_name = "DB")]
    pub(crate) db: Location,
    #[command(flatten)]
    workspace: Workspace,
}

#[derive(Serialize)]
struct Document {
    conversations: u64,
    messages: u64,
    notes: u64,
    /// Those that have a record.
    contacts: u64,
    users: u64,
    teams: u64,
    inboxes: u64,
    events: u64,
    newest_event: EventSeq,
    unmatched: u64,
    idempotency_keys: u64,
    to_reassign: u64,
    times_in_the_future: u64,
    commits: CommitSeq,
    #[serde(flatten)]
    kept: Kept,
    statuses: Vec<OfStatus>,
    views: Vec<OfView>,
}

/// What the one or the other kind of store keeps.
#[derive(Serialize)]
#[serde(untagged)]
enum Kept {
    File {
        index_rows: u64,
        catalog_rows: u64,
        file_bytes: u64,
        stored_bytes: u64,
        free_bytes: u64,
    },
    #[cfg(feature = "postgres")]
    Postgres {
        /// Additions to the lists that are not folded into their counts.
        unfolded: u64,
    },
}

impl Kept {
    fn facts(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::File {
                index_rows,
                file_bytes,
                stored_bytes,
                free_bytes,
                ..
            } => vec![
                ("index rows", grouped(*index_rows)),
                ("file", bytes(*file_bytes)),
                ("keys and values", bytes(*stored_bytes)),
                ("free space in the file", bytes(*free_bytes)),
            ],
            #[cfg(feature = "postgres")]
            Self::Postgres { unfolded } => vec![("not yet in counts", grouped(*unfolded))],
        }
    }
}

/// The rows and the cost of a saved view.
#[derive(Serialize)]
struct OfView {
    id: String,
    rows: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// What a command writes for a conversation that is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_row: Option<u64>,
    building: Option<ViewProgress>,
}

/// The numbers of conversations of a status.
#[derive(Serialize)]
struct OfStatus {
    status: &'static str,
    total: u64,
    unassigned: u64,
    unread: u64,
    whatsapp: u64,
    instagram: u64,
    messenger: u64,
    webchat: u64,
}

impl OfStatus {
    fn read(store: &dyn Reading, status: StatusFilter) -> Result<Self, Failure> {
        let count = |narrow: &dyn Fn(Filter) -> Filter| store.count(&narrow(Filter::new(status)));
        let on = |channel| count(&|filter| filter.channel(channel));
        Ok(Self {
            status: status.as_str(),
            total: count(&|filter| filter)?,
            unassigned: count(&Filter::unassigned)?,
            unread: count(&Filter::unread)?,
            whatsapp: on(Channel::Whatsapp)?,
            instagram: on(Channel::Instagram)?,
            messenger: on(Channel::Messenger)?,
            webchat: on(Channel::Webchat)?,
        })
    }
}

impl ShowStats {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let document = match self.workspace.of(&self.db)? {
            Place::File(path) => of_file(path, tool.wait)?,
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => of_workspace(database.to_read(tool.wait)?)?,
        };
        tool.output
            .print(&document, |screen| text(screen, &document))
    }
}

fn statuses(store: &dyn Reading) -> Result<Vec<OfStatus>, Failure> {
    let statuses = [StatusFilter::Open, StatusFilter::Resolved];
    let statuses = statuses.map(|status| OfStatus::read(store, status));
    statuses.into_iter().collect()
}

fn of_file(path: &Path, wait: Duration) -> Result<Document, Failure> {
    let store = opening::to_read(path, wait)?;
    // Before the snapshot, which `stats` would count.
    let stats = store.stats()?;
    let store = OfFile::new(store)?;
    let first = PageRequest::number(1, 1)?;
    let contacts = store.snapshot.list_contacts(&ContactFilter::All, first)?;
    let view = |view: &ViewStats| OfView {
        id: view.id.to_string(),
        rows: view.rows,
        bytes: Some(view.bytes),
        bytes_per_row: Some(view.bytes.checked_div(view.rows).unwrap_or_default()),
        building: view.building,
    };
    Ok(Document {
        conversations: stats.conversations,
        messages: stats.messages,
        notes: stats.notes,
        contacts: contacts.total,
        users: stats.users,
        teams: stats.teams,
        inboxes: stats.inboxes,
        events: stats.events,
        newest_event: stats.newest_event,
        unmatched: stats.unmatched,
        idempotency_keys: stats.idempotency_keys,
        to_reassign: stats.to_reassign,
        times_in_the_future: stats.times_in_the_future,
        commits: stats.commit_seq,
        kept: Kept::File {
            index_rows: stats.index_rows,
            catalog_rows: stats.catalog_rows,
            file_bytes: stats.file_bytes,
            stored_bytes: stats.stored_bytes,
            free_bytes: stats.free_bytes,
        },
        statuses: statuses(&store)?,
        views: stats.views.iter().map(view).collect(),
    })
}

#[cfg(feature = "postgres")]
fn of_workspace(remote: Remote) -> Result<Document, Failure> {
    let stats = remote.answer(remote.store.stats())?;
    let store = remote.snapshot()?;
    let mut views = Vec::new();
    for view in store.views()? {
        views.push(OfView {
            rows: match view.building {
                // A list that is being built cannot be counted yet.
                Some(progress) => progress.done,
                None => store.count(&Filter::view(&view.id))?,
            },
            id: view.id.to_string(),
            bytes: None,
            bytes_per_row: None,
            building: view.building,
        });
    }
    Ok(Document {
        conversations: stats.conversations,
        messages: stats.messages,
        notes: stats.notes,
        contacts: stats.contacts,
        users: stats.users,
        teams: stats.teams,
        inboxes: stats.inboxes,
        events: stats.events,
        newest_event: stats.newest_event,
        unmatched: stats.unmatched,
        idempotency_keys: stats.idempotency_keys,
        to_reassign: stats.to_reassign,
        times_in_the_future: stats.times_in_the_future,
        commits: stats.commit_seq,
        kept: Kept::Postgres {
            unfolded: stats.unfolded,
        },
        statuses: statuses(&store)?,
        views,
    })
}

fn text(screen: &Screen, document: &Document) -> String {
    let mut facts = vec![
        ("conversations", grouped(document.conversations)),
        ("messages", grouped(document.messages)),
        ("notes", grouped(document.notes)),
        ("contacts with a record", grouped(document.contacts)),
        ("users", grouped(document.users)),
        ("teams", grouped(document.teams)),
        ("inboxes", grouped(document.inboxes)),
        ("events", grouped(document.events)),
        ("newest event", grouped(document.newest_event.get())),
        ("unmatched receipts", grouped(document.unmatched)),
        ("idempotency keys", grouped(document.idempotency_keys)),
        ("to reassign", grouped(document.to_reassign)),
        ("times in the future", grouped(document.times_in_the_future)),
        ("commits", grouped(document.commits.get())),
    ];
    facts.extend(document.kept.facts());
    let contents = screen.facts(["contents", ""], facts);
    let mut statuses = screen.table([
        "conversations",
        "all",
        "unassigned",
        "unread",
        "whatsapp",
        "instagram",
        "messenger",
        "webchat",
    ]);
    for of in &document.statuses {
        let counts = [
            of.total,
            of.unassigned,
            of.unread,
            of.whatsapp,
            of.instagram,
            of.messenger,
            of.webchat,
        ];
        let mut row = vec![comfy_table::Cell::new(of.status)];
        row.extend(counts.map(|count| right(grouped(count))));
        statuses.add_row(row);
    }
    let mut text = format!("{contents}\n\n{}", statuses.trim_fmt());
    if !document.views.is_empty() {
        let mut views = screen.table([
            "view",
            "conversations",
            "keys and values",
            "written a command",
        ]);
        for of in &document.views {
            views.add_row([
                comfy_table::Cell::new(&of.id),
                right(grouped(of.rows)),
                right(of.bytes.map(bytes).unwrap_or_default()),
                right(match of.building {
                    None => of.bytes_per_row.map(bytes).unwrap_or_default(),
                    Some(progress) => format!("built: {} of {}", progress.done, progress.of),
                }),
            ]);
        }
        text += &format!("\n\n{}", views.trim_fmt());
    }
    text
}
