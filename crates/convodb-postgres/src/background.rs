//! What is done between commands: counts are folded, conversations of removed users and teams are reassigned,
//! and views are built. Any process does it for all.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use convodb_core::{ConversationId, Result};

use crate::counts;
use crate::exclusive::Exclusive;
use crate::fault::{Done, Fault};
use crate::numbering::Numbering;
use crate::store::{BATCH, Shared, VIEWED};

/// So many additions to the lists make a fold worth its commit where lists are read: each adds them to its counts.
const WORTH: u64 = 512;

/// The same where none was read since the last fold: what many commits add is folded with less work together. Of 64
/// callers who append, folds of 900 additions took 48 % of the server's time, and those of 16,000 took 20 %; a list
/// reads 4,000 in a millisecond.
const WORTH_UNREAD: u64 = 4 * 1024;

/// How long without commits until what is left is folded.
const IDLE: Duration = Duration::from_secs(1);

/// How long commits are gathered before they are settled.
const GATHERED: Duration = Duration::from_millis(20);

/// Works until the last handle of the store has gone.
pub(crate) async fn run(shared: Weak<Shared>) {
    let mut is_idle = false;
    loop {
        let Some(store) = shared.upgrade() else {
            return;
        };
        // A commit during the work wakes it too.
        let mut committed = std::pin::pin!(store.commits.notified());
        committed.as_mut().enable();
        // What fails is tried again behind the next commit.
        if work(&store, is_idle).await.unwrap_or(false) {
            continue;
        }
        let woken = tokio::time::timeout(IDLE, committed).await;
        is_idle = woken.is_err();
        if !is_idle {
            tokio::time::sleep(GATHERED).await;
        }
    }
}

/// Does a piece of work; without commits for a while also what is worth little. Whether there is more of it.
pub(crate) async fn work(shared: &Arc<Shared>, is_idle: bool) -> Result<bool> {
    let known = shared.known();
    let session = shared.session().await?;
    let backlog = counts::backlog(&session, shared.ws).await;
    let backlog = backlog.map_err(Fault::into_error)?;
    drop(session);
    let worth = match shared.reads_lists.load(Ordering::Relaxed) {
        _ if is_idle => 1,
        true => WORTH,
        false => WORTH_UNREAD,
    };
    let folds = backlog >= worth;
    if folds {
        shared.reads_lists.store(false, Ordering::Relaxed);
    }
    if folds || known.numbering == Numbering::Settled {
        settle(shared, folds).await?;
    }
    if known.directory.has_redirects() && !reassign(shared, BATCH).await?.is_empty() {
        return Ok(true);
    }
    match known.directory.views.has_work() {
        true => build(shared, VIEWED).await,
        false => Ok(false),
    }
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

/// Folds all that commits have added to the lists, if it is asked for, and numbers their events where these are
/// settled.
pub(crate) async fn settle(shared: &Shared, folds: bool) -> Result<()> {
    let session = shared.session().await?;
    let settled = counts::settle(&session, shared.ws, folds).await;
    if settled.map_err(Fault::into_error)? == Some(true) {
        // Events may have their numbers now.
        shared.events.notify_waiters();
    }
    Ok(())
}
