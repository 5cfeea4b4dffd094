//! The thread that stores conversations of removed users and teams under their successors.
//!
//! Invariant: it runs only while such conversations are left. It works in bounded batches, and each
//! waits for the write lock like a command, so that no command waits for more than one of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use convodb_core::{ConversationId, Result};

use super::{Executor, Summary, lock};

/// The number of conversations in a batch, which takes one or two milliseconds. The removal itself
/// stores the first batch.
pub(super) const BATCH: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Reassignment(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// How often the cause of a failed batch may have been removed.
    restarts: u64,
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
        let mut state = lock(&self.0);
        state.phase = Phase::Ended;
        let thread = state.thread.take();
        drop(state);
        if let Some(thread) = thread {
            // It catches the panics of its batches.
            let _ = thread.join();
        }
    }

    /// The number of restarts if another batch is to run. The thread ends if none is.
    fn continues(&self, has_more: impl Fn() -> bool) -> Option<u64> {
        // Under the lock, which a publisher takes afterwards: this thread finds what was published,
        // or the next one does.
        let mut state = lock(&self.0);
        if state.phase == Phase::Running && !has_more() {
            state.phase = Phase::Idle;
        }
        (state.phase == Phase::Running).then_some(state.restarts)
    }

    /// After a batch failed that began after this many restarts. If there was another since, the cause
    /// may be gone.
    fn stop(&self, restarts: u64) {
        let mut state = lock(&self.0);
        if state.phase == Phase::Running && state.restarts == restarts {
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
            state.restarts += 1;
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
        while let Some(restarts) = self.reassignment.continues(|| self.has_redirects()) {
            // A clock or a disk of the caller's own can panic; the batch is not committed then.
            let batch = catch_unwind(AssertUnwindSafe(|| self.reassign_some(BATCH)));
            if !batch.is_ok_and(|batch| batch.is_ok_and(|ids| !ids.is_empty())) {
                self.reassignment.stop(restarts);
            }
        }
    }

    /// Reassigns a batch of at most this many conversations, and returns their ids.
    pub(super) fn reassign_some(self: &Arc<Self>, limit: usize) -> Result<Vec<ConversationId>> {
        let mut writer = self.lock_writer();
        let reassigned = self.write(&mut writer.state, |mut unit| {
            let ids = unit.reassign_some(self.options.clock.now(), limit)?;
            let summary = Summary::of_reassigned(ids.len());
            Ok((ids, summary, unit))
        });
        reassigned.map(|(ids, _)| ids)
    }
}
