//! The texts and tables of the demo. Nothing here calls the store.

use std::path::Path;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Color};
use convodb::{
    Assignee, Conversation, ConversationId, Cursor, Message, Note, Page, Stats, Transcript,
    VerifyReport,
};

use super::steps::Timed;
use crate::cells;
use crate::commands::import::Imported;
use crate::commands::verify;
use crate::output::{Screen, dim, one_line, right, shrink_only};
use crate::texts::{bytes, counted, grouped, minute, plain, took};

/// The number of pages in the table; the last page follows them.
const SHOWN_PAGES: u64 = 8;
/// The most messages that are shown of a conversation.
const SHOWN_MESSAGES: usize = 15;

/// A page that was read.
pub(super) struct Visit {
    page: u64,
    rows: usize,
    total: u64,
    took: Duration,
}

impl Visit {
    pub(super) fn new(page: u64, read: &Timed<Page<Conversation>>) -> Self {
        Self {
            page,
            rows: read.value.data.len(),
            total: read.value.total,
            took: read.took,
        }
    }
}

/// A command that was run, and its outcome.
pub(super) struct Call {
    pub(super) command: String,
    pub(super) value: String,
    pub(super) changed: bool,
    pub(super) reopened: bool,
    pub(super) took: Duration,
}

pub(super) fn imported(screen: &Screen, name: &str, imported: &Timed<Imported>) -> String {
    format!(
        "{}{}, stored in one transaction in {}",
        screen.heading(format!("Import of {name}")),
        imported.value.text(),
        took(imported.took),
    )
}

pub(super) fn inbox(
    screen: &Screen,
    page: &Timed<Page<Conversation>>,
    previews: &Timed<Vec<Option<Message>>>,
) -> String {
    let mut table = screen.table([
        "id",
        "contact",
        "channel",
        "assignee",
        "last message",
        "unread",
        "updated_at",
    ]);
    for (row, last) in page.value.data.iter().zip(&previews.value) {
        table.add_row(one_line(vec![
            dim(screen.id(row.id)),
            dim(screen.id(&row.contact_id)),
            cells::channel(row.channel),
            cells::assignee(row.assigned_to.as_ref()),
            cells::last_message(screen, last.as_ref()),
            cells::unread(row.unread_count),
            Cell::new(minute(row.updated_at)),
        ]));
    }
    shrink_only(&mut table, 4);
    let heading = format!(
        "The open inbox: page 1, {} of {} conversations",
        page.value.data.len(),
        grouped(page.value.total)
    );
    format!(
        "{}{}\nlist {}, last_messages {}",
        screen.heading(heading),
        table.trim_fmt(),
        took(page.took),
        took(previews.took),
    )
}

pub(super) fn views(screen: &Screen, counts: &[(String, Timed<u64>)]) -> String {
    let mut table = screen.table(["view", "conversations", "time"]);
    for (view, count) in counts {
        table.add_row([
            Cell::new(plain(view)),
            right(grouped(count.value)).fg(Color::Cyan),
            time(count.took),
        ]);
    }
    format!("{}{}", screen.heading("Counts by view"), table.trim_fmt())
}

pub(super) fn pages(
    screen: &Screen,
    visits: &[Visit],
    after: Option<&(Cursor, Timed<Page<Conversation>>)>,
) -> String {
    let mut table = screen.table(["page", "rows", "total", "time"]);
    let last = visits.len() as u64;
    for (index, visit) in (1..).zip(visits) {
        if index <= SHOWN_PAGES || index == last {
            table.add_row([
                right(grouped(visit.page)),
                right(visit.rows),
                right(grouped(visit.total)),
                time(visit.took),
            ]);
        } else if index == SHOWN_PAGES + 1 {
            table.add_row(["…"; 4].map(|dots| Cell::new(dots).set_alignment(CellAlignment::Right)));
        }
    }
    let heading = screen.heading("The open inbox page by page");
    let mut text = format!("{heading}{}", table.trim_fmt());
    if let Some((cursor, rest)) = after {
        let rows = counted(rest.value.data.len() as u64, "row");
        let took = took(rest.took);
        text += &format!("\n{rows} after the cursor of page 1 in {took}\n  {cursor}");
    }
    text
}

pub(super) fn transcript(screen: &Screen, transcript: &Timed<Transcript>) -> String {
    let Transcript {
        conversation,
        messages,
        ..
    } = &transcript.value;
    let earlier = messages.len().saturating_sub(SHOWN_MESSAGES);
    let shown = messages.get(earlier..).unwrap_or_default();
    let left_out = match earlier {
        0 => String::new(),
        earlier => format!("and {} before; ", counted(earlier as u64, "message")),
    };
    format!(
        "{}{}, {} with {}\n\n{}\n{left_out}transcript {}",
        screen.heading(conversation.id),
        cells::state(conversation),
        conversation.channel,
        conversation.contact_id,
        cells::messages(screen, shown),
        took(transcript.took),
    )
}

pub(super) fn notes(screen: &Screen, notes: &Timed<Vec<Note>>, directory: &[Assignee]) -> String {
    let heading = screen.heading("Its internal notes, which the contact never sees");
    if notes.value.is_empty() {
        return format!("{heading}none");
    }
    let table = cells::notes(screen, &notes.value, directory);
    format!("{heading}{table}\nnotes {}", took(notes.took))
}

pub(super) fn calls(screen: &Screen, id: ConversationId, calls: &[Call]) -> String {
    let mut table = screen.table(["command", "value", "effect", "time"]);
    for call in calls {
        let effect = match (call.changed, call.reopened) {
            (_, true) => Cell::new("reopened").fg(Color::Yellow),
            (true, false) => Cell::new("changed").fg(Color::Green),
            (false, false) => dim("no change"),
        };
        table.add_row([
            Cell::new(plain(&call.command)),
            Cell::new(plain(&call.value)),
            effect,
            time(call.took),
        ]);
    }
    let heading = format!(
        "Commands on {}, each durable when it returns",
        screen.id(id)
    );
    format!("{}{}", screen.heading(heading), table.trim_fmt())
}

pub(super) fn report(screen: &Screen, report: &Timed<VerifyReport>) -> String {
    format!(
        "{}{}\nverify {}",
        screen.heading("verify"),
        verify::text(&(&report.value).into()),
        took(report.took),
    )
}

pub(super) fn ending(path: &Path, kept: bool, stats: &Stats) -> String {
    let path = path.display();
    let size = bytes(stats.file_bytes);
    if kept {
        format!("\nThe store is in {path}, {size}.")
    } else {
        format!(
            "\nThe store was in {path}, {size}, and was removed.\n\
             --db PATH keeps it; --json prints JSON; --help lists the arguments."
        )
    }
}

/// How far a message has been delivered.
pub(super) fn delivery(message: &Message) -> String {
    match message.deliveries.read_at {
        Some(at) => format!("read at {}", at.format("%H:%M:%S")),
        None => cells::delivery_name(message.status).to_owned(),
    }
}

fn time(duration: Duration) -> Cell {
    right(took(duration)).fg(Color::Green)
}
