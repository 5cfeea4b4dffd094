//! The statements of lists: each has the page and its total, from the counters.

use crate::data::NOBODY;
use crate::plan::{Filter, LIMIT};

const ORDER: &str = "ORDER BY updated_at DESC, id DESC";
const COLUMNS: &str = "id, contact, channel, status, assignee, created_at, updated_at";

/// The statements of a filter.
pub(crate) struct Pages {
    pub(crate) first: String,
    /// Behind the time `$1` and the id `$2`.
    pub(crate) behind: String,
    /// Behind `$1` rows: ids from the index alone, then their rows.
    pub(crate) joined: String,
    /// Behind `$1` rows, which are read.
    pub(crate) offset: String,
}

impl Pages {
    pub(crate) fn of(filter: &Filter) -> Self {
        let total = total(filter);
        let with = |page: &str| {
            format!(
                "SELECT t.n, p.* FROM ({total}) t LEFT JOIN ({page}) p ON true \
                 ORDER BY p.updated_at DESC, p.id DESC"
            )
        };
        let first = merged(filter, COLUMNS, "", &format!("LIMIT {LIMIT}"));
        let behind = merged(
            filter,
            COLUMNS,
            "(updated_at, id) < ($1, $2)",
            &format!("LIMIT {LIMIT}"),
        );
        let skipping = format!("LIMIT {LIMIT} OFFSET $1");
        let keys = merged(filter, "id, updated_at", "", &skipping);
        let joined = format!(
            "SELECT c.{} FROM ({keys}) k CROSS JOIN LATERAL \
             (SELECT * FROM conversation c WHERE c.id = k.id LIMIT 1) c",
            COLUMNS.replace(", ", ", c.")
        );
        Self {
            first: with(&first),
            behind: with(&behind),
            joined: with(&joined),
            offset: with(&merged(filter, COLUMNS, "", &skipping)),
        }
    }
}

/// The rows of one assignee, or of all.
fn arms(filter: &Filter) -> Vec<String> {
    let mut conditions = Vec::new();
    conditions.extend(filter.status.map(|one| format!("status = {}", one as u8)));
    conditions.extend(filter.channel.map(|one| format!("channel = {}", one as u8)));
    if filter.assignees.is_empty() {
        return vec![conditions.join(" AND ")];
    }
    let of = |number: &u16| {
        let own = format!("assignee = {number}");
        let all = std::iter::once(&own).chain(&conditions);
        all.cloned().collect::<Vec<_>>().join(" AND ")
    };
    filter.assignees.iter().map(of).collect()
}

/// A page of the ordered rows of several conditions, each from an index of its own: without an order and a limit of
/// each, PostgreSQL may read them all and sort.
fn merged(filter: &Filter, columns: &str, also: &str, limit: &str) -> String {
    let arm = |condition: String| {
        let parts: Vec<&str> = [condition.as_str(), also]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        let condition = match parts.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", parts.join(" AND ")),
        };
        format!("SELECT {columns} FROM conversation{condition}")
    };
    let arms: Vec<_> = arms(filter).into_iter().map(arm).collect();
    match arms.as_slice() {
        [one] => format!("{one} {ORDER} {limit}"),
        _ => {
            let most = if limit.contains("$1") {
                " + $1::bigint"
            } else {
                ""
            };
            let arm = |arm: &String| format!("({arm} {ORDER} LIMIT {LIMIT}{most})");
            let arms: Vec<_> = arms.iter().map(arm).collect();
            format!("{} {ORDER} {limit}", arms.join(" UNION ALL "))
        }
    }
}

fn total(filter: &Filter) -> String {
    let mut conditions = Vec::new();
    if !filter.assignees.is_empty() {
        let all: Vec<_> = filter.assignees.iter().map(u16::to_string).collect();
        conditions.push(format!("assignee IN ({})", all.join(", ")));
    }
    conditions.extend(filter.status.map(|one| format!("status = {}", one as u8)));
    conditions.extend(filter.channel.map(|one| format!("channel = {}", one as u8)));
    let condition = match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    };
    let table = match filter.assignees.is_empty() {
        true => "status_count",
        false => "assignee_count",
    };
    format!("SELECT coalesce(sum(n), 0)::bigint AS n FROM {table}{condition}")
}

/// All counters that the totals of these filters are sums of, in one statement.
pub(crate) fn counters(filters: &[Filter]) -> String {
    let mut assignees: Vec<u16> = filters
        .iter()
        .flat_map(|filter| filter.assignees.iter().copied())
        .collect();
    assignees.sort_unstable();
    assignees.dedup();
    let assignees: Vec<_> = assignees.iter().map(u16::to_string).collect();
    format!(
        "SELECT -1::smallint, status, channel, sum(n)::bigint FROM status_count GROUP BY 2, 3 \
         UNION ALL SELECT assignee, status, channel, sum(n)::bigint FROM assignee_count \
         WHERE assignee IN ({}) GROUP BY 1, 2, 3",
        match assignees.is_empty() {
            true => NOBODY.to_string(),
            false => assignees.join(", "),
        }
    )
}
