//! The thread that stores conversations of removed users and teams under their successors.
//!
//! Invariant: it runs only while such conversations are left. It works in bounded batches, and each
//! waits for the write lock like a command, so that no command waits for more than one of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use convodb_core::{ConversationId, Result};

use super::{Executor, lock};

/// The number of conversations in a batch, which takes one or two milliseconds. The removal itself
/// stores the first batch.
pub(super) const BATCH: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Reassignment(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// The cause of a failure may have been removed since the last batch began.
    is_restarted: bool,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Running,
    /// A batch failed. Reads are right all the same; the thread continues after a restart.
    Stopped,
    Ended,
}

impl Reassignment {
    /// Waits for a batch that is running, and starts no other.
    pub(super) fn end(&self) {
        let thread = {
            let mut state = lock(&self.0);
            state.phase = Phase::Ended;
            state.thread.take()
        };
        if let Some(thread) = thread {
            // It catches the panics of its batches.
            let _ = thread.join();
        }
    }

    /// Whether another batch is to run. The thread ends if none is.
    fn continues(&self, has_more: impl Fn() -> bool) -> bool {
        // Under the lock, which a publisher takes afterwards: this thread finds what was published,
        // or the next one does.
        let mut state = lock(&self.0);
        state.is_restarted = false;
        if state.phase == Phase::Running && !has_more() {
            state.phase = Phase::Idle;
        }
        state.phase == Phase::Running
    }

    /// After a batch failed.
    fn stop(&self) {
        let mut state = lock(&self.0);
        if state.phase == Phase::Running && !state.is_restarted {
            state.phase = Phase::Stopped;
        }
    }
}

impl Executor {
    /// Starts the thread if there is something to do. After a snapshot was published.
    pub(super) fn start_reassignment(self: &Arc<Self>) {
        if !self.options.reassigns || !self.has_redirects() {
            return;
        }
        let mut state = lock(&self.reassignment.0);
        if state.phase != Phase::Idle {
            return;
        }
        let own = Arc::clone(self);
        let thread = super::start_thread("convodb-reassign", move || own.reassign_all());
        // If it cannot be started, the next commit tries again.
        if let Ok(thread) = thread {
            state.phase = Phase::Running;
            state.thread = Some(thread);
        }
    }

    /// Starts it again if it has stopped: the cause of the failure may be gone.
    pub(super) fn restart_reassignment(self: &Arc<Self>) {
        {
            let mut state = lock(&self.reassignment.0);
            state.is_restarted = true;
            if state.phase == Phase::Stopped {
                state.phase = Phase::Idle;
            }
        }
        self.start_reassignment();
    }

    fn has_redirects(&self) -> bool {
        let view = self.current.latest();
        view.is_ok_and(|view| view.reader().has_redirects())
    }

    fn reassign_all(self: &Arc<Self>) {
        while self.reassignment.continues(|| self.has_redirects()) {
            // A clock or a disk of the caller's own can panic; the batch is not committed then.
            let batch = catch_unwind(AssertUnwindSafe(|| self.reassign_some(BATCH)));
            if !batch.is_ok_and(|batch| batch.is_ok_and(|ids| !ids.is_empty())) {
                self.reassignment.stop();
            }
        }
    }

    /// Reassigns a batch of at most this many conversations, and returns their ids.
    pub(crate) fn reassign_some(self: &Arc<Self>, limit: usize) -> Result<Vec<ConversationId>> {
        let (_lock, mut state) = self.lock_writer()?;
        self.write(&mut state, |mut unit, summary| {
            let ids = unit.reassign_some(self.options.clock.now(), limit)?;
            summary.reassigned = ids.len() as u64;
            Ok((ids, unit))
        })
    }
}
