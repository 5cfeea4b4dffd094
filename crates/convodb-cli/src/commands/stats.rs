//! `stats`: counts and sizes.

use std::path::PathBuf;

use clap::Args;
use convodb::prelude::*;
use convodb::{
    Channel, CommitSeq, ContactFilter, EventSeq, Filter, PageRequest, Snapshot, Stats,
    StatusFilter, ViewProgress, ViewStats,
};
use serde::Serialize;

use super::Tool;
use crate::failure::Failure;
use crate::opening;
use crate::output::{Screen, right};
use crate::texts::{bytes, grouped};

/// Show counts and sizes
#[derive(Args)]
pub(crate) struct ShowStats {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
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
    index_rows: u64,
    catalog_rows: u64,
    file_bytes: u64,
    stored_bytes: u64,
    free_bytes: u64,
    statuses: Vec<OfStatus>,
    views: Vec<OfView>,
}

/// The rows and the cost of a saved view.
#[derive(Serialize)]
struct OfView {
    id: String,
    rows: u64,
    bytes: u64,
    /// What a command writes for a conversation that is in it.
    bytes_per_row: u64,
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
    fn read(snapshot: &Snapshot, status: StatusFilter) -> Result<Self, Failure> {
        let count =
            |narrow: &dyn Fn(Filter) -> Filter| snapshot.count(&narrow(Filter::new(status)));
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
        let store = opening::to_read(&self.db, tool.wait)?;
        // Before the snapshot, which `stats` would count.
        let stats = store.stats()?;
        let snapshot = store.snapshot()?;
        let statuses = [StatusFilter::Open, StatusFilter::Resolved];
        let statuses = statuses.map(|status| OfStatus::read(&snapshot, status));
        let statuses = statuses.into_iter().collect::<Result<_, _>>()?;
        let first = PageRequest::number(1, 1)?;
        let contacts = snapshot.list_contacts(&ContactFilter::All, first)?.total;
        let document = document(&stats, contacts, statuses);
        tool.output
            .print(&document, |screen| text(screen, &document))
    }
}

fn document(stats: &Stats, contacts: u64, statuses: Vec<OfStatus>) -> Document {
    let view = |view: &ViewStats| OfView {
        id: view.id.to_string(),
        rows: view.rows,
        bytes: view.bytes,
        bytes_per_row: view.bytes.checked_div(view.rows).unwrap_or_default(),
        building: view.building,
    };
    Document {
        conversations: stats.conversations,
        messages: stats.messages,
        notes: stats.notes,
        contacts,
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
        index_rows: stats.index_rows,
        catalog_rows: stats.catalog_rows,
        file_bytes: stats.file_bytes,
        stored_bytes: stats.stored_bytes,
        free_bytes: stats.free_bytes,
        statuses,
        views: stats.views.iter().map(view).collect(),
    }
}

fn text(screen: &Screen, document: &Document) -> String {
    let contents = screen.facts(
        ["contents", ""],
        [
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
            ("index rows", grouped(document.index_rows)),
            ("file", bytes(document.file_bytes)),
            ("keys and values", bytes(document.stored_bytes)),
            ("free space in the file", bytes(document.free_bytes)),
        ],
    );
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
                right(bytes(of.bytes)),
                right(match of.building {
                    None => bytes(of.bytes_per_row),
                    Some(progress) => format!("built: {} of {}", progress.done, progress.of),
                }),
            ]);
        }
        text += &format!("\n\n{}", views.trim_fmt());
    }
    text
}
