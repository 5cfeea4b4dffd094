//! What is done between commands: counts are folded, conversations of removed users and teams are reassigned,
//! and views are built. Any process does it for all.

use std::sync::{Arc, Weak};
use std::time::Duration;

use convodb_core::{ConversationId, Result};

use crate::counts;
use crate::exclusive::Exclusive;
use crate::fault::{Done, Fault};
use crate::store::{BATCH, Shared, VIEWED};

/// So many additions to the lists make a fold worth its commit.
const WORTH: u64 = 512;

/// How long without commits until what is left is folded.
const IDLE: Duration = Duration::from_secs(1);

/// Works until the last handle of the store has gone.
pub(crate) async fn run(shared: Weak<Shared>) {
    loop {
        let Some(store) = shared.upgrade() else {
            return;
        };
        // What fails is tried again behind the next commit.
        let worked = work(&store).await.unwrap_or(false);
        if worked {
            continue;
        }
        let committed = store.commits.notified();
        let waited = tokio::time::timeout(IDLE, committed).await;
        if waited.is_ok() {
            // Commits come in bursts.
            drop(store);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Does a piece of work. Whether there was any.
async fn work(shared: &Arc<Shared>) -> Result<bool> {
    let session = shared.session().await?;
    let backlog = counts::backlog(&session, shared.ws).await;
    drop(session);
    if backlog.map_err(Fault::into_error)? >= WORTH {
        fold(shared).await?;
    }
    let (_, directory) = shared.directory();
    if directory.has_redirects() && !reassign(shared, BATCH).await?.is_empty() {
        return Ok(true);
    }
    if directory.views.has_work() {
        return build(shared, VIEWED).await;
    }
    Ok(false)
}

/// Stores some conversations of removed assignees under their successors. Returns which.
pub(crate) async fn reassign(shared: &Arc<Shared>, limit: usize) -> Result<Vec<ConversationId>> {
    let mut work = Exclusive::begin(shared).await?;
    let done = work.unit.reassign(limit).await;
    end(work, done).await
}

/// Builds a part of a view, or removes a part of a list. Whether there was any.
pub(crate) async fn build(shared: &Arc<Shared>, limit: usize) -> Result<bool> {
    let mut work = Exclusive::begin(shared).await?;
    let done = work.unit.build_views(limit).await;
    Ok(end(work, done).await?.is_some())
}

async fn end<T>(work: Exclusive, done: Done<T>) -> Result<T> {
    match done {
        Ok(value) => work.commit().await.map(|_| value),
        Err(fault) => {
            let _ = work.roll_back().await;
            Err(fault.into_error())
        }
    }
}

/// Folds all that commits have added to the lists.
pub(crate) async fn fold(shared: &Shared) -> Result<()> {
    let session = shared.session().await?;
    let folded = counts::fold(&session, shared.ws).await;
    folded.map(drop).map_err(Fault::into_error)
}
