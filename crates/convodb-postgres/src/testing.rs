//! What tests do to a store beside giving commands. With the feature `testing`.

use std::fmt;
use std::sync::Arc;

use convodb_core::{Command, ContactId, Context, ConversationId, Identity, Outcome, Result};
use tokio::sync::Mutex;

use crate::background;
use crate::error::failed;
use crate::exclusive::Exclusive;
use crate::fault::Fault;
use crate::numbering::Numbering;
use crate::options::PgOptions;
use crate::pool;
use crate::read::{Held, Lease, PgRead, Source};
use crate::session::Statement;
use crate::store::{PgStore, Shared};

/// A transaction that no other unit of the workspace overlaps, with queries of what it has written. It holds a
/// lock until it ends: for tests alone.
pub struct ExclusiveTransaction {
    shared: Arc<Shared>,
    work: Mutex<Exclusive>,
}

/// Begins such a transaction.
///
/// # Errors
///
/// `Unavailable` if the server cannot be reached.
pub async fn begin(store: &PgStore) -> Result<ExclusiveTransaction> {
    let shared = Arc::clone(store.shared());
    let work = Mutex::new(Exclusive::begin(&shared).await?);
    Ok(ExclusiveTransaction { shared, work })
}

impl ExclusiveTransaction {
    /// Runs a command within it.
    ///
    /// # Errors
    ///
    /// Those of the command.
    pub async fn execute_in<C: Command>(
        &self,
        context: &Context,
        command: &C,
    ) -> Result<Outcome<C::Output>> {
        self.work.lock().await.execute(context, command).await
    }

    /// Commits it, or undoes it.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the connection was lost.
    pub async fn end(self, commit: bool) -> Result<()> {
        let work = self.work.into_inner();
        match commit {
            true => work.commit().await.map(drop),
            false => work.roll_back().await,
        }
    }
}

impl Source for ExclusiveTransaction {
    async fn lease(&self) -> Result<Lease<'_>> {
        let mut work = self.work.lock().await;
        let written = match work.unit.numbering {
            Numbering::Head => work.unit.flush().await,
            Numbering::Settled => work.unit.settle().await,
        };
        written.map_err(Fault::into_error)?;
        Ok(Lease {
            shared: &self.shared,
            epoch: work.unit.epoch,
            directory: Arc::clone(&work.unit.directory),
            session: Held::Within(work),
        })
    }
}

impl PgRead for ExclusiveTransaction {}

impl fmt::Debug for ExclusiveTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExclusiveTransaction")
            .finish_non_exhaustive()
    }
}

/// Stores conversations of removed users and teams under their successors, at most `limit`, in one commit; or,
/// where there are none, builds so much of a view. Returns the ids.
///
/// # Errors
///
/// `Unavailable` if the server cannot be reached.
pub async fn reassign_now(store: &PgStore, limit: usize) -> Result<Vec<ConversationId>> {
    let reassigned = background::reassign(store.shared(), limit).await?;
    if reassigned.is_empty() {
        background::build(store.shared(), limit).await?;
    }
    Ok(reassigned)
}

/// Folds what commits have added to the lists into their counts, and numbers their events.
///
/// # Errors
///
/// `Unavailable` if the server cannot be reached.
pub async fn settle_now(store: &PgStore) -> Result<()> {
    background::settle(store.shared(), true).await
}

/// The id of the contact that a message makes of its first identity, where none of its identities is known.
///
/// # Errors
///
/// `InvalidInput` of an identity that makes no id.
pub fn contact_of(store: &PgStore, identity: &Identity) -> Result<ContactId> {
    store.shared().hashes.contact_of(identity)
}

/// How many bytes the server has written to its log.
///
/// # Errors
///
/// `Unavailable` if the server cannot be reached, or does not say.
pub async fn log_bytes(options: &PgOptions) -> Result<u64> {
    let pool = pool::new(options)?;
    let session = pool::session(&pool, options).await?;
    let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint";
    let rows = session.query(&Statement::new(sql)).await.map_err(failed)?;
    let bytes = rows.first().map_or(0, |row| row.get::<_, i64>(0));
    Ok(bytes.unsigned_abs())
}
