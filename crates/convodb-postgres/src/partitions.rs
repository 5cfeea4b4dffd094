//! The partitions of events: each has the numbers of a range, of all workspaces.
//!
//! A purge truncates a partition that holds nothing but purged events of one workspace, and deletes other events by
//! rows. An event of a number without a partition is in `event_rest`.

use convodb_core::Result;
use tokio_postgres::error::SqlState;

use crate::error::failed;
use crate::fault::Done;
use crate::session::{Session, Statement};
use crate::unit::Unit;

/// A partition has 2^22 numbers: up to a gigabyte of events with their indexes.
const BITS: u32 = 22;

const SIZE: i64 = 1 << BITS;

/// As many partitions are made ahead of the newest event of a workspace as it keeps, but not less and not more.
const AHEAD: (i64, i64) = (8, 64);

/// So many rows that earlier purges have left go with one, where their partition cannot be truncated.
const LEFT_BEHIND: i64 = 65_536;

/// The partitions that there are: their numbers and tables.
const MADE: &str = "SELECT substring(c.relname FROM 7)::bigint AS part, c.oid FROM pg_inherits i \
     JOIN pg_class c ON c.oid = i.inhrelid \
     WHERE i.inhparent = 'convodb.event'::regclass AND c.relname <> 'event_rest'";

/// Makes partitions for events to come, and drops those that are empty and to which no workspace comes. Where
/// something else holds a lock on the events for two seconds, the next run does it.
pub(crate) async fn arrange(session: &Session) -> Result<()> {
    // Most runs find nothing to do, and lock nothing.
    if plan(session).await?.is_empty() {
        return Ok(());
    }
    // No commit takes a number while it is looked again.
    let begin = "BEGIN; SET LOCAL lock_timeout = '2s'; \
                 LOCK TABLE convodb.event IN ACCESS EXCLUSIVE MODE";
    match session.execute(begin).await {
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            return Ok(());
        }
        begun => begun.map_err(failed)?,
    }
    let steps = plan(session).await?.join("; ");
    session.execute(&steps).await.map_err(failed)?;
    session.execute("COMMIT").await.map_err(failed)
}

/// The statements that make and drop partitions. A workspace may have events from its oldest number to its newest
/// one. A new workspace begins at the first partition.
async fn plan(session: &Session) -> Result<Vec<String>> {
    let (least, most) = AHEAD;
    let sql = format!(
        "WITH range AS (SELECT w.oldest_event >> {BITS} AS oldest, h.newest_event >> {BITS} AS newest \
           FROM convodb.workspace w JOIN convodb.head h ON h.ws = w.ws UNION ALL SELECT 0, -1), \
         wanted AS (SELECT DISTINCT newest + n AS part FROM range, \
           generate_series(1, greatest({least}, least({most}, newest - oldest))) AS n), \
         made AS ({MADE}), \
         unused AS (SELECT part, oid, wanted IS NULL AS is_behind FROM wanted FULL JOIN made USING (part) \
           WHERE NOT EXISTS (SELECT FROM range WHERE part BETWEEN oldest AND newest)) \
         SELECT format('CREATE TABLE convodb.event_%s PARTITION OF convodb.event FOR VALUES FROM (%s) TO (%s)', \
           part, part << {BITS}, (part + 1) << {BITS}) FROM unused WHERE oid IS NULL \
         UNION ALL SELECT format('DROP TABLE convodb.event_%s', part) FROM unused \
           WHERE is_behind AND pg_relation_size(oid) = 0"
    );
    let rows = session.query(&Statement::new(sql)).await.map_err(failed)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

impl Unit {
    /// Removes the rows of purged events: now those from one up to another one, behind which so many are kept.
    ///
    /// A workspace that keeps more than a partition leaves rows in one that it has alone until all of that are
    /// purged.
    pub(crate) async fn remove_events(&self, from: i64, before: i64, kept: i64) -> Done<()> {
        let edge = before >> BITS;
        let mut end = before;
        let sql = format!(
            "SELECT part FROM ({MADE}) m WHERE part <= $1 AND pg_relation_size(oid) > 0 \
             AND has_table_privilege(oid, 'TRUNCATE') ORDER BY part"
        );
        for row in self.query(Statement::new(sql).bind(edge)).await? {
            let part: i64 = row.get(0);
            if !self.is_alone(part).await? {
                continue;
            }
            if part < edge {
                self.truncate(part).await?;
            } else if kept >= SIZE {
                end = part << BITS;
            }
        }
        let of = |sql: &'static str| Statement::new(sql).bind(self.ws);
        let statements = [
            of("DELETE FROM convodb.event WHERE ws = $1 AND number >= $2 AND number < $3")
                .bind(from)
                .bind(end),
            of(
                "DELETE FROM convodb.event WHERE ws = $1 AND number < least($2, \
                (SELECT number FROM convodb.event WHERE ws = $1 ORDER BY number LIMIT 1) + $3)",
            )
            .bind(end.min(from))
            .bind(LEFT_BEHIND),
        ];
        self.session.pipeline(&statements).await?;
        Ok(())
    }

    /// Whether a partition has no event of another workspace.
    async fn is_alone(&self, part: i64) -> Done<bool> {
        let sql = "SELECT FROM (SELECT FROM convodb.event WHERE ws < $1 AND number >= $2 AND number < $3 LIMIT 1) a \
                   UNION ALL \
                   SELECT FROM (SELECT FROM convodb.event WHERE ws > $1 AND number >= $2 AND number < $3 LIMIT 1) b";
        let statement = Statement::new(sql).bind(self.ws);
        let statement = statement.bind(part << BITS).bind((part + 1) << BITS);
        Ok(self.query(statement).await?.is_empty())
    }

    /// Truncates a partition, if nothing else uses it at the moment: snapshots do, and see what is purged.
    async fn truncate(&self, part: i64) -> Done<()> {
        let table = format!("convodb.event_{part}");
        let lock = format!("SAVEPOINT whole; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT");
        let end = match self.session.execute(&lock).await {
            // Another workspace may have come to it just before.
            Ok(()) if self.is_alone(part).await? => format!("TRUNCATE {table}; RELEASE whole"),
            Err(error) if error.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                return Err(error.into());
            }
            _ => "ROLLBACK TO whole; RELEASE whole".to_owned(),
        };
        self.session.execute(&end).await?;
        Ok(())
    }
}
