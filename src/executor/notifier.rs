//! Threads and tasks that wait, woken when there is something for them.
//!
//! Invariant: nothing polls. A waiter sleeps until an event is published, a consumer is removed or the
//! current snapshot is withdrawn.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use convodb_core::{ConsumerName, EventSeq, Result};

use super::{Executor, lock};

#[derive(Default)]
pub(super) struct EventNotifier(Mutex<State>);

#[derive(Default)]
struct State {
    /// Of waiting tasks, by their registrations.
    wakers: BTreeMap<u64, Waker>,
    next_registration: u64,
}

impl EventNotifier {
    /// Wakes every waiter, to look again.
    pub(super) fn notify(&self) {
        let wakers = std::mem::take(&mut lock(&self.0).wakers);
        wakers.into_values().for_each(wake);
    }
}

/// Resolves when there are events after one. If a consumer is named, it must exist.
pub(super) struct EventsChanged {
    executor: Arc<Executor>,
    after: EventSeq,
    consumer: Option<ConsumerName>,
    registration: Option<u64>,
}

impl Future for EventsChanged {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        let current = &this.executor.current;
        // Checked under the lock, which a publisher takes afterwards: no notification is lost in
        // between.
        let mut state = lock(&current.notifier.0);
        match current.has_events(this.after, this.consumer.as_ref()) {
            Ok(false) => {}
            ready => return Poll::Ready(ready.map(drop)),
        }
        let registration = *this.registration.get_or_insert_with(|| {
            state.next_registration += 1;
            state.next_registration
        });
        let before = state.wakers.insert(registration, context.waker().clone());
        // Dropped with the lock released: a waker is code of the caller's runtime.
        drop((state, before));
        Poll::Pending
    }
}

impl Drop for EventsChanged {
    fn drop(&mut self) {
        let notifier = &self.executor.current.notifier;
        let remove = |number| lock(&notifier.0).wakers.remove(&number);
        drop(self.registration.map(remove));
    }
}

impl Executor {
    /// A future that resolves when there are events after this one.
    pub(crate) fn events_changed(
        self: &Arc<Self>,
        after: EventSeq,
        consumer: Option<ConsumerName>,
    ) -> impl Future<Output = Result<()>> + Send + use<> {
        EventsChanged {
            executor: Arc::clone(self),
            after,
            consumer,
            registration: None,
        }
    }

    /// Blocks until there are events after this one, at most this long. Returns whether there are.
    pub(crate) fn wait_for_events(
        self: &Arc<Self>,
        after: EventSeq,
        consumer: Option<ConsumerName>,
        timeout: Duration,
    ) -> Result<bool> {
        self.check_reentrancy()?;
        let deadline = Instant::now().checked_add(timeout);
        let changed = block_on(self.events_changed(after, consumer), deadline);
        Ok(changed.transpose()?.is_some())
    }
}

/// Runs a future on this thread, at most until the deadline.
pub(super) fn block_on<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(Duration::ZERO) => return None,
            Some(left) => thread::park_timeout(left),
        }
    }
}

/// Wakes a task. The commit is complete whatever its runtime does.
pub(super) fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}
