//! The commit of a unit of work: one transaction in one round trip, which compares the versions of what the
//! unit rests on.

use convodb_core::{CommitSeq, Error};
use tokio_postgres::Row;

use crate::fault::Done;
use crate::keys::micros;
use crate::numbering::Numbering;
use crate::rows::{self, TABLES};
use crate::session::{Begin, Param, Statement};
use crate::unit::Unit;
use crate::write::CORRECTION;

/// Takes the next number of the workspace's commits, and the numbers of `$2` events.
const TAKE: &str = "UPDATE convodb.head SET commit_seq = commit_seq + 1, newest_event = newest_event + $2, \
     newest_id = CASE WHEN newest_time - $3 > $5 THEN $4 ELSE greatest(newest_id, $4) END, \
     newest_time = CASE WHEN newest_time - $3 BETWEEN 0 AND $5 THEN newest_time ELSE $3 END \
     WHERE ws = $1 RETURNING commit_seq";

/// Keeps exclusive units out until the commit.
const SHARE: &str = "SELECT FROM convodb.workspace WHERE ws = $1 FOR SHARE";

/// Records the time and the greatest id of an exclusive unit.
const ADVANCE: &str = "UPDATE convodb.head SET newest_time = $2, newest_id = $3 WHERE ws = $1";

/// Whether what is compared stays as it is until the transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Lock,
    Not,
}

/// A statement that fails unless each condition holds. They are looked at in their order.
struct Comparison {
    statement: Statement,
    conditions: Vec<String>,
}

impl Comparison {
    fn new(ws: i32) -> Self {
        Self {
            statement: Statement::new("").bind(ws),
            conditions: Vec::new(),
        }
    }

    /// The number of a parameter.
    fn bind(&mut self, value: impl Into<Param>) -> usize {
        self.statement.params.push(value.into());
        self.statement.params.len()
    }

    fn expect(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    fn statement(self) -> Option<Statement> {
        let Self {
            mut statement,
            conditions,
        } = self;
        let all = conditions.join(" AND ");
        statement.sql = format!("SELECT 1 / CASE WHEN {all} THEN 1 ELSE 0 END").into();
        (!conditions.is_empty()).then_some(statement)
    }
}

fn commit_of(rows: Option<&Vec<Row>>) -> Done<CommitSeq> {
    let row = rows.and_then(|rows| rows.first());
    let row = row.ok_or_else(|| Error::corrupted("the workspace is missing"))?;
    Ok(CommitSeq::new(row.get::<_, i64>(0).unsigned_abs()))
}

impl Unit {
    /// Writes what an optimistic unit came to, if nothing has changed that it rests on, and answers the number of
    /// the commit, if it has one. Otherwise nothing is written, and the fault says to try again.
    pub(crate) async fn commit(&mut self) -> Done<Option<CommitSeq>> {
        let mut statements = match self.compares_versions {
            true => self.compare(Hold::Lock),
            false => vec![Statement::new(SHARE).bind(self.ws)],
        };
        statements.extend(self.write()?);
        let rows = self.session.transaction(Begin::Write, &statements).await?;
        match self.numbering {
            // The row of the journal has the number.
            Numbering::Head => commit_of(rows.last()).map(Some),
            Numbering::Settled => Ok(None),
        }
    }

    /// Takes the number of the commit. What locks it comes late: until then, commits go on side by side that rest on
    /// none of the same rows.
    pub(crate) fn take_number(&self, events: i64) -> Statement {
        let take = Statement::new(TAKE).bind(self.ws).bind(events);
        let take = take.bind(micros(self.now));
        take.bind(self.newest_id.to_be_bytes().to_vec())
            .bind(CORRECTION)
    }

    /// Whether nothing has changed that the unit rests on.
    pub(crate) async fn is_fresh(&self) -> Done<()> {
        self.session.pipeline(&self.compare(Hold::Not)).await?;
        Ok(())
    }

    /// Statements that fail where something that was loaded has changed. A statement of a pipeline can only stop
    /// those behind it by an error, and a division by zero is one that needs no function of our own.
    ///
    /// All units lock in one order, the workspace first, so none waits for one that waits for it. What was not
    /// there is looked for behind that: what another unit has added meanwhile is seen.
    fn compare(&self, hold: Hold) -> Vec<Statement> {
        let (shared, locked) = match hold {
            Hold::Lock => (" FOR SHARE", " FOR NO KEY UPDATE"),
            Hold::Not => ("", ""),
        };
        let mut same = Comparison::new(self.ws);
        let epoch = same.bind(self.epoch);
        same.expect(format!(
            "(SELECT epoch FROM convodb.workspace WHERE ws = $1{shared}) = ${epoch}"
        ));
        let mut absent = Comparison::new(self.ws);
        for table in TABLES {
            let (mut keys, mut versions, mut missing) = (Vec::new(), Vec::new(), Vec::new());
            for ((_, key), version) in self.stamps.iter().filter(|((of, _), _)| *of == table) {
                match version {
                    Some(version) => {
                        keys.push(key.clone());
                        versions.push(*version);
                    }
                    None => missing.push(key.clone()),
                }
            }
            let found = |lock: &str| rows::found(table.name(), "t.key = k.key", lock);
            if !keys.is_empty() {
                let (keys, versions) = (same.bind(keys), same.bind(versions));
                same.expect(format!(
                    "(SELECT count(*) FROM unnest(${keys}::bytea[], ${versions}::bigint[]) AS k(key, version) \
                     CROSS JOIN {} WHERE t.version = k.version) = cardinality(${keys}::bytea[])",
                    found(locked)
                ));
            }
            if !missing.is_empty() {
                let missing = absent.bind(missing);
                absent.expect(format!(
                    "NOT EXISTS (SELECT FROM unnest(${missing}::bytea[]) AS k(key) CROSS JOIN {})",
                    found("")
                ));
            }
        }
        if !self.absent_threads.is_empty() {
            let (contacts, inboxes): (Vec<_>, Vec<_>) = self.absent_threads.iter().cloned().unzip();
            let (contacts, inboxes) = (absent.bind(contacts), absent.bind(inboxes));
            absent.expect(format!(
                "NOT EXISTS (SELECT FROM unnest(${contacts}::bytea[], ${inboxes}::bigint[]) AS k(contact, inbox) \
                 CROSS JOIN {})",
                rows::found(
                    "convodb.conversation",
                    "t.contact = k.contact AND t.inbox = k.inbox",
                    ""
                )
            ));
        }
        [same, absent]
            .into_iter()
            .filter_map(Comparison::statement)
            .collect()
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
