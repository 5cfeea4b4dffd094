//! The statements of lists: each has the page and its total, from the counters.

use crate::data::NOBODY;
use crate::plan::{Filter, LIMIT};

const ORDER: &str = "ORDER BY updated_at DESC, id DESC";
pub const COLUMNS: &str = "id, contact, channel, status, assignee, created_at, updated_at";

/// The statements of a filter.
pub struct Pages {
    pub first: String,
    /// Behind the time `$1` and the id `$2`.
    pub behind: String,
    /// Behind `$1` rows: ids from the index alone, then their rows.
    pub joined: String,
    /// Behind `$1` rows, which are read.
    pub offset: String,
}

impl Pages {
    /// With the numbers of assignees in their texts, as a few filters are asked again and again.
    pub(crate) fn of(filter: &Filter) -> Self {
        Self::showing(COLUMNS, LIMIT, filter, |_, number| number.to_string())
    }

    /// So many rows of these columns. `owner` writes the number of an assignee, or the parameter that has it: so many
    /// parameters of the statement come before the first.
    pub fn showing(
        columns: &str,
        limit: u32,
        filter: &Filter,
        owner: impl Fn(usize, u16) -> String,
    ) -> Self {
        let owners = |before: usize| -> Vec<String> {
            let all = (before + 1..).zip(&filter.assignees);
            all.map(|(place, number)| owner(place, *number)).collect()
        };
        let with = |page: &str, owners: &[String]| {
            let total = total(filter, owners);
            format!(
                "SELECT t.n, p.* FROM ({total}) t LEFT JOIN ({page}) p ON true \
                 ORDER BY p.updated_at DESC, p.id DESC"
            )
        };
        let page = |columns: &str, owners: &[String], also: &str, skip: &str| {
            merged(filter, owners, columns, also, limit, skip)
        };
        let [alone, one, two] = [0, 1, 2].map(owners);
        let first = page(columns, &alone, "", "");
        let behind = page(columns, &two, "(updated_at, id) < ($1, $2)", "");
        let keys = page("id, updated_at", &one, "", " OFFSET $1");
        let joined = format!(
            "SELECT c.{} FROM ({keys}) k CROSS JOIN LATERAL \
             (SELECT * FROM conversation c WHERE c.id = k.id LIMIT 1) c",
            columns.replace(", ", ", c.")
        );
        Self {
            first: with(&first, &alone),
            behind: with(&behind, &two),
            joined: with(&joined, &one),
            offset: with(&page(columns, &one, "", " OFFSET $1"), &one),
        }
    }
}

/// The rows of one assignee, or of all.
fn arms(filter: &Filter, owners: &[String]) -> Vec<String> {
    let mut conditions = Vec::new();
    conditions.extend(filter.status.map(|one| format!("status = {}", one as u8)));
    conditions.extend(filter.channel.map(|one| format!("channel = {}", one as u8)));
    if owners.is_empty() {
        return vec![conditions.join(" AND ")];
    }
    let of = |owner: &String| {
        let own = format!("assignee = {owner}");
        let all = std::iter::once(&own).chain(&conditions);
        all.cloned().collect::<Vec<_>>().join(" AND ")
    };
    owners.iter().map(of).collect()
}

/// A page of the ordered rows of several conditions, each from an index of its own: without an order and a limit of
/// each, PostgreSQL may read them all and sort.
fn merged(
    filter: &Filter,
    owners: &[String],
    columns: &str,
    also: &str,
    limit: u32,
    skip: &str,
) -> String {
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
    let arms: Vec<_> = arms(filter, owners).into_iter().map(arm).collect();
    match arms.as_slice() {
        [one] => format!("{one} {ORDER} LIMIT {limit}{skip}"),
        _ => {
            let most = skip.replace(" OFFSET $1", " + $1::bigint");
            let arm = |arm: &String| format!("({arm} {ORDER} LIMIT {limit}{most})");
            let arms: Vec<_> = arms.iter().map(arm).collect();
            format!("{} {ORDER} LIMIT {limit}{skip}", arms.join(" UNION ALL "))
        }
    }
}

fn total(filter: &Filter, owners: &[String]) -> String {
    let mut conditions = Vec::new();
    if !owners.is_empty() {
        conditions.push(format!("assignee IN ({})", owners.join(", ")));
    }
    conditions.extend(filter.status.map(|one| format!("status = {}", one as u8)));
    conditions.extend(filter.channel.map(|one| format!("channel = {}", one as u8)));
    let condition = match conditions.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", conditions.join(" AND ")),
    };
    let table = match owners.is_empty() {
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
