//! `list`: a page of conversations, filtered as the API does.

use std::path::PathBuf;

use clap::Args;
use comfy_table::{Cell, Color};
use convodb::{Assignee, AssigneeKind, Channel, Cursor, ListQuery, Message, Page, Status, Store};

use super::Tool;
use crate::failure::Failure;
use crate::output::{Screen, dim, keep_but, one_line};
use crate::words::{grouped, minute, plain, preview};

/// So wide a screen has room for every column.
const WIDE: u16 = 120;

/// Show a page of conversations, latest activity first
///
/// The filters are the API's query parameters; with --json so is the answer.
#[derive(Args)]
pub(crate) struct List {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,

    /// Which statuses: open, resolved or all
    #[arg(long, default_value = "open")]
    status: String,

    /// Which channels: whatsapp, instagram, messenger, webchat; all where none is given
    #[arg(long, value_name = "CHANNEL,..")]
    channel: Option<String>,

    /// Whose: ids of users and teams, and unassigned for nobody's
    #[arg(long, value_name = "ID,..")]
    assigned_to: Option<String>,

    /// Only conversations with unread messages
    #[arg(long)]
    unread: bool,

    /// Which page, from 1
    #[arg(long, value_name = "N", default_value = "1")]
    page: String,

    /// How many conversations a page has, 1 to 100
    #[arg(long, value_name = "N", default_value = "20")]
    limit: String,

    /// Go on behind this cursor, which a page before gave as `next`
    #[arg(long, value_name = "CURSOR", conflicts_with = "page")]
    after: Option<Cursor>,
}

impl List {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let query = self.query()?;
        let store = tool.opening.existing(&self.db)?;
        match self.after {
            None => {
                let page = store.list(&query.filter, query.page)?;
                let last = previews(&store, &page.data)?;
                tool.output.answer(&page, |screen| {
                    let place = place(&page);
                    rows(screen, &page.data, &last) + &place
                })
            }
            Some(cursor) => {
                let page = store.list_after(&query.filter, &cursor, query.page.limit())?;
                let last = previews(&store, &page.data)?;
                tool.output.answer(&page, |screen| {
                    let mut text = rows(screen, &page.data, &last);
                    text += &format!(
                        "\n{} of {} conversations",
                        page.data.len(),
                        grouped(page.total)
                    );
                    if let Some(next) = page.next {
                        text += &format!("; more with --after {next}");
                    }
                    text
                })
            }
        }
    }

    fn query(&self) -> Result<ListQuery, Failure> {
        let given = [
            ("status", Some(&self.status)),
            ("channel", self.channel.as_ref()),
            ("assigned_to", self.assigned_to.as_ref()),
            ("page", Some(&self.page)),
            ("limit", Some(&self.limit)),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.as_str())));
        let unread = self.unread.then_some(("unread", "true"));
        ListQuery::from_pairs(given.chain(unread)).map_err(|error| {
            let said = match (error.field(), error.reason()) {
                (Some(field), Some(reason)) => format!("--{}: {reason}", field.replace('_', "-")),
                _ => error.to_string(),
            };
            Failure::Usage(said)
        })
    }
}

fn previews(
    store: &Store,
    rows: &[convodb::Conversation],
) -> Result<Vec<Option<Message>>, Failure> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    Ok(store.last_messages(&ids)?)
}

fn place(page: &Page) -> String {
    let total = grouped(page.total);
    let mut text = format!(
        "\npage {}: {} of {total} conversations",
        page.page,
        page.data.len()
    );
    if page.next.is_some() {
        text += &format!("; more with --page {}", page.page + 1);
    }
    text
}

fn rows(screen: &Screen, rows: &[convodb::Conversation], last: &[Option<Message>]) -> String {
    // What gives way on a narrow screen is the contact, the status and what is unread.
    let wide = screen.width >= WIDE;
    let mut header = vec!["id", "channel", "assignee", "last message", "updated_at"];
    if wide {
        header.extend(["status", "unread", "contact"]);
    }
    let mut table = screen.table(header);
    for (row, last) in rows.iter().zip(last) {
        let mut cells = vec![
            Cell::new(screen.id(row.id)),
            channel(row.channel),
            assignee(row.assigned_to.as_ref()),
            // No space to break at: the one line that is shown is filled to its end.
            Cell::new(last.as_ref().map(preview).unwrap_or_default()).set_delimiter('\n'),
            Cell::new(minute(row.updated_at)),
        ];
        if wide {
            let unread = match row.unread_count {
                0 => String::new(),
                unread => grouped(unread),
            };
            cells.push(status(row.status));
            cells.push(Cell::new(unread).fg(Color::Yellow));
            cells.push(dim(screen.id(&row.contact_id)));
        }
        table.add_row(one_line(cells));
    }
    keep_but(&mut table, 3);
    table.trim_fmt() + "\n"
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

fn status(status: Status) -> Cell {
    match status {
        Status::Open => Cell::new(status),
        Status::Resolved => dim(status),
    }
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
