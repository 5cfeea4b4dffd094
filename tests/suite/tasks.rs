//! Futures without a runtime: a waker that counts, and a loop that blocks.

use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Signal {
    wakes: Mutex<u64>,
    woken: Condvar,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        *self.wakes.lock().unwrap() += 1;
        self.woken.notify_all();
    }
}

/// A future, and the waker that it is polled with.
pub(crate) struct Task<F> {
    future: Pin<Box<F>>,
    signal: Arc<Signal>,
}

impl<F: Future> Task<F> {
    pub(crate) fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            signal: Arc::default(),
        }
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        let waker = Arc::clone(&self.signal).into();
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// How often its waker was called.
    pub(crate) fn wakes(&self) -> u64 {
        *self.signal.wakes.lock().unwrap()
    }

    /// The future, to be polled with another waker.
    pub(crate) fn into_future(self) -> Pin<Box<F>> {
        self.future
    }

    /// Drops the future. Returns how often its waker was called so far.
    pub(crate) fn into_wakes(self) -> impl Fn() -> u64 {
        let signal = self.signal;
        drop(self.future);
        move || *signal.wakes.lock().unwrap()
    }

    /// Blocks until its waker was called this often.
    pub(crate) fn wait_for_wakes(&self, count: u64) {
        let wakes = self.signal.wakes.lock().unwrap();
        let waited = self
            .signal
            .woken
            .wait_timeout_while(wakes, LONG, |wakes| *wakes < count);
        assert!(!waited.unwrap().1.timed_out(), "the task was not woken");
    }
}

/// Polls a future each time that it was woken, until it is ready.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut task = Task::new(future);
    for wakes in 1.. {
        if let Poll::Ready(output) = task.poll() {
            return output;
        }
        task.wait_for_wakes(wakes);
    }
    unreachable!("there is no end of numbers");
}
