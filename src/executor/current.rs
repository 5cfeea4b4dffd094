//! The current snapshot, and the leases on it and on earlier ones.
//!
//! Invariant: a snapshot is published when its commit is durable, unless durability is relaxed. So a
//! reader sees nothing that a crash can undo, and never waits for a writer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use convodb_core::{ConsumerName, Error, ErrorKind, EventSeq, Result};

use super::lock;
use super::notifier::EventNotifier;
use crate::storage::View;

/// The store is being reopened, or reopening failed.
pub(super) fn needs_reopen() -> Error {
    Error::new(ErrorKind::NeedsReopen, "the store is not open: reopen it")
}

/// The lease outlived its time to live or its file.
pub(super) fn expired() -> Error {
    let message = "the snapshot has ended: take another";
    Error::new(ErrorKind::SnapshotExpired, message)
}

/// A snapshot, or why there is none.
type Slot = RwLock<Result<Arc<View>>>;

fn read(slot: &Slot) -> Result<Arc<View>> {
    slot.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Returns what was there. It is dropped with the lock released, as that may close a file.
fn set(slot: &Slot, view: Result<Arc<View>>) -> Option<Arc<View>> {
    let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut *slot, view).ok()
}

/// The current snapshot, and the leases.
pub(crate) struct Current {
    latest: Slot,
    pub(super) notifier: EventNotifier,
    /// In the order in which they were taken.
    leases: Mutex<VecDeque<Weak<Lease>>>,
    /// The time to live of a lease.
    ttl: Duration,
}

impl Current {
    pub(super) fn new(view: View, ttl: Duration) -> Self {
        Self {
            latest: RwLock::new(Ok(Arc::new(view))),
            notifier: EventNotifier::default(),
            leases: Mutex::default(),
            ttl,
        }
    }

    /// The current snapshot, for one call.
    pub(super) fn latest(&self) -> Result<Arc<View>> {
        read(&self.latest)
    }

    /// Makes a snapshot the current one. Events wake waiters, and so does a removed consumer.
    pub(super) fn publish(&self, view: View, removed_consumer: bool) {
        let newest = view.head().newest_event;
        let before = set(&self.latest, Ok(Arc::new(view)));
        if removed_consumer || before.is_none_or(|view| view.head().newest_event != newest) {
            self.notifier.notify();
        }
    }

    /// Whether there are events after this one.
    pub(super) fn has_events(
        &self,
        after: EventSeq,
        consumer: Option<&ConsumerName>,
    ) -> Result<bool> {
        let view = self.latest()?;
        let reader = view.reader();
        if let Some(name) = consumer {
            reader.consumer(name)?;
        }
        // An event that was purged or does not exist is an error at once.
        reader.events(after, 0)?;
        Ok(view.head().newest_event > after)
    }

    /// Withdraws the current snapshot, and ends the leases.
    pub(super) fn withdraw(&self, reason: Error) {
        let is_closed = reason.kind() == ErrorKind::Closed;
        set(&self.latest, Err(reason.clone()));
        self.notifier.notify();
        self.revoke(&if is_closed { reason } else { expired() });
    }

    /// Ends every lease. The current snapshot stays.
    pub(super) fn revoke(&self, reason: &Error) {
        let leases = std::mem::take(&mut *lock(&self.leases));
        for lease in leases.iter().filter_map(Weak::upgrade) {
            set(&lease.view, Err(reason.clone()));
        }
    }

    /// Ends the leases that have reached their time to live. O(leases that ended since the last call).
    ///
    /// Before a commit, so that it can use the pages that only they held.
    pub(super) fn end_expired(&self, now: Instant) {
        let mut leases = lock(&self.leases);
        while let Some(oldest) = leases.front() {
            if let Some(lease) = oldest.upgrade() {
                if !lease.is_expired(now) {
                    return;
                }
                set(&lease.view, Err(expired()));
            }
            leases.pop_front();
        }
    }

    /// Takes a lease on the current snapshot, which lasts until it is dropped, revoked or expired.
    pub(crate) fn lease(&self) -> Result<Arc<Lease>> {
        let mut leases = lock(&self.leases);
        // Read under the lock, so that no lease escapes a `withdraw`.
        let lease = Arc::new(Lease {
            view: RwLock::new(Ok(self.latest()?)),
            taken: Instant::now(),
            ttl: self.ttl,
        });
        if leases.len() == leases.capacity() {
            leases.retain(|lease| lease.strong_count() > 0);
        }
        leases.push_back(Arc::downgrade(&lease));
        Ok(lease)
    }

    /// The number of leases, and the age of the oldest.
    pub(crate) fn leased(&self) -> (usize, Option<Duration>) {
        self.end_expired(Instant::now());
        let leases = lock(&self.leases);
        let held = leases.iter().filter_map(Weak::upgrade);
        held.fold((0, None), |(count, oldest), lease| {
            (count + 1, oldest.max(Some(lease.taken.elapsed())))
        })
    }
}

/// A hold on a snapshot, for bounded reads. It can be revoked, and expires.
pub(crate) struct Lease {
    view: Slot,
    taken: Instant,
    ttl: Duration,
}

impl Lease {
    pub(crate) fn view(&self) -> Result<Arc<View>> {
        let view = read(&self.view)?;
        if self.is_expired(Instant::now()) {
            set(&self.view, Err(expired()));
            return Err(expired());
        }
        Ok(view)
    }

    /// Runs a query on the snapshot, which ends where redb's handle did.
    pub(crate) fn read<T>(&self, query: impl FnOnce(&View) -> Result<T>) -> Result<T> {
        query(&*self.view()?).map_err(|error| match error.kind() {
            ErrorKind::NeedsReopen => expired(),
            _ => error,
        })
    }

    fn is_expired(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.taken) >= self.ttl
    }
}
