//! The thread that files conversations of those who were removed, once it shows whose they are.
//!
//! Invariant: there is none while nothing is to be filed. It works in bounded steps, each a command
//! in the queue like any other, so nobody waits for more than one of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use convodb_core::{ConversationId, Result};

use super::shared::{Load, Shared};

/// So many conversations a step, of which the removal itself does the first: a millisecond or two.
pub(super) const STEP: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Refiler(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// How often what made a step fail may have been mended.
    restarts: u64,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Running,
    /// A step failed. What is left is right as it is, and filed once the store is opened anew.
    Stopped,
    Ended,
}

impl Refiler {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the step that is under way, and lets no other begin.
    pub(super) fn end(&self) {
        let thread = {
            let mut state = self.state();
            state.phase = Phase::Ended;
            state.thread.take()
        };
        if let Some(thread) = thread {
            // It catches what a step panics with.
            let _ = thread.join();
        }
    }

    /// Whether there is another step, and behind how many restarts; without one the thread is no more.
    fn goes_on(&self, has_more: impl Fn() -> bool) -> Option<u64> {
        // Looked at with the lock held, which whoever publishes takes afterwards: what it brings is
        // met here, or by the next thread.
        let mut state = self.state();
        if state.phase == Phase::Running && !has_more() {
            state.phase = Phase::Idle;
        }
        (state.phase == Phase::Running).then_some(state.restarts)
    }

    /// After a step that began behind so many restarts, and failed. Where there was another since, its
    /// reason may be gone.
    fn stop(&self, restarts: u64) {
        let mut state = self.state();
        if state.phase == Phase::Running && state.restarts == restarts {
            state.phase = Phase::Stopped;
        }
    }
}

impl Shared {
    /// After a view was published.
    pub(super) fn start_refiling(self: &Arc<Self>) {
        if !self.options.refiles || !self.has_misfiled() {
            return;
        }
        let mut state = self.refiler.state();
        if state.phase != Phase::Idle {
            return;
        }
        let own = Arc::clone(self);
        let thread = thread::Builder::new()
            .name("convodb-refile".to_owned())
            .spawn(move || own.refile_all());
        // Where none can be started, the next commit tries again.
        if let Ok(thread) = thread {
            state.phase = Phase::Running;
            state.thread = Some(thread);
        }
    }

    /// What made a step fail may be mended.
    pub(super) fn restart_refiling(self: &Arc<Self>) {
        {
            let mut state = self.refiler.state();
            state.restarts += 1;
            if state.phase == Phase::Stopped {
                state.phase = Phase::Idle;
            }
        }
        self.start_refiling();
    }

    fn has_misfiled(&self) -> bool {
        let view = self.published.latest();
        view.is_ok_and(|view| view.reader().has_misfiled())
    }

    fn refile_all(self: &Arc<Self>) {
        while let Some(restarts) = self.refiler.goes_on(|| self.has_misfiled()) {
            // A clock or a disk of the caller's own may panic; what a step leaves half done, nobody
            // commits.
            let step = catch_unwind(AssertUnwindSafe(|| self.refile(STEP)));
            if !step.is_ok_and(|step| step.is_ok_and(|refiled| !refiled.is_empty())) {
                self.refiler.stop(restarts);
            }
        }
    }

    /// One step, of at most so many conversations; tells which were filed.
    pub(super) fn refile(self: &Arc<Self>, most: usize) -> Result<Vec<ConversationId>> {
        let mut turn = self.turn();
        self.write(&mut turn, |transaction| {
            let refiled = transaction.refile_some(most)?;
            let load = Load::of_refiled(refiled.len());
            Ok((refiled, load))
        })
    }
}
