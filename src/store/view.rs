//! The one published view, and the leases on it.
//!
//! Invariant: a view is published only once its commit is durable, so no reader sees what a crash
//! could take back; and no reader waits for a writer.

use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::View;

/// Why there is no view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Closed,
    /// The store is being reopened, or could not be.
    Reopening,
    /// The snapshot outlived its file.
    Expired,
}

impl From<Ended> for Error {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed => Self::closed(),
            Ended::Reopening => {
                Self::new(ErrorKind::NeedsReopen, "the store is not open: reopen it")
            }
            Ended::Expired => Self::new(
                ErrorKind::SnapshotExpired,
                "the snapshot has ended: take another",
            ),
        }
    }
}

/// A view, or why there is none.
type Slot = RwLock<Result<Arc<View>, Ended>>;

fn read(slot: &Slot) -> Result<Arc<View>> {
    let view = slot.read().unwrap_or_else(PoisonError::into_inner).clone();
    view.map_err(Error::from)
}

fn set(slot: &Slot, view: Result<Arc<View>, Ended>) {
    let old = std::mem::replace(
        &mut *slot.write().unwrap_or_else(PoisonError::into_inner),
        view,
    );
    // Dropped with the lock released: a view may close a file.
    drop(old);
}

/// The latest view, and who holds on to earlier ones.
#[derive(Debug)]
pub(crate) struct Published {
    latest: Slot,
    leases: Mutex<Vec<Weak<Lease>>>,
}

impl Published {
    pub(crate) fn new(view: View) -> Self {
        Self {
            latest: RwLock::new(Ok(Arc::new(view))),
            leases: Mutex::default(),
        }
    }

    /// The latest view, for one call.
    pub(crate) fn latest(&self) -> Result<Arc<View>> {
        read(&self.latest)
    }

    pub(crate) fn publish(&self, view: View) {
        set(&self.latest, Ok(Arc::new(view)));
    }

    /// Takes the latest view away; what was leased ends.
    pub(crate) fn end(&self, ended: Ended) {
        set(&self.latest, Err(ended));
        self.revoke(match ended {
            Ended::Closed => Ended::Closed,
            Ended::Reopening | Ended::Expired => Ended::Expired,
        });
    }

    /// Ends every lease; the latest view stays.
    pub(crate) fn revoke(&self, ended: Ended) {
        let leases = std::mem::take(&mut *self.leases());
        for lease in leases.iter().filter_map(Weak::upgrade) {
            set(&lease.view, Err(ended));
        }
    }

    /// Holds on to the latest view until the lease is dropped or revoked.
    pub(crate) fn lease(&self) -> Result<Arc<Lease>> {
        let mut leases = self.leases();
        // Taken under the lock: a view that is being ended is leased to nobody behind its back.
        let lease = Arc::new(Lease {
            view: RwLock::new(Ok(self.latest()?)),
            taken: Instant::now(),
        });
        if leases.len() == leases.capacity() {
            leases.retain(|lease| lease.strong_count() > 0);
        }
        leases.push(Arc::downgrade(&lease));
        Ok(lease)
    }

    /// The number of leases that are held, and the age of the oldest.
    pub(crate) fn leased(&self) -> (usize, Option<Duration>) {
        let leases = self.leases();
        let ages: Vec<_> = leases
            .iter()
            .filter_map(Weak::upgrade)
            .map(|lease| lease.taken.elapsed())
            .collect();
        (ages.len(), ages.into_iter().max())
    }

    fn leases(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Lease>>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hold on a view that can be revoked. Who has one takes the view for a bounded read at a time.
#[derive(Debug)]
pub(crate) struct Lease {
    view: Slot,
    taken: Instant,
}

impl Lease {
    pub(crate) fn view(&self) -> Result<Arc<View>> {
        read(&self.view)
    }
}
