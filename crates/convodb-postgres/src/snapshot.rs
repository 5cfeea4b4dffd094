//! Snapshots: one state of a workspace, for as long as it is held.

use std::fmt;
use std::sync::Arc;

use convodb_core::directory::Directory;
use convodb_core::{Error, ErrorKind, Result};
use futures_util::future::try_join;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::failed;
use crate::head::Head;
use crate::session::Session;
use crate::store::{PgStore, Shared, read_known};

/// One state of a store: what is committed later is not in it. It takes one connection, of which half may be
/// snapshots' at a time, and ends a minute after its last query, as PostgreSQL keeps every old row for it: `SnapshotExpired` from then on.
///
/// [`PgRead`](crate::PgRead) has its queries.
pub struct PgSnapshot {
    shared: Arc<Shared>,
    session: Session,
    epoch: i64,
    directory: Arc<Directory>,
    /// Behind the session, which it is a place for.
    _place: OwnedSemaphorePermit,
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
        let place = Arc::clone(&shared.snapshots).acquire_owned();
        let place = tokio::time::timeout(shared.options.deadline, place).await;
        let place = place.ok().and_then(Result::ok).ok_or_else(|| {
            let message = "no connection to PostgreSQL was free for a snapshot in time";
            Error::new(ErrorKind::Unavailable, message)
        })?;
        let session = shared.session().await?;
        // No purge truncates what it sees.
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             SET LOCAL idle_in_transaction_session_timeout = '60s'; \
             LOCK TABLE convodb.event IN ACCESS SHARE MODE";
        let head = Head::statement(shared.ws);
        let begun = try_join(session.execute(begin), session.query(&head));
        let (_, rows) = begun.await.map_err(failed)?;
        let head = rows.first().map(Head::of_row).transpose()?;
        let mut known = shared.known();
        if head.is_none_or(|head| head.epoch != known.epoch) {
            known = read_known(&session, shared.ws, None).await?;
        }
        Ok(PgSnapshot {
            shared,
            session,
            epoch: known.epoch,
            directory: known.directory,
            _place: place,
        })
    }
}

impl PgSnapshot {
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) async fn parts(&self) -> Result<(&Session, i64, Arc<Directory>)> {
        if self.session.is_closed() {
            let message = "the snapshot's connection was closed: take another one";
            return Err(Error::new(ErrorKind::SnapshotExpired, message));
        }
        Ok((&self.session, self.epoch, Arc::clone(&self.directory)))
    }
}

impl fmt::Debug for PgSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgSnapshot").finish_non_exhaustive()
    }
}
