//! When commits become durable that are not at once, for `Durability::Relaxed`.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::lock;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Pending,
    Ended,
}

/// Starts the interval of the flusher.
#[derive(Default)]
pub(super) struct FlushSignal {
    state: Mutex<State>,
    changed: Condvar,
}

impl FlushSignal {
    /// A commit was made that is not durable yet.
    pub(super) fn committed(&self) {
        let mut state = lock(&self.state);
        if *state == State::Idle {
            *state = State::Pending;
            self.changed.notify_one();
        }
    }

    /// No other flush starts.
    pub(super) fn end(&self) {
        *lock(&self.state) = State::Ended;
        self.changed.notify_one();
    }

    /// Calls `flush` at most this long after the first commit since the last flush, until the end.
    pub(super) fn run(&self, interval: Duration, flush: impl Fn()) {
        loop {
            match self.wait(State::Idle, Duration::MAX) {
                State::Ended => return,
                State::Idle => continue,
                State::Pending => {}
            }
            if self.wait(State::Pending, interval) == State::Ended {
                return;
            }
            // Before the flush: a commit after it starts another interval.
            *lock(&self.state) = State::Idle;
            flush();
        }
    }

    /// Waits while the state is this one, at most this long.
    fn wait(&self, present: State, limit: Duration) -> State {
        let state = lock(&self.state);
        let waited = self
            .changed
            .wait_timeout_while(state, limit, |state| *state == present);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
