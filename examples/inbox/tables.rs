//! What a person sees. Nothing here calls the store.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, Row, Table};
use convodb::{
    Assignee, AssigneeKind, Channel, Content, Conversation, ConversationId, Cursor, CursorPage,
    DeliveryStatus, Direction, Message, Note, Page, Stats, Thread, Verification,
};

use crate::import::Imported;
use crate::output::{Screen, Timed, took};

/// So many pages of a long walk are shown, and the last.
const SHOWN_PAGES: u64 = 8;
/// So much of a long history is shown.
const SHOWN_MESSAGES: usize = 15;

/// A page that a walk came by.
pub(crate) struct Visit {
    page: u64,
    rows: usize,
    total: u64,
    took: Duration,
}

impl Visit {
    pub(crate) fn new(page: u64, answer: &Timed<Page>) -> Self {
        Self {
            page,
            rows: answer.value.data.len(),
            total: answer.value.total,
            took: answer.took,
        }
    }
}

/// A command that was given, and what came of it.
pub(crate) struct Call {
    pub(crate) command: String,
    pub(crate) answer: String,
    pub(crate) changed: bool,
    pub(crate) reopened: bool,
    pub(crate) took: Duration,
}

pub(crate) fn imported(screen: &Screen, name: &str, imported: &Timed<Imported>) -> String {
    let Imported {
        conversations,
        messages,
        notes,
    } = imported.value;
    format!(
        "{}{}, {} and {}, stored as one transaction in {}",
        screen.heading(format!("Import of {name}")),
        counted(conversations, "conversation"),
        counted(messages, "message"),
        counted(notes, "note"),
        took(imported.took),
    )
}

pub(crate) fn inbox(
    screen: &Screen,
    page: &Timed<Page>,
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
        table.add_row(one_line([
            dim(screen.id(row.id)),
            dim(screen.id(&row.contact_id)),
            channel(row.channel),
            assignee(row.assigned_to.as_ref()),
            // No space to break at: the one line that is shown is filled to its end.
            Cell::new(last.as_ref().map(preview).unwrap_or_default()).set_delimiter('\n'),
            unread(row.unread_count),
            Cell::new(minute(row.updated_at)),
        ]));
    }
    keep_but(&mut table, 4);
    let shown = page.value.data.len();
    let heading = format!(
        "The open inbox: page 1, {shown} of {} conversations",
        page.value.total
    );
    format!(
        "{}{}\nlist {}, last_messages {}",
        screen.heading(heading),
        table.trim_fmt(),
        took(page.took),
        took(previews.took),
    )
}

/// How many messages nobody has read, if there are any.
fn unread(count: u64) -> Cell {
    match count {
        0 => Cell::new(""),
        count => number(count).fg(Color::Yellow),
    }
}

pub(crate) fn views(screen: &Screen, counts: &[(String, Timed<u64>)]) -> String {
    let mut table = screen.table(["view", "conversations", "time"]);
    for (view, count) in counts {
        table.add_row([
            Cell::new(plain(view)),
            number(count.value).fg(Color::Cyan),
            time(count.took),
        ]);
    }
    format!("{}{}", screen.heading("Counts by view"), table.trim_fmt())
}

pub(crate) fn walk(
    screen: &Screen,
    visits: &[Visit],
    behind: Option<&(Cursor, Timed<CursorPage>)>,
) -> String {
    let mut table = screen.table(["page", "rows", "total", "time"]);
    let last = visits.len() as u64;
    for (index, visit) in (1..).zip(visits) {
        if index <= SHOWN_PAGES || index == last {
            table.add_row([
                number(visit.page),
                number(visit.rows as u64),
                number(visit.total),
                time(visit.took),
            ]);
        } else if index == SHOWN_PAGES + 1 {
            table.add_row(["…"; 4].map(|dots| Cell::new(dots).set_alignment(CellAlignment::Right)));
        }
    }
    let heading = screen.heading("The open inbox page by page");
    let mut text = format!("{heading}{}", table.trim_fmt());
    if let Some((cursor, rest)) = behind {
        let rows = rest.value.data.len();
        let took = took(rest.took);
        let rows = counted(rows as u64, "row");
        text += &format!("\n{rows} behind page 1's cursor in {took}\n  {cursor}");
    }
    text
}

pub(crate) fn thread(screen: &Screen, thread: &Timed<Thread>) -> String {
    let Thread {
        conversation,
        messages,
        ..
    } = &thread.value;
    let mut table = screen.table(["created_at", "from", "message", "status"]);
    let earlier = messages.len().saturating_sub(SHOWN_MESSAGES);
    for message in messages.iter().skip(earlier) {
        let from = match message.direction {
            Direction::Inbound => Cell::new("contact").fg(Color::Cyan),
            Direction::Outbound => Cell::new("team").fg(Color::Magenta),
        };
        table.add_row([
            dim(minute(message.created_at)),
            from,
            Cell::new(details(message)),
            status(message.status),
        ]);
    }
    keep_but(&mut table, 2);
    let left_out = match earlier {
        0 => String::new(),
        earlier => format!("and {earlier} earlier messages; "),
    };
    format!(
        "{}{}, {} with {}\n\n{}\n{left_out}get {}",
        screen.heading(conversation.id),
        state(conversation),
        conversation.channel,
        conversation.contact_id,
        table.trim_fmt(),
        took(thread.took),
    )
}

pub(crate) fn notes(screen: &Screen, notes: &Timed<Vec<Note>>, directory: &[Assignee]) -> String {
    let heading = screen.heading("Its internal notes, which the contact never sees");
    if notes.value.is_empty() {
        return format!("{heading}none");
    }
    let mut table = screen.table(["created_at", "author", "note"]);
    for note in &notes.value {
        let author = note.author.as_ref().map(|author| {
            let known = directory
                .iter()
                .find(|one| one.id.as_str() == author.as_str());
            known.map_or(author.as_str(), |known| &known.name)
        });
        table.add_row([
            dim(minute(note.created_at)),
            Cell::new(plain(author.unwrap_or("–"))).fg(Color::Yellow),
            Cell::new(plain(&note.content)),
        ]);
    }
    keep_but(&mut table, 2);
    format!("{heading}{}\nnotes {}", table.trim_fmt(), took(notes.took))
}

pub(crate) fn calls(screen: &Screen, id: ConversationId, calls: &[Call]) -> String {
    let mut table = screen.table(["command", "answer", "effect", "time"]);
    for call in calls {
        let effect = match (call.changed, call.reopened) {
            (_, true) => Cell::new("reopened").fg(Color::Yellow),
            (true, false) => Cell::new("changed").fg(Color::Green),
            (false, false) => dim("no change"),
        };
        table.add_row([
            Cell::new(plain(&call.command)),
            Cell::new(plain(&call.answer)),
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

pub(crate) fn verification(screen: &Screen, report: &Timed<Verification>) -> String {
    let Timed { value, took: time } = report;
    let mut text = format!(
        "{}{}, {}, {} and {} read in {}",
        screen.heading("verify"),
        counted(value.conversations, "conversation"),
        counted(value.messages, "message"),
        counted(value.notes, "note"),
        counted(value.index_rows, "index row"),
        took(*time),
    );
    if value.is_clean() {
        text += "\nclean: every index entry and total agrees with the records";
    }
    for finding in &value.findings {
        text += &format!("\n{finding}");
    }
    text
}

pub(crate) fn ending(path: &Path, kept: bool, stats: &Stats) -> String {
    let kib = stats.file_bytes.div_ceil(1024);
    let path = path.display();
    if kept {
        format!("\nThe store is in {path}, {kib} KiB.")
    } else {
        format!(
            "\nThe store was in {path}, {kib} KiB, and is gone now.\n\
             --db PATH keeps one; --json prints the same show as JSON; --help tells more."
        )
    }
}

/// A conversation in a few words.
pub(crate) fn state(conversation: &Conversation) -> String {
    let status = conversation.status;
    match &conversation.assigned_to {
        Some(assignee) => format!("{status}, assigned to {}", plain(&assignee.name)),
        None => format!("{status}, unassigned"),
    }
}

/// How far a message has come, and when.
pub(crate) fn delivery(message: &Message) -> String {
    match message.deliveries.read_at {
        Some(at) => format!("read at {}", at.format("%H:%M:%S")),
        None => status_word(message.status).to_owned(),
    }
}

const fn status_word(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Sent => "sent",
        DeliveryStatus::Failed => "failed",
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Read => "read",
    }
}

fn status(status: DeliveryStatus) -> Cell {
    let colour = match status {
        DeliveryStatus::Sent => Color::Yellow,
        DeliveryStatus::Failed => Color::Red,
        DeliveryStatus::Delivered => Color::Reset,
        DeliveryStatus::Read => Color::Green,
    };
    Cell::new(status_word(status)).fg(colour)
}

fn channel(channel: Channel) -> Cell {
    let colour = match channel {
        Channel::Whatsapp => Color::Green,
        Channel::Instagram => Color::Magenta,
        Channel::Messenger => Color::Blue,
        Channel::Webchat => Color::Yellow,
    };
    Cell::new(channel).fg(colour)
}

fn assignee(assignee: Option<&Assignee>) -> Cell {
    match assignee {
        Some(one) if one.id.kind() == AssigneeKind::Team => {
            Cell::new(plain(&one.name)).fg(Color::Blue)
        }
        Some(one) => Cell::new(plain(&one.name)).fg(Color::Cyan),
        None => dim("unassigned"),
    }
}

fn kind(content: &Content) -> &'static str {
    match content {
        Content::Text { .. } => "text",
        Content::Template { .. } => "template",
        Content::Image { .. } => "image",
        Content::Document { .. } => "document",
        _ => "",
    }
}

/// The words of a message, if it has any.
fn said(content: &Content) -> Option<&str> {
    match content {
        Content::Image { caption, .. } | Content::Document { caption, .. } => caption.as_deref(),
        content => content.as_text(),
    }
}

/// A message in one line.
fn preview(message: &Message) -> String {
    match said(&message.content) {
        Some(words) => plain(words)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        None => format!("({})", kind(&message.content)),
    }
}

/// A message as a whole: its words, what it carries, and why it failed, each on lines of its own.
fn details(message: &Message) -> String {
    let kind = kind(&message.content);
    let carried = match &message.content {
        Content::Template { name, params, .. } => Some(format!("{name}({})", params.join(", "))),
        Content::Image { media_url, .. } | Content::Document { media_url, .. } => {
            Some(media_url.clone())
        }
        _ => None,
    };
    let carried = carried.map(|carried| format!("{kind} {carried}"));
    let failure = message.deliveries.failure.as_ref();
    let failure = failure.map(|failure| format!("error {}: {}", failure.code, failure.message));
    let said = said(&message.content).map(str::to_owned);
    let lines: Vec<_> = said.into_iter().chain(carried).chain(failure).collect();
    plain(&lines.join("\n"))
}

/// Text from elsewhere must not steer the terminal.
fn plain(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', " ")
}

fn counted(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

fn number(number: u64) -> Cell {
    Cell::new(number).set_alignment(CellAlignment::Right)
}

fn time(duration: Duration) -> Cell {
    Cell::new(took(duration))
        .fg(Color::Green)
        .set_alignment(CellAlignment::Right)
}

fn dim(text: impl ToString) -> Cell {
    // Not dark grey, which some palettes cannot tell from the background.
    Cell::new(text).add_attribute(Attribute::Dim)
}

fn one_line<const N: usize>(cells: [Cell; N]) -> Row {
    let mut row = Row::from(cells);
    row.max_height(1);
    row
}

/// Leaves every column its width but one, which gives way on a narrow screen.
fn keep_but(table: &mut Table, flexible: usize) {
    for (index, column) in table.column_iter_mut().enumerate() {
        if index != flexible {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}
