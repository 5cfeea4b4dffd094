//! The commit of a unit of work: one transaction in one round trip, which compares the versions of what the
//! unit rests on.

use convodb_core::{CommitSeq, Error};
use tokio_postgres::Row;

use crate::fault::Done;
use crate::keys::micros;
use crate::numbering::Numbering;
use crate::rows::{self, TABLES};
use crate::session::{Begin, Statement};
use crate::unit::Unit;
use crate::write::CORRECTION;

/// Takes the lock of the workspace's commits, their next number, and the numbers of `$2` events.
const TAKE: &str = "UPDATE convodb.head SET commit_seq = commit_seq + 1, newest_event = newest_event + $2, \
     newest_id = CASE WHEN newest_time - $3 > $5 THEN $4 ELSE greatest(newest_id, $4) END, \
     newest_time = CASE WHEN newest_time - $3 BETWEEN 0 AND $5 THEN newest_time ELSE $3 END \
     WHERE ws = $1 RETURNING commit_seq";

/// Keeps exclusive units out until the commit.
const SHARE: &str = "SELECT FROM convodb.workspace WHERE ws = $1 FOR SHARE";

/// Records the time and the greatest id of an exclusive unit.
const ADVANCE: &str = "UPDATE convodb.head SET newest_time = $2, newest_id = $3 WHERE ws = $1";

fn commit_of(rows: Option<&Vec<Row>>) -> Done<CommitSeq> {
    let row = rows.and_then(|rows| rows.first());
    let row = row.ok_or_else(|| Error::corrupted("the workspace is missing"))?;
    Ok(CommitSeq::new(row.get::<_, i64>(0).unsigned_abs()))
}

impl Unit {
    /// Writes what an optimistic unit came to, if nothing has changed that it rests on, and answers the number of
    /// the commit, if it has one. Otherwise nothing is written, and the fault says to try again.
    pub(crate) async fn commit(&mut self) -> Done<Option<CommitSeq>> {
        let check = match self.compares_versions {
            true => self.check(),
            false => Statement::new("SELECT"),
        };
        let mut statements = match self.numbering {
            Numbering::Head => vec![self.take_number()],
            Numbering::Settled => self.lock(),
        };
        statements.push(check);
        statements.extend(self.write()?);
        let rows = self.session.transaction(Begin::Write, &statements).await?;
        match self.numbering {
            Numbering::Head => commit_of(rows.first()).map(Some),
            Numbering::Settled => Ok(None),
        }
    }

    /// One commit of the workspace at a time.
    fn take_number(&self) -> Statement {
        let events = i64::try_from(self.events.len()).unwrap_or(i64::MAX);
        let take = Statement::new(TAKE).bind(self.ws).bind(events);
        let take = take.bind(micros(self.now));
        take.bind(self.newest_id.to_be_bytes().to_vec())
            .bind(CORRECTION)
    }

    /// Commits that rest on none of the same rows go on side by side. All lock in one order, so none waits for one
    /// that waits for it.
    fn lock(&self) -> Vec<Statement> {
        let mut statements = vec![Statement::new(SHARE).bind(self.ws)];
        for table in TABLES {
            let known = self
                .stamps
                .iter()
                .filter(|((of, _), version)| *of == table && version.is_some());
            let keys: Vec<_> = known.map(|((_, key), _)| key.clone()).collect();
            if !keys.is_empty() {
                let sql = format!(
                    "SELECT FROM {} WHERE ws = $1 AND key = ANY($2) ORDER BY key FOR UPDATE",
                    table.name()
                );
                statements.push(Statement::new(sql).bind(self.ws).bind(keys));
            }
        }
        statements
    }

    /// Whether nothing has changed that the unit rests on.
    pub(crate) async fn is_fresh(&self) -> Done<()> {
        self.session.query(&self.check()).await?;
        Ok(())
    }

    /// A statement that fails where something that was loaded has changed. A statement of a pipeline can only
    /// stop those behind it by an error, and a division by zero is one that needs no function of our own.
    fn check(&self) -> Statement {
        let mut sql =
            "SELECT 1 / CASE WHEN (SELECT epoch FROM convodb.workspace WHERE ws = $1) IS DISTINCT FROM $2"
                .to_owned();
        let mut statement = Statement::new("").bind(self.ws).bind(self.epoch);
        for table in TABLES {
            let stamps = self.stamps.iter().filter(|((of, _), _)| *of == table);
            let (keys, versions): (Vec<_>, Vec<_>) = stamps
                .map(|((_, key), version)| (key.clone(), *version))
                .unzip();
            if keys.is_empty() {
                continue;
            }
            statement = statement.bind(keys).bind(versions);
            let at = statement.params.len();
            sql.push_str(&format!(
                " OR EXISTS (SELECT FROM unnest(${}::bytea[], ${at}::bigint[]) AS k(key, version) \
                 LEFT JOIN {} ON true WHERE t.version IS DISTINCT FROM k.version)",
                at - 1,
                rows::found(table.name(), "t.key = k.key")
            ));
        }
        if !self.absent_threads.is_empty() {
            let (contacts, inboxes): (Vec<_>, Vec<_>) = self.absent_threads.iter().cloned().unzip();
            statement = statement.bind(contacts).bind(inboxes);
            let at = statement.params.len();
            sql.push_str(&format!(
                " OR EXISTS (SELECT FROM unnest(${}::bytea[], ${at}::bigint[]) AS k(contact, inbox) \
                 CROSS JOIN {})",
                at - 1,
                rows::found(
                    "convodb.conversation",
                    "t.contact = k.contact AND t.inbox = k.inbox"
                )
            ));
        }
        sql.push_str(" THEN 0 ELSE 1 END");
        statement.sql = sql.into();
        statement
    }

    /// Begins the transaction of an exclusive unit: no other one of the workspace commits until it ends.
    pub(crate) async fn begin(&mut self) -> Done<()> {
        self.session
            .execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10s'")
            .await?;
        let lock = "SELECT FROM convodb.workspace WHERE ws = $1 FOR UPDATE";
        let mut statements = vec![Statement::new(lock).bind(self.ws)];
        if self.numbering == Numbering::Head {
            let take = "UPDATE convodb.head SET commit_seq = commit_seq + 1 WHERE ws = $1";
            statements.push(Statement::new(take).bind(self.ws));
        }
        self.session.pipeline(&statements).await?;
        Ok(())
    }

    /// Ends the transaction of an exclusive unit. What it came to is written already.
    pub(crate) async fn end(&mut self) -> Done<Option<CommitSeq>> {
        self.holds_moves = false;
        self.flush().await?;
        self.forget_drained().await?;
        self.flush().await?;
        let mut statements = vec![self.journal(Vec::new(), Vec::new(), Vec::new())];
        if self.numbering == Numbering::Head {
            let advance = Statement::new(ADVANCE).bind(self.ws).bind(micros(self.now));
            statements.push(advance.bind(self.newest_id.to_be_bytes().to_vec()));
        }
        self.session.pipeline(&statements).await?;
        self.session.execute("COMMIT").await?;
        match self.numbering {
            Numbering::Head => Ok(Some(self.head()?.commit_seq)),
            Numbering::Settled => Ok(None),
        }
    }

    /// Undoes what an exclusive unit has written.
    pub(crate) async fn roll_back(&self) -> Done<()> {
        self.session.execute("ROLLBACK").await?;
        Ok(())
    }
}
