//! The statements of both layouts.

use convodb::{Channel, Status};

use crate::plan::Filter;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// An index for every combination of filters.
    Best,
    /// Two indexes; lists that need more are unions of ordered streams.
    Lean,
}

pub(super) const TABLES: &str = "
    CREATE TABLE conversation(
        seq INTEGER PRIMARY KEY, id BLOB NOT NULL, contact_id TEXT NOT NULL,
        channel INTEGER NOT NULL, status INTEGER NOT NULL, assignee INTEGER NOT NULL,
        assignee_kind INTEGER, assignee_id TEXT, assignee_name TEXT,
        created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
    CREATE TABLE message(
        conv INTEGER NOT NULL, id BLOB NOT NULL, direction INTEGER NOT NULL,
        status INTEGER NOT NULL, content TEXT NOT NULL, created_at INTEGER NOT NULL,
        PRIMARY KEY(conv, id)) WITHOUT ROWID;
    CREATE TABLE total_by_state(
        status INTEGER NOT NULL, channel INTEGER NOT NULL, n INTEGER NOT NULL,
        PRIMARY KEY(status, channel)) WITHOUT ROWID;
    CREATE TABLE total_by_assignee(
        assignee INTEGER NOT NULL, status INTEGER NOT NULL, channel INTEGER NOT NULL,
        n INTEGER NOT NULL, PRIMARY KEY(assignee, status, channel)) WITHOUT ROWID;";

pub(super) const TRIGGERS: &str = "
    CREATE TRIGGER counted_in AFTER INSERT ON conversation BEGIN
        UPDATE total_by_state SET n = n + 1
            WHERE status = new.status AND channel = new.channel;
        UPDATE total_by_assignee SET n = n + 1
            WHERE assignee = new.assignee AND status = new.status AND channel = new.channel;
    END;
    CREATE TRIGGER counted_out AFTER DELETE ON conversation BEGIN
        UPDATE total_by_state SET n = n - 1
            WHERE status = old.status AND channel = old.channel;
        UPDATE total_by_assignee SET n = n - 1
            WHERE assignee = old.assignee AND status = old.status AND channel = old.channel;
    END;
    CREATE TRIGGER counted_by_state AFTER UPDATE OF status ON conversation
    WHEN old.status <> new.status BEGIN
        UPDATE total_by_state SET n = n - 1
            WHERE status = old.status AND channel = old.channel;
        UPDATE total_by_state SET n = n + 1
            WHERE status = new.status AND channel = new.channel;
    END;
    CREATE TRIGGER counted_by_assignee AFTER UPDATE OF status, assignee ON conversation
    WHEN old.status <> new.status OR old.assignee <> new.assignee BEGIN
        UPDATE total_by_assignee SET n = n - 1
            WHERE assignee = old.assignee AND status = old.status AND channel = old.channel;
        UPDATE total_by_assignee SET n = n + 1
            WHERE assignee = new.assignee AND status = new.status AND channel = new.channel;
    END;";

/// The columns in the order in which a row is read.
pub const COLUMNS: &str = "c.id, c.contact_id, c.channel, c.status, c.assignee_kind, c.assignee_id, \
                       c.assignee_name, c.created_at, c.updated_at";

pub(super) const CONVERSATION: &str = "SELECT c.id, c.contact_id, c.channel, c.status, c.assignee_kind, c.assignee_id, \
            c.assignee_name, c.created_at, c.updated_at, c.seq \
     FROM conversation c WHERE c.id = ?1";

pub const MESSAGES: &str =
    "SELECT id, direction, status, content, created_at FROM message WHERE conv = ?1 ORDER BY id";

/// The columns before `(updated_at, id)` of every index.
pub(super) fn indexes(layout: Layout) -> Vec<Vec<&'static str>> {
    let mut indexes = vec![
        vec!["status", "channel"],
        vec!["assignee", "status", "channel"],
    ];
    if layout == Layout::Best {
        indexes.extend([
            vec![],
            vec!["status"],
            vec!["channel"],
            vec!["assignee"],
            vec!["assignee", "status"],
            vec!["assignee", "channel"],
        ]);
    }
    indexes
}

pub(super) fn index_name(columns: &[&str]) -> String {
    format!("by_{}", columns.join("_"))
}

/// One ordered stream: what is fixed, in the order of its index.
struct Stream {
    /// The place of its assignee among the parameters, from 1.
    assignee: Option<usize>,
    status: Option<Status>,
    channel: Option<Channel>,
}

impl Stream {
    fn all(layout: Layout, filter: &Filter) -> Vec<Self> {
        let some = |status, channel| (Some(status), Some(channel));
        let states = match layout {
            Layout::Best => vec![(filter.status, filter.channel)],
            Layout::Lean => {
                let channels = filter.channels();
                let on = |status| channels.iter().map(move |channel| some(status, *channel));
                filter.statuses().into_iter().flat_map(on).collect()
            }
        };
        let assignees: Vec<_> = match filter.assignees.len() {
            0 => vec![None],
            many => (1..=many).map(Some).collect(),
        };
        let of = |assignee| {
            let state = move |(status, channel): &(Option<_>, Option<_>)| Self {
                assignee,
                status: *status,
                channel: *channel,
            };
            states.iter().map(state).collect::<Vec<_>>()
        };
        assignees.into_iter().flat_map(of).collect()
    }

    /// `FROM conversation … WHERE …`, and a further condition.
    fn from(&self, further: Option<&str>) -> String {
        let (mut columns, mut conditions) = (Vec::new(), Vec::new());
        if let Some(place) = self.assignee {
            columns.push("assignee");
            conditions.push(format!("c.assignee = ?{place}"));
        }
        if let Some(status) = self.status {
            columns.push("status");
            conditions.push(format!("c.status = {}", status as u8));
        }
        if let Some(channel) = self.channel {
            columns.push("channel");
            conditions.push(format!("c.channel = {}", channel as u8));
        }
        conditions.extend(further.map(String::from));
        let index = index_name(&columns);
        let conditions = match &conditions[..] {
            [] => String::new(),
            some => format!("WHERE {}", some.join(" AND ")),
        };
        format!("FROM conversation c INDEXED BY {index} {conditions}")
    }
}

/// The statements of a filter. The first parameters are its assignees; then the limit, and what
/// each statement says.
#[derive(Clone)]
pub struct Question {
    pub assignees: Vec<i64>,
    pub total: String,
    /// …, limit, rows to skip.
    pub page: String,
    /// …, limit, `updated_at` and `id` of the row before.
    pub behind: String,
    /// …, limit, rows to skip: from the last row upwards.
    pub upwards: String,
    /// …, limit, rows to skip, a time: of the rows before that time.
    pub before: String,
}

impl Question {
    pub fn new(layout: Layout, filter: &Filter) -> Self {
        Self::showing("", layout, filter)
    }

    /// With further columns behind the total, each after a comma.
    pub fn showing(further_columns: &str, layout: Layout, filter: &Filter) -> Self {
        let streams = Stream::all(layout, filter);
        let place = filter.assignees.len();
        let (skip, third) = (place + 2, place + 3);
        let behind = format!("(c.updated_at, c.id) < (?{skip}, ?{third})");
        let before = format!("c.updated_at < ?{third}");
        let offset = Some(skip);
        let total = total(filter);
        let last_columns = format!("({total}){further_columns}");
        let page = |further, order, offset| {
            select(&streams, &last_columns, further, order, place + 1, offset)
        };
        Self {
            assignees: filter.assignees.iter().copied().map(i64::from).collect(),
            page: page(None, "DESC", offset),
            behind: page(Some(&behind), "DESC", None),
            upwards: page(None, "ASC", offset),
            before: page(Some(&before), "DESC", offset),
            total,
        }
    }
}

fn select(
    streams: &[Stream],
    last_columns: &str,
    further: Option<&str>,
    order: &str,
    limit: usize,
    offset: Option<usize>,
) -> String {
    let offset = offset.map_or(String::new(), |place| format!("OFFSET ?{place}"));
    if let [stream] = streams {
        let from = stream.from(further);
        return format!(
            "WITH page(seq) AS (
                 SELECT c.seq {from}
                 ORDER BY c.updated_at {order}, c.id {order} LIMIT ?{limit} {offset})
             SELECT {COLUMNS}, {last_columns} FROM page CROSS JOIN conversation c ON c.seq = page.seq"
        );
    }
    let narrow = |stream: &Stream| {
        let from = stream.from(further);
        format!("SELECT c.seq, c.updated_at, c.id {from}")
    };
    let union: Vec<_> = streams.iter().map(narrow).collect();
    let union = union.join(" UNION ALL ");
    format!(
        "WITH page(seq, updated_at, id) AS (
             {union} ORDER BY 2 {order}, 3 {order} LIMIT ?{limit} {offset})
         SELECT {COLUMNS}, {last_columns} FROM page CROSS JOIN conversation c ON c.seq = page.seq"
    )
}

fn total(filter: &Filter) -> String {
    let mut conditions = Vec::new();
    let table = if filter.assignees.is_empty() {
        "total_by_state"
    } else {
        let places: Vec<_> = (1..=filter.assignees.len())
            .map(|n| format!("?{n}"))
            .collect();
        conditions.push(format!("assignee IN ({})", places.join(", ")));
        "total_by_assignee"
    };
    conditions.extend(
        filter
            .status
            .map(|status| format!("status = {}", status as u8)),
    );
    conditions.extend(
        filter
            .channel
            .map(|channel| format!("channel = {}", channel as u8)),
    );
    let conditions = match &conditions[..] {
        [] => String::new(),
        some => format!("WHERE {}", some.join(" AND ")),
    };
    format!("SELECT sum(n) FROM {table} {conditions}")
}
