//! The thread that makes relaxed commits durable, a bounded time after they were made.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Pending,
    Ended,
}

#[derive(Debug)]
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
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Flushes `within` so long of the first commit that it is told of.
    pub(super) fn start(within: Duration, flush: impl Fn() + Send + 'static) -> Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Idle),
            changed: Condvar::new(),
        });
        let own = Arc::clone(&shared);
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
            shared,
            thread: Some(thread),
        })
    }

    /// Something was committed that is not durable.
    pub(super) fn tell(&self) {
        let mut state = self.shared.state();
        if *state == State::Idle {
            *state = State::Pending;
            self.shared.changed.notify_one();
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        *self.shared.state() = State::Ended;
        self.shared.changed.notify_one();
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
