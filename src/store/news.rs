//! Whoever waits for events, woken when there are some.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use convodb_core::Result;

/// The number of the latest event that was published. Nobody polls it: who waits sleeps until it
/// moves, or the view is taken away.
#[derive(Debug)]
pub(super) struct News {
    newest: Mutex<u64>,
    told: Condvar,
}

impl News {
    pub(super) fn new(newest: u64) -> Self {
        Self {
            newest: Mutex::new(newest),
            told: Condvar::new(),
        }
    }

    fn newest(&self) -> MutexGuard<'_, u64> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After a view was published: a commit without an event wakes nobody.
    pub(super) fn tell(&self, newest: u64) {
        let mut known = self.newest();
        if std::mem::replace(&mut *known, newest) != newest {
            self.told.notify_all();
        }
    }

    /// After the view was taken away.
    pub(super) fn end(&self) {
        let _known = self.newest();
        self.told.notify_all();
    }

    /// Sleeps until the look at the latest view succeeds or fails, at most until the deadline;
    /// tells whether it did. The look is taken with the lock held, which whoever published takes
    /// afterwards: no news is missed in between.
    pub(super) fn wait(
        &self,
        deadline: Option<Instant>,
        mut look: impl FnMut() -> Result<bool>,
    ) -> Result<bool> {
        let mut known = self.newest();
        while !look()? {
            known = match deadline {
                None => self
                    .told
                    .wait(known)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(false);
                    }
                    let waited = self.told.wait_timeout(known, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        Ok(true)
    }
}
