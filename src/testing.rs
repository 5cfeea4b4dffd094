//! A clock set by hand, seeded ids, and a disk of one's own, for the tests of services that embed a
//! store. With the feature `testing`.
//!
//! ```
//! use convodb::testing::{ManualClock, SeededIds};
//! use convodb::{Channel, ContactId, Inbound, Options};
//!
//! let clock = ManualClock::at("2026-04-16T09:10:00Z".parse()?);
//! let store = Options::new().clock(clock.clone()).ids(SeededIds::new(7)).open_in_memory()?;
//! let contact = ContactId::new("con_01HXYZ")?;
//! let hello = store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?.value;
//! assert_eq!(hello.created_at, clock.get());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb_core::{ConversationId, Result};

pub use crate::storage::{Disk, DiskFile, Metadata, SystemDisk};
use crate::store::{Clock, IdGenerator, Store};

/// A clock that stands still until it is set. Clones are one clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock at this time, to the microsecond.
    #[must_use]
    pub fn at(time: DateTime<Utc>) -> Self {
        Self(Arc::new(AtomicI64::new(time.timestamp_micros())))
    }

    /// The time that it shows.
    #[must_use]
    pub fn get(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }

    /// Sets it, back too.
    pub fn set(&self, time: DateTime<Utc>) {
        self.0.store(time.timestamp_micros(), Ordering::SeqCst);
    }

    /// Sets it forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

/// Files conversations of users and teams that were [removed](Store::remove_assignee) as those of who
/// took them over, at most so many, in one commit; answers which. A store does so by itself, unless
/// it is [told not to](crate::Options::refile_by_hand).
///
/// # Errors
///
/// As [`Store::transaction`].
///
/// ```
/// use convodb::testing::refile;
/// use convodb::{AssigneeId, Channel, ContactId, Inbound, Options, Takeover, UserId};
///
/// let store = Options::new().refile_by_hand().open_in_memory()?;
/// let contact = ContactId::new("con_01HXYZ")?;
/// let id = store.receive(Inbound::text(&contact, Channel::Webchat, "Hi"))?.value.conversation_id;
/// let alice = UserId::new("usr_alice")?;
/// store.put_user(&alice, "Alice")?;
/// store.assign(id, &AssigneeId::from(&alice))?;
/// store.remove_assignee(&alice.into(), &Takeover::Unassign)?;
/// assert_eq!(store.conversation(id)?.assigned_to, None);
///
/// assert_eq!(store.stats()?.to_refile, 1);
/// assert_eq!(refile(&store, 100)?, [id]);
/// assert_eq!(store.stats()?.to_refile, 0);
/// # Ok::<(), convodb::Error>(())
/// ```
pub fn refile(store: &Store, most: usize) -> Result<Vec<ConversationId>> {
    store.refile(most)
}

/// Writes what a closed file holds into a new file of an older format, one that was never released:
/// opening upgrades it. Notes lose their authors.
#[doc(hidden)]
pub fn write_older_format(closed: &Path, older: &Path) -> Result<()> {
    crate::storage::write_older(closed, older)
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        self.get()
    }
}

/// Ids that are the same for the same seed. Clones go on together.
#[derive(Clone, Debug)]
pub struct SeededIds(Arc<AtomicU64>);

impl SeededIds {
    /// The ids of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }
}

impl IdGenerator for SeededIds {
    fn random(&self) -> u128 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        // SplitMix64, twice.
        let mix = |mut x: u64| {
            x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            u128::from(x ^ (x >> 31))
        };
        let state = self.0.fetch_add(STEP.wrapping_mul(2), Ordering::SeqCst);
        (mix(state) << 64) | mix(state.wrapping_add(STEP))
    }
}
