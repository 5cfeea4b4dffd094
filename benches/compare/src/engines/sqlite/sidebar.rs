//! The totals of a sidebar: two statements give the few counters that all of them are summed
//! from. A statement for each total is slower.

use anyhow::Result;
use rusqlite::{Connection, params_from_iter};

use crate::plan::Filter;

const BY_STATE: &str = "SELECT status, channel, n FROM total_by_state";

pub(super) struct Sidebar {
    filters: Vec<Filter>,
    assignees: Vec<u16>,
    by_assignee: String,
}

impl Sidebar {
    pub(super) fn new(filters: &[Filter]) -> Self {
        let mut assignees: Vec<u16> = filters.iter().flat_map(|f| &f.assignees).copied().collect();
        assignees.sort_unstable();
        assignees.dedup();
        let places = vec!["?"; assignees.len()].join(", ");
        Self {
            filters: filters.to_vec(),
            assignees,
            by_assignee: format!(
                "SELECT status, channel, n, assignee FROM total_by_assignee
                 WHERE assignee IN ({places})"
            ),
        }
    }

    pub(super) fn totals(&self, connection: &Connection) -> Result<Vec<u64>> {
        let mut sums = vec![0; self.filters.len()];
        // One view of both, and one lock.
        connection.prepare_cached("BEGIN")?.execute([])?;
        let mut statement = connection.prepare_cached(BY_STATE)?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            self.add(row, None, &mut sums)?;
        }
        let mut statement = connection.prepare_cached(&self.by_assignee)?;
        let mut found = statement.query(params_from_iter(&self.assignees))?;
        while let Some(row) = found.next()? {
            self.add(row, Some(row.get(3)?), &mut sums)?;
        }
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(sums)
    }

    fn add(&self, row: &rusqlite::Row<'_>, assignee: Option<u16>, sums: &mut [u64]) -> Result<()> {
        let (status, channel, n): (u8, u8, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        for (filter, sum) in self.filters.iter().zip(sums) {
            let selected = filter.status.is_none_or(|s| s as u8 == status)
                && filter.channel.is_none_or(|c| c as u8 == channel)
                && match assignee {
                    None => filter.assignees.is_empty(),
                    Some(assignee) => filter.assignees.contains(&assignee),
                };
            *sum += u64::from(selected) * n.cast_unsigned();
        }
        Ok(())
    }
}
