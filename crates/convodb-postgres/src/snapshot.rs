//! Snapshots: one state of a workspace, for as long as it is held.

use std::fmt;
use std::sync::Arc;

use convodb_core::directory::Directory;
use convodb_core::{Error, ErrorKind, Result};

use crate::error::failed;
use crate::session::Session;
use crate::store::{PgStore, Shared, read_known};

/// One state of a store: what is committed later is not in it. It takes one connection, and ends a minute after
/// its last query, as PostgreSQL keeps every old row for it: `SnapshotExpired` from then on.
///
/// [`PgRead`](crate::PgRead) has its queries.
pub struct PgSnapshot {
    shared: Arc<Shared>,
    /// Taken out where the snapshot is dropped, as its transaction ends with its connection.
    session: Option<Session>,
    epoch: i64,
    directory: Arc<Directory>,
}

impl PgStore {
    /// Takes a snapshot of what is committed.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the server cannot be reached, or no connection is free in time.
    ///
    /// ```no_run
    /// # async fn example(store: convodb_postgres::PgStore) -> convodb_postgres::Result<()> {
    /// use convodb_postgres::Filter;
    /// use convodb_postgres::PgRead;
    ///
    /// let snapshot = store.snapshot().await?;
    /// let open = snapshot.count(&Filter::open()).await?;
    /// let resolved = snapshot.count(&Filter::resolved()).await?;
    /// assert_eq!(open + resolved, snapshot.count(&Filter::all()).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn snapshot(&self) -> Result<PgSnapshot> {
        let shared = Arc::clone(self.shared());
        let session = shared.session().await?;
        session
            .execute(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
                 SET LOCAL idle_in_transaction_session_timeout = '60s'",
            )
            .await
            .map_err(failed)?;
        let known = read_known(&session, shared.ws, None).await?;
        Ok(PgSnapshot {
            shared,
            session: Some(session),
            epoch: known.epoch,
            directory: known.directory,
        })
    }
}

impl PgSnapshot {
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) async fn parts(&self) -> Result<(&Session, i64, Arc<Directory>)> {
        let session = self.session.as_ref().filter(|session| !session.is_closed());
        let session = session.ok_or_else(|| {
            let message = "the snapshot's connection was closed: take another one";
            Error::new(ErrorKind::SnapshotExpired, message)
        })?;
        Ok((session, self.epoch, Arc::clone(&self.directory)))
    }
}

impl Drop for PgSnapshot {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.discard();
        }
    }
}

impl fmt::Debug for PgSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgSnapshot").finish_non_exhaustive()
    }
}
