//! `stats`: counts and sizes.

use clap::Args;
use convodb_upkeep::{Kept, Statistics};

use super::Tool;
use crate::failure::Failure;
use crate::opening;
use crate::output::{Screen, right};
use crate::place::{Location, Place, Workspace};
use crate::texts::{bytes, grouped};

/// Show counts and sizes
#[derive(Args)]
pub(crate) struct ShowStats {
    /// The store: a file, or the URL of a PostgreSQL database
    #[arg(value_name = "DB")]
    pub(crate) db: Option<Location>,
    #[command(flatten)]
    workspace: Workspace,
}

fn facts_of(kept: &Kept) -> Vec<(&'static str, String)> {
    match kept {
        Kept::File {
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
        Kept::Postgres { unfolded } => vec![("not yet in counts", grouped(*unfolded))],
    }
}

impl ShowStats {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let statistics = match tool.place(self.db.as_ref(), &self.workspace)? {
            Place::File(path) => Statistics::of_file(&opening::to_read(path, tool.wait)?)?,
            #[cfg(feature = "postgres")]
            Place::Postgres(database) => {
                let remote = database.to_read(tool.wait)?;
                Statistics::of_workspace(&remote.store, remote.handle())?
            }
            Place::Server(server) => server.statistics(tool.wait)?,
        };
        tool.output
            .print(&statistics, |screen| text(screen, &statistics))
    }
}

fn text(screen: &Screen, document: &Statistics) -> String {
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
    facts.extend(facts_of(&document.kept));
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
        let mut row = vec![comfy_table::Cell::new(&of.status)];
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
