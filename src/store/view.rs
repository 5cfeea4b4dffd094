//! The one published view, and the leases on it.
//!
//! Invariant: a view is published only once its commit is durable, so no reader sees what a crash
//! could take back, unless durability is relaxed; and no reader waits for a writer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use convodb_core::{Error, ErrorKind, Result};

use super::news::News;
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
    news: News,
    /// In the order in which they were taken.
    leases: Mutex<VecDeque<Weak<Lease>>>,
    /// How old a lease may become.
    max_age: Duration,
}

impl Published {
    pub(crate) fn new(view: View, max_age: Duration) -> Self {
        Self {
            news: News::new(view.head().newest_event),
            latest: RwLock::new(Ok(Arc::new(view))),
            leases: Mutex::default(),
            max_age,
        }
    }

    /// The latest view, for one call.
    pub(crate) fn latest(&self) -> Result<Arc<View>> {
        read(&self.latest)
    }

    pub(crate) fn publish(&self, view: View) {
        let newest = view.head().newest_event;
        set(&self.latest, Ok(Arc::new(view)));
        self.news.tell(newest);
    }

    /// Waits until the latest view has events behind this one, if there is a view; at most until
    /// the deadline. Tells whether there are.
    pub(crate) fn wait_for_events(&self, after: u64, deadline: Option<Instant>) -> Result<bool> {
        self.news.wait(deadline, || {
            let view = self.latest()?;
            // What was purged and what is impossible is told at once.
            view.reader().events(after, 0)?;
            Ok(view.head().newest_event > after)
        })
    }

    /// Takes the latest view away; what was leased ends.
    pub(crate) fn end(&self, ended: Ended) {
        set(&self.latest, Err(ended));
        self.news.end();
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

    /// Ends the leases that have grown too old. O(leases that ended since the last time).
    ///
    /// Before a commit: the pages that only they held are then free for the engine's next one.
    pub(crate) fn end_old(&self, now: Instant) {
        while let Some(lease) = self.take_old(now) {
            set(&lease.view, Err(Ended::Expired));
        }
    }

    /// The oldest lease, if it is too old, off the list.
    fn take_old(&self, now: Instant) -> Option<Arc<Lease>> {
        let mut leases = self.leases();
        loop {
            let oldest = leases.front()?.upgrade();
            if oldest.as_ref().is_some_and(|lease| !lease.is_old(now)) {
                return None;
            }
            leases.pop_front();
            if oldest.is_some() {
                return oldest;
            }
        }
    }

    /// Holds on to the latest view until the lease is dropped or revoked.
    pub(crate) fn lease(&self) -> Result<Arc<Lease>> {
        let mut leases = self.leases();
        // Taken under the lock: a view that is being ended is leased to nobody behind its back.
        let lease = Arc::new(Lease {
            view: RwLock::new(Ok(self.latest()?)),
            taken: Instant::now(),
            max_age: self.max_age,
        });
        if leases.len() == leases.capacity() {
            leases.retain(|lease| lease.strong_count() > 0);
        }
        leases.push_back(Arc::downgrade(&lease));
        Ok(lease)
    }

    /// The number of leases that are held, and the age of the oldest.
    pub(crate) fn leased(&self) -> (usize, Option<Duration>) {
        self.end_old(Instant::now());
        let leases = self.leases();
        let ages: Vec<_> = leases
            .iter()
            .filter_map(Weak::upgrade)
            .map(|lease| lease.taken.elapsed())
            .collect();
        (ages.len(), ages.into_iter().max())
    }

    fn leases(&self) -> std::sync::MutexGuard<'_, VecDeque<Weak<Lease>>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A hold on a view that can be revoked, and ends by its age. Who has one takes the view for a
/// bounded read at a time.
#[derive(Debug)]
pub(crate) struct Lease {
    view: Slot,
    taken: Instant,
    max_age: Duration,
}

impl Lease {
    pub(crate) fn view(&self) -> Result<Arc<View>> {
        self.view_at(Instant::now())
    }

    fn view_at(&self, now: Instant) -> Result<Arc<View>> {
        let view = read(&self.view)?;
        if self.is_old(now) {
            set(&self.view, Err(Ended::Expired));
            return Err(Ended::Expired.into());
        }
        Ok(view)
    }

    fn is_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.taken) >= self.max_age
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Engine, Journaling, Location, Opening};

    const MINUTE: Duration = Duration::from_secs(60);

    /// What is published, of a store in memory.
    fn published(max_age: Duration) -> Result<(Engine, Published)> {
        let opening = Opening {
            cache_bytes: 1 << 20,
            check_up_to_bytes: 0,
            create: true,
            seed: [0; 16],
            journaling: Journaling::Off,
            checkpoint_commands: 0,
        };
        let engine = Engine::open(&Location::memory(), &opening)?;
        let published = Published::new(engine.view()?, max_age);
        Ok((engine, published))
    }

    fn kind(answer: Result<Arc<View>>) -> Option<ErrorKind> {
        answer.err().map(|error| error.kind())
    }

    #[test]
    fn a_lease_ends_at_its_age_when_it_is_read_and_not_before() -> Result<()> {
        let (_engine, published) = published(MINUTE)?;
        let lease = published.lease()?;
        let nearly = lease.taken + MINUTE - Duration::from_nanos(1);
        assert_eq!(kind(lease.view_at(nearly)), None);
        let expired = Some(ErrorKind::SnapshotExpired);
        assert_eq!(kind(lease.view_at(lease.taken + MINUTE)), expired);
        assert_eq!(kind(lease.view_at(nearly)), expired, "it stays ended");
        Ok(())
    }

    #[test]
    fn a_lease_that_is_too_old_gives_its_view_back_and_a_younger_one_stays() -> Result<()> {
        let (engine, published) = published(MINUTE)?;
        let old = published.lease()?;
        let view = Arc::downgrade(&old.view_at(old.taken)?);
        published.publish(engine.view()?);
        let young = published.lease()?;

        published.end_old(old.taken + MINUTE - Duration::from_nanos(1));
        assert!(view.upgrade().is_some());
        // Where the clock ticks too slowly to tell the two apart, both end.
        published.end_old(old.taken + MINUTE);
        assert!(view.upgrade().is_none(), "its pages are free");
        let expired = Some(ErrorKind::SnapshotExpired);
        assert_eq!(kind(old.view_at(old.taken)), expired);
        if young.taken > old.taken {
            assert_eq!(kind(young.view_at(young.taken)), None);
            assert_eq!(published.leased().0, 1);
        }
        Ok(())
    }

    #[test]
    fn a_closed_lease_stays_closed_however_old() -> Result<()> {
        let (_engine, published) = published(MINUTE)?;
        let lease = published.lease()?;
        published.end(Ended::Closed);
        published.end_old(lease.taken + MINUTE);
        let answer = lease.view_at(lease.taken + MINUTE);
        assert_eq!(kind(answer), Some(ErrorKind::Closed));
        Ok(())
    }
}
