//! `list`: a page of conversations, with the filters of the API.

use clap::Args;
use comfy_table::Cell;
use convodb::{Conversation, Filter, Message, Page, PageRequest};

use super::Tool;
use crate::cells;
use crate::failure::Failure;
use crate::output::{Screen, dim, one_line, shrink_only};
use crate::place::{Location, Workspace};
use crate::reading::{self, At};
use crate::texts::{grouped, minute};

/// The narrowest screen that has room for every column.
const WIDE: u16 = 120;

/// Show a page of conversations
///
/// The filters are the query parameters of the API; with --json the output is its
/// response.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct List {
    /// The store: a file, or the URL of a PostgreSQL database
    #[arg(value_name = "DB")]
    pub(crate) db: Option<Location>,
    #[command(flatten)]
    workspace: Workspace,

    /// The status: open, resolved or all [default: open]
    #[arg(long)]
    status: Option<String>,

    /// Channels: whatsapp, instagram, messenger, webchat [default: all]
    #[arg(long, value_name = "CHANNEL,..")]
    channel: Option<String>,

    /// Inboxes: their ids, and the name of a channel for its nameless one [default: all]
    #[arg(long, value_name = "ID,..")]
    inbox: Option<String>,

    /// Ids of users and teams, and `unassigned` [default: all]
    #[arg(long, value_name = "ID,..")]
    assigned_to: Option<String>,

    /// A team: the conversations of the members that it has now, beside those of --assigned-to
    #[arg(long, value_name = "TEAM")]
    members_of: Option<String>,

    /// Ids of teams: in their queues, or assigned to them [default: all]
    #[arg(long, value_name = "ID,..")]
    team: Option<String>,

    /// Only conversations with one of these tags, which have no commas
    #[arg(long, value_name = "TAG,..")]
    tag: Option<String>,

    /// Priorities: low, medium, high, urgent [default: all, and none]
    #[arg(long, value_name = "PRIORITY,..")]
    priority: Option<String>,

    /// Only conversations whose contact waits for an answer, or only others: true or false
    #[arg(long, value_name = "BOOL")]
    waiting: Option<String>,

    /// Read more than 100,000 conversations for a list by team, tag, priority or waiting
    #[arg(long)]
    scan: bool,

    /// A saved view, which has its own filter and order: no other filter beside it
    #[arg(long, value_name = "ID", conflicts_with_all = ["status", "sort"])]
    view: Option<String>,

    /// The order: -updated_at or updated_at [default: -updated_at]
    #[arg(long, value_name = "ORDER", allow_hyphen_values = true)]
    sort: Option<String>,

    /// Only conversations with unread messages
    #[arg(long)]
    unread: bool,

    /// Only snoozed conversations, or only others: true or false
    #[arg(long, value_name = "BOOL")]
    snoozed: Option<String>,

    /// Only conversations with this contact
    #[arg(long, value_name = "ID")]
    contact_id: Option<String>,

    /// The number of the page, from 1 [default: 1]
    #[arg(long, value_name = "N")]
    page: Option<String>,

    /// The number of conversations on a page, 1 to 100
    #[arg(long, value_name = "N", default_value = "20")]
    limit: String,

    /// Continue after this cursor, the `next` of a page
    #[arg(long, value_name = "CURSOR", conflicts_with = "page")]
    after: Option<String>,
}

impl List {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let (filter, request) = self.query()?;
        let place = tool.place(self.db.as_ref(), &self.workspace)?;
        let (page, last) = match reading::at(place, tool.wait)? {
            At::Store(store) => {
                let page = store.list(&filter, request)?;
                let ids: Vec<_> = page.data.iter().map(|row| row.id).collect();
                let last = store.last_messages(&ids)?;
                (page, last)
            }
            At::Server(server) => server.list(&self.pairs(), tool.wait)?,
        };
        tool.output.print(&page, |screen| {
            rows(screen, &page.data, &last) + &summary(&page)
        })
    }

    /// The parameters of the API.
    fn pairs(&self) -> Vec<(&'static str, &str)> {
        let given = [
            ("status", self.status.as_ref()),
            ("channel", self.channel.as_ref()),
            ("inbox", self.inbox.as_ref()),
            ("assigned_to", self.assigned_to.as_ref()),
            ("members_of", self.members_of.as_ref()),
            ("team", self.team.as_ref()),
            ("tag", self.tag.as_ref()),
            ("priority", self.priority.as_ref()),
            ("waiting", self.waiting.as_ref()),
            ("view", self.view.as_ref()),
            ("sort", self.sort.as_ref()),
            ("snoozed", self.snoozed.as_ref()),
            ("contact_id", self.contact_id.as_ref()),
            ("page", self.page.as_ref()),
            ("cursor", self.after.as_ref()),
            ("limit", Some(&self.limit)),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.as_str())));
        let flags = [("unread", self.unread), ("scan", self.scan)];
        let flags = flags.into_iter().filter(|(_, is_given)| *is_given);
        given.chain(flags.map(|(name, _)| (name, "true"))).collect()
    }

    fn query(&self) -> Result<(Filter, PageRequest), Failure> {
        Filter::from_query_pairs(self.pairs()).map_err(|error| {
            let flag = match error.field() {
                "cursor" => "after".to_owned(),
                field => field.replace('_', "-"),
            };
            Failure::Usage(format!("--{flag}: {}", error.reason()))
        })
    }
}

/// The line below a page: its number, its rows, and how to read on.
fn summary(page: &Page<Conversation>) -> String {
    let number = page.number.map(|number| format!("page {number}: "));
    let next = match (page.number, page.next) {
        (_, None) => String::new(),
        (Some(number), Some(_)) => format!("; more with --page {}", number + 1),
        (None, Some(next)) => format!("; more with --after {next}"),
    };
    format!(
        "\n{}{} of {} conversations{next}",
        number.unwrap_or_default(),
        page.data.len(),
        grouped(page.total),
    )
}

fn rows(screen: &Screen, rows: &[Conversation], last: &[Option<Message>]) -> String {
    // A narrow screen has no contact, status and unread count.
    let wide = screen.width >= WIDE;
    let mut header = vec!["id", "channel", "assignee", "last message", "updated_at"];
    if wide {
        header.extend(["status", "unread", "contact"]);
    }
    let mut table = screen.table(header);
    for (row, last) in rows.iter().zip(last) {
        let mut cells = vec![
            Cell::new(screen.id(row.id)),
            cells::channel(row.channel),
            cells::assignee(row.assigned_to.as_ref()),
            cells::last_message(screen, last.as_ref()),
            Cell::new(minute(row.updated_at)),
        ];
        if wide {
            cells.push(cells::status(row.status));
            cells.push(cells::unread(row.unread_count));
            cells.push(dim(screen.id(&row.contact_id)));
        }
        table.add_row(one_line(cells));
    }
    shrink_only(&mut table, 3);
    table.trim_fmt() + "\n"
}
