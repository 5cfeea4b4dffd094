//! The thread that works behind the commands: it makes commits of an interval durable, checkpoints
//! them when commands pause, stores conversations of removed users and teams under their successors, and
//! builds the lists of views.
//!
//! Invariant: it works in bounded batches, and each waits for the write lock
//! like a command, so that no command waits for more than one of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use convodb_core::{ConversationId, Result};

use super::{Executor, lock, start_thread};
use crate::storage::View;

/// The number of conversations in a batch, which takes one or two milliseconds. The removal itself
/// stores the first batch.
pub(super) const BATCH: usize = 64;

/// The number of conversations that are read at once to build the list of a view, or of its rows that are
/// removed: about as long.
pub(super) const VIEWED: usize = 512;

/// The cost of a reassigned conversation, in commands: batches follow one another without a pause,
/// and change more rows than most commands.
const REASSIGNED_COST: u64 = 4;

#[derive(Default)]
pub(super) struct Background {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether the thread is to look after checkpoints.
    is_tending: AtomicBool,
}

#[derive(Default)]
struct State {
    /// From the first task on.
    thread: Option<JoinHandle<()>>,
    is_ended: bool,
    /// When the commits since the last flush are to be durable.
    flush_at: Option<Instant>,
    /// When to look whether a checkpoint is due.
    checkpoint_at: Option<Instant>,
    /// Whether conversations are left to be reassigned, or views to be built.
    has_backlog: bool,
    /// A batch of it failed. Reads are right all the same; the next follows a restart.
    is_stopped: bool,
    /// The cause of a failure may have been removed since the last batch began.
    is_restarted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    Flush,
    Checkpoint,
    Backlog,
}

impl Background {
    /// Waits for the next task. There is none after the end.
    fn next(&self) -> Option<Task> {
        let mut state = lock(&self.state);
        while !state.is_ended {
            let now = Instant::now();
            // Before the task: a commit after it starts another interval.
            if state.flush_at.is_some_and(|at| at <= now) {
                state.flush_at = None;
                return Some(Task::Flush);
            }
            if state.checkpoint_at.is_some_and(|at| at <= now) {
                state.checkpoint_at = None;
                return Some(Task::Checkpoint);
            }
            let next = state.flush_at.into_iter().chain(state.checkpoint_at).min();
            let left = next.map(|at| at.saturating_duration_since(now));
            if state.has_backlog && !state.is_stopped {
                state.is_restarted = false;
                return Some(Task::Backlog);
            }
            let waited = self
                .changed
                .wait_timeout(state, left.unwrap_or(Duration::MAX));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    /// Continues after a failure, as its cause may be gone.
    pub(super) fn restart(&self) {
        let mut state = lock(&self.state);
        state.is_restarted = true;
        state.is_stopped = false;
    }

    /// Starts no other task. Returns the thread, which may be running one.
    pub(super) fn end(&self) -> Option<JoinHandle<()>> {
        let mut state = lock(&self.state);
        state.is_ended = true;
        self.changed.notify_one();
        state.thread.take()
    }
}

impl Executor {
    /// Notes what a published snapshot leaves to be done.
    ///
    /// # Errors
    ///
    /// The thread cannot be started. The next call tries again.
    pub(super) fn work_behind(self: &Arc<Self>) -> Result<()> {
        let flushes_after = self.options.flush_interval;
        let tends = self.has_log && !self.background.is_tending.swap(true, Ordering::Relaxed);
        if flushes_after.is_none() && !tends && !self.has_backlog() {
            return Ok(());
        }
        let mut state = lock(&self.background.state);
        state.has_backlog = self.has_backlog();
        if state.flush_at.is_none() || state.has_backlog || tends {
            self.background.changed.notify_one();
        }
        let now = Instant::now();
        state.flush_at = state.flush_at.or_else(|| Some(now + flushes_after?));
        if tends {
            state.checkpoint_at = Some(now + self.options.opening.checkpoint_age);
        }
        if state.thread.is_none() && !state.is_ended {
            let own = Arc::clone(self);
            state.thread = Some(start_thread("convodb-background", move || own.run_tasks())?);
        }
        Ok(())
    }

    fn has_backlog(&self) -> bool {
        let has_backlog = |view: Arc<View>| view.reader().has_backlog();
        self.options.has_background && self.view().is_ok_and(has_backlog)
    }

    fn run_tasks(self: &Arc<Self>) {
        while let Some(task) = self.background.next() {
            // A clock or a disk of the caller's own can panic; nothing is committed then.
            let ran = catch_unwind(AssertUnwindSafe(|| match task {
                // The next command returns the error of a flush.
                Task::Flush => self.flush().map(|()| true),
                Task::Checkpoint => self.tend_checkpoint().map(|()| true),
                Task::Backlog => self.work_off(BATCH, VIEWED).map(|(_, worked)| worked),
            }));
            if task == Task::Backlog {
                // Under the lock, which a publisher takes afterwards: this thread finds what was
                // published, or is notified of it.
                let mut state = lock(&self.background.state);
                state.has_backlog = self.has_backlog();
                let is_failed = state.has_backlog && !matches!(ran, Ok(Ok(true)));
                state.is_stopped = is_failed && !state.is_restarted;
            }
        }
    }

    /// Finishes a checkpoint, or begins one that is due, and comes back while something is left.
    fn tend_checkpoint(self: &Arc<Self>) -> Result<()> {
        let tended = self.lock_writer().and_then(|(_lock, mut state)| {
            let engine = state.engine()?;
            let tended = engine.tend_checkpoint();
            self.republish(engine)?;
            lock(&self.counters).logged = Some(engine.logged());
            // Under the write lock: a commit that comes afterwards has it done again.
            let is_done = matches!(tended, Ok(None));
            self.background
                .is_tending
                .store(!is_done, Ordering::Relaxed);
            tended
        });
        // An error stays until the store is reopened, and commands return it.
        let after = tended.as_ref().copied();
        if let Some(after) = after.unwrap_or_else(|_| Some(self.options.opening.checkpoint_age)) {
            lock(&self.background.state).checkpoint_at = Some(Instant::now() + after);
        }
        tended.map(drop)
    }

    /// Reassigns a batch of at most this many conversations, and returns their ids; or builds a part of a
    /// view. And whether there was something to do.
    pub(crate) fn work_off(
        self: &Arc<Self>,
        reassigned: usize,
        viewed: usize,
    ) -> Result<(Vec<ConversationId>, bool)> {
        let (_lock, mut state) = self.lock_writer()?;
        self.write(&mut state, |mut unit, summary| {
            let now = self.options.clock.now();
            let ids = unit.reassign_some(now, reassigned)?;
            summary.cost = ids.len() as u64 * REASSIGNED_COST;
            let mut worked = !ids.is_empty();
            if !worked && let Some(read) = unit.build_some(now, viewed)? {
                summary.cost = read as u64;
                worked = true;
            }
            Ok(((ids, worked), unit))
        })
    }
}
