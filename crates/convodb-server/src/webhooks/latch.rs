//! Stops a thread that works in pieces: at once while it rests, else after the piece.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
struct State {
    stopping: bool,
    at_work: bool,
}

/// Shared by the thread and the one that stops it.
#[derive(Default)]
pub(super) struct Latch {
    state: Mutex<State>,
    changed: Condvar,
}

/// The thread is to end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stopped;

impl Latch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does a piece of work, unless it is to stop.
    pub(super) fn work<T>(&self, piece: impl FnOnce() -> T) -> Result<T, Stopped> {
        {
            let mut state = self.state();
            if state.stopping {
                return Err(Stopped);
            }
            state.at_work = true;
        }
        let done = piece();
        self.state().at_work = false;
        self.changed.notify_all();
        Ok(done)
    }

    /// Rests, unless it is to stop.
    pub(super) fn rest(&self, pause: Duration) -> Result<(), Stopped> {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.state(), pause, |state| !state.stopping)
            .unwrap_or_else(PoisonError::into_inner);
        if state.stopping { Err(Stopped) } else { Ok(()) }
    }

    /// Lets no other piece begin, and waits for the one under way, at most until the deadline. Returns
    /// whether it is done.
    pub(super) fn stop(&self, deadline: Instant) -> bool {
        let mut state = self.state();
        state.stopping = true;
        self.changed.notify_all();
        let left = deadline.saturating_duration_since(Instant::now());
        let (state, _) = self
            .changed
            .wait_timeout_while(state, left, |state| state.at_work)
            .unwrap_or_else(PoisonError::into_inner);
        !state.at_work
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn a_rest_ends_at_once_and_nothing_begins_any_more() {
        let latch = Latch::default();
        thread::scope(|scope| {
            let resting = scope.spawn(|| latch.rest(Duration::MAX));
            assert!(latch.stop(Instant::now()));
            assert_eq!(resting.join().ok(), Some(Err(Stopped)));
        });
        assert_eq!(latch.work(|| ()), Err(Stopped));
    }

    #[test]
    fn stopping_waits_for_the_piece_under_way_and_no_longer_than_it_may() {
        let latch = Latch::default();
        let (begun, begins) = channel();
        let (release, released) = channel::<()>();
        thread::scope(|scope| {
            let latch = &latch;
            scope.spawn(move || {
                latch.work(|| {
                    let _ = begun.send(());
                    let _ = released.recv();
                })
            });
            let _ = begins.recv();
            assert!(!latch.stop(Instant::now() + Duration::from_millis(5)));
            let _ = release.send(());
            assert!(latch.stop(Instant::now() + Duration::from_secs(60)));
        });
    }
}
