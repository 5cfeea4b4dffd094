//! The thread that makes relaxed commits durable, a bounded time after they were made.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use convodb_core::{Error, ErrorKind, Result};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Pending,
    Ended,
}

/// Wakes the thread. Clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Bell(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while it is so, at most so long.
    fn wait(&self, held: State, limit: Duration) -> State {
        let state = self.state();
        let waited = self
            .changed
            .wait_timeout_while(state, limit, |state| *state == held);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Dropped, it waits for the flush that is under way, and makes no other.
pub(super) struct Flusher {
    bell: Bell,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Flushes `within` so long of the first commit that the bell tells of.
    pub(super) fn start(
        bell: Bell,
        within: Duration,
        flush: impl Fn() + Send + 'static,
    ) -> Result<Self> {
        let Bell(own) = bell.clone();
        let run = move || {
            loop {
                match own.wait(State::Idle, Duration::MAX) {
                    State::Ended => return,
                    State::Idle => continue,
                    State::Pending => {}
                }
                if own.wait(State::Pending, within) == State::Ended {
                    return;
                }
                // Before the flush: a commit behind it is told of anew.
                *own.state() = State::Idle;
                flush();
            }
        };
        let thread = thread::Builder::new()
            .name("convodb-flush".to_owned())
            .spawn(run)
            .map_err(|error| {
                Error::new(ErrorKind::Io, format!("no thread can be started: {error}"))
                    .with_source(error)
            })?;
        Ok(Self {
            bell,
            thread: Some(thread),
        })
    }
}

impl Bell {
    /// Something was committed that is not durable.
    pub(super) fn ring(&self) {
        let Self(shared) = self;
        let mut state = shared.state();
        if *state == State::Idle {
            *state = State::Pending;
            shared.changed.notify_one();
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        let Bell(shared) = &self.bell;
        *shared.state() = State::Ended;
        shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It panicked, perhaps, in a disk of a test's own; the commits are in the journal.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Flusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flusher").finish_non_exhaustive()
    }
}
