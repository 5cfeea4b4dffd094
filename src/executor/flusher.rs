//! When commits become durable that are not at once, for `Durability::Relaxed`.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::lock;

#[derive(Default)]
struct State {
    is_pending: bool,
    is_ended: bool,
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
        if !std::mem::replace(&mut lock(&self.state).is_pending, true) {
            self.changed.notify_one();
        }
    }

    /// No other flush starts.
    pub(super) fn end(&self) {
        lock(&self.state).is_ended = true;
        self.changed.notify_one();
    }

    /// Calls `flush` at most this long after the first commit since the last flush, until the end.
    pub(super) fn run(&self, interval: Duration, flush: impl Fn()) {
        loop {
            let (state, changed) = (lock(&self.state), &self.changed);
            let waited = changed.wait_while(state, |state| !state.is_pending && !state.is_ended);
            let state = waited.unwrap_or_else(PoisonError::into_inner);
            let waited = changed.wait_timeout_while(state, interval, |state| !state.is_ended);
            let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if state.is_ended {
                return;
            }
            // Before the flush: a commit after it starts another interval.
            state.is_pending = false;
            drop(state);
            flush();
        }
    }
}
