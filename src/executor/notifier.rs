//! Threads and tasks that wait for events, woken when there are some.
//!
//! Invariant: nothing polls. A waiter sleeps until an event is published, a consumer is removed or the
//! current snapshot is withdrawn.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

use convodb_core::{EventSeq, Result};

use super::lock;

#[derive(Default)]
pub(super) struct EventNotifier {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    newest: EventSeq,
    /// Of waiting tasks, by their registrations.
    wakers: BTreeMap<u64, Waker>,
    next_registration: u64,
}

/// A waiting task's place in the notifier.
pub(super) struct Registration {
    notifier: Arc<EventNotifier>,
    number: Option<u64>,
}

impl EventNotifier {
    /// After a snapshot was published. A commit without events wakes a waiter only if it removed a
    /// consumer.
    pub(super) fn published(&self, newest: EventSeq, removed_consumer: bool) {
        let mut state = lock(&self.state);
        let previous = std::mem::replace(&mut state.newest, newest);
        if previous != newest || removed_consumer {
            self.notify(state);
        }
    }

    /// After the current snapshot was withdrawn.
    pub(super) fn withdrawn(&self) {
        self.notify(lock(&self.state));
    }

    fn notify(&self, mut state: MutexGuard<'_, State>) {
        let wakers = std::mem::take(&mut state.wakers);
        self.changed.notify_all();
        drop(state);
        wakers.into_values().for_each(wake);
    }

    /// Blocks until the check of the current snapshot succeeds or fails, at most until the deadline.
    /// Returns whether it succeeded. The check runs under the lock, which a publisher takes afterwards:
    /// no notification is lost in between.
    pub(super) fn wait(
        &self,
        deadline: Option<Instant>,
        check: impl Fn() -> Result<bool>,
    ) -> Result<bool> {
        let mut state = lock(&self.state);
        while !check()? {
            state = match deadline {
                None => {
                    let waited = self.changed.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(false);
                    }
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Ok(true)
    }
}

impl Registration {
    pub(super) fn new(notifier: &Arc<EventNotifier>) -> Self {
        Self {
            notifier: Arc::clone(notifier),
            number: None,
        }
    }

    /// The same as [`EventNotifier::wait`] for a task: it is woken when the check may succeed.
    pub(super) fn poll(
        &mut self,
        waker: &Waker,
        check: impl Fn() -> Result<bool>,
    ) -> Poll<Result<()>> {
        let mut state = lock(&self.notifier.state);
        match check() {
            Ok(false) => {}
            ready => return Poll::Ready(ready.map(drop)),
        }
        let number = *self.number.get_or_insert_with(|| {
            state.next_registration += 1;
            state.next_registration
        });
        state.wakers.insert(number, waker.clone());
        Poll::Pending
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let remove = |number| lock(&self.notifier.state).wakers.remove(&number);
        // Dropped with the lock released: a waker is code of the caller's runtime.
        drop(self.number.map(remove));
    }
}

/// Wakes a task. The commit is complete whatever its runtime does.
pub(super) fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}
