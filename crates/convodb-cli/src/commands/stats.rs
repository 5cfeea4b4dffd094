//! `stats`: counts and sizes.

use std::path::PathBuf;

use clap::Args;
use convodb::{Channel, Filter, Snapshot, Stats, StatusFilter};
use serde::Serialize;

use super::Tool;
use crate::failure::Failure;
use crate::output::{Screen, right};
use crate::words::{bytes, grouped};

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
    users: u64,
    teams: u64,
    events: u64,
    newest_event: u64,
    parked: u64,
    to_refile: u64,
    commits: u64,
    index_rows: u64,
    catalog_rows: u64,
    file_bytes: u64,
    stored_bytes: u64,
    free_bytes: u64,
    views: Vec<View>,
}

/// How many conversations of a status there are, and which.
#[derive(Serialize)]
struct View {
    status: &'static str,
    total: u64,
    unassigned: u64,
    unread: u64,
    whatsapp: u64,
    instagram: u64,
    messenger: u64,
    webchat: u64,
}

impl View {
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
        let store = tool.opening.existing(&self.db)?;
        // Before a snapshot, which would count itself.
        let stats = store.stats()?;
        let snapshot = store.snapshot()?;
        let statuses = [StatusFilter::Open, StatusFilter::Resolved];
        let views = statuses.map(|status| View::read(&snapshot, status));
        let views = views.into_iter().collect::<Result<_, _>>()?;
        let document = document(&stats, views);
        tool.output
            .answer(&document, |screen| told(screen, &document))
    }
}

fn document(stats: &Stats, views: Vec<View>) -> Document {
    Document {
        conversations: stats.conversations,
        messages: stats.messages,
        notes: stats.notes,
        users: stats.users,
        teams: stats.teams,
        events: stats.events,
        newest_event: stats.newest_event,
        parked: stats.parked,
        to_refile: stats.to_refile,
        commits: stats.sequence,
        index_rows: stats.index_rows,
        catalog_rows: stats.catalog_rows,
        file_bytes: stats.file_bytes,
        stored_bytes: stats.stored_bytes,
        free_bytes: stats.free_bytes,
        views,
    }
}

fn told(screen: &Screen, document: &Document) -> String {
    let holds = screen.facts(
        ["holds", ""],
        [
            ("conversations", grouped(document.conversations)),
            ("messages", grouped(document.messages)),
            ("notes", grouped(document.notes)),
            ("users", grouped(document.users)),
            ("teams", grouped(document.teams)),
            ("events", grouped(document.events)),
            ("newest event", grouped(document.newest_event)),
            ("receipts that wait", grouped(document.parked)),
            ("to refile", grouped(document.to_refile)),
            ("commits", grouped(document.commits)),
            ("index rows", grouped(document.index_rows)),
            ("file", bytes(document.file_bytes)),
            ("keys and values", bytes(document.stored_bytes)),
            ("free within the file", bytes(document.free_bytes)),
        ],
    );
    let mut views = screen.table([
        "conversations",
        "all",
        "unassigned",
        "unread",
        "whatsapp",
        "instagram",
        "messenger",
        "webchat",
    ]);
    for view in &document.views {
        let counts = [
            view.total,
            view.unassigned,
            view.unread,
            view.whatsapp,
            view.instagram,
            view.messenger,
            view.webchat,
        ];
        let mut row = vec![comfy_table::Cell::new(view.status)];
        row.extend(counts.map(|count| right(grouped(count))));
        views.add_row(row);
    }
    format!("{holds}\n\n{}", views.trim_fmt())
}
