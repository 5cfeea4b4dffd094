//! A manual clock, seeded ids and a replaceable disk, for the tests of services that embed a store. With
//! the feature `testing`.
//!
//! ```
//! use convodb::testing::{ManualClock, SeededIds};
//! # use convodb::testing::example::*;
//!
//! let clock = ManualClock::at("2026-04-16T09:10:00Z".parse()?);
//! let store = Store::options().clock(clock.clone()).ids(SeededIds::new(7)).open_in_memory()?;
//! let hello = Inbound::text(ContactId::new("con_1")?, Channel::Whatsapp, "Hello");
//! let hello = store.receive(hello)?.value;
//! assert_eq!(hello.created_at, clock.get());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb_core::{ContactId, ConversationId, Identity, Result};

use crate::clock::{Clock, IdGenerator};
/// What another backend of the suite has beside the methods of [`Execute`](crate::Execute).
#[doc(hidden)]
pub use crate::execute::sealed::Sealed;
use crate::read::Read;
pub use crate::storage::{Access, Disk, DiskFile, Metadata, SystemDisk};
use crate::store::Store;

/// What the examples of this documentation begin with.
#[doc(hidden)]
pub mod example {
    pub use std::time::Duration;

    pub use crate::commands::*;
    pub use crate::*;

    /// A store with one conversation, and with two users in its directory.
    pub fn inbox() -> Result<(Store, ConversationId, ContactId, UserId, UserId)> {
        let store = Store::in_memory()?;
        let [alice, bob] = [UserId::new("usr_alice")?, UserId::new("usr_bob")?];
        store.save_user(&alice, "Alice")?;
        store.save_user(&bob, "Bob")?;
        let contact = ContactId::new("con_01HXYZ")?;
        let hello = store
            .receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?
            .value;
        Ok((store, hello.conversation_id, contact, alice, bob))
    }

    /// Imports what an example uses, and names the first parts of [`inbox`].
    #[macro_export]
    #[doc(hidden)]
    macro_rules! example {
        ($($name:ident),*) => {
            use $crate::testing::example::*;
            let ($($name,)* ..) = inbox()?;
        };
    }
}

/// A clock that changes only when it is set. Clones share the time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock at this time, to the microsecond.
    #[must_use]
    pub fn at(time: DateTime<Utc>) -> Self {
        Self(Arc::new(AtomicI64::new(time.timestamp_micros())))
    }

    /// Its time.
    #[must_use]
    pub fn get(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }

    /// Sets it, forward or back.
    pub fn set(&self, time: DateTime<Utc>) {
        self.0.store(time.timestamp_micros(), Ordering::SeqCst);
    }

    /// Sets it forward.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

/// Stores conversations of [removed](crate::Execute::remove_assignee) users and teams under their
/// successors, at most `limit`, in one commit, and returns their ids. A store does so itself, unless it
/// was opened with [`reassign_by_hand`](crate::Options::reassign_by_hand).
///
/// # Errors
///
/// As [`Store::transaction`].
///
/// ```
/// # use convodb::testing::{example::*, reassign_now};
/// # let store = Store::options().reassign_by_hand().open_in_memory()?;
/// # let hello = Inbound::text(ContactId::new("con_1")?, Channel::Webchat, "Hi");
/// # let hello = store.receive(hello)?.value;
/// let alice = UserId::new("usr_alice")?;
/// store.save_user(&alice, "Alice")?;
/// store.assign(hello.conversation_id, &alice)?;
/// store.remove_assignee(&alice.into(), None)?;
/// assert_eq!(store.stats()?.to_reassign, 1);
/// assert_eq!(reassign_now(&store, 100)?, [hello.conversation_id]);
/// assert_eq!(store.stats()?.to_reassign, 0);
/// # Ok::<(), Error>(())
/// ```
pub fn reassign_now(store: &Store, limit: usize) -> Result<Vec<ConversationId>> {
    store.executor().work_off(limit, limit).map(|(ids, _)| ids)
}

/// The id of the contact that a message makes of its first identity, where none of its identities is known.
/// It is another one in each file.
///
/// ```
/// # convodb::example!(store);
/// # use convodb::testing::contact_of;
/// let phone = Identity::new(Channel::Whatsapp, "+491701234567")?;
/// store.receive(Inbound::text(Who::identities([phone.value()]), Channel::Whatsapp, "Hello"))?;
/// assert_eq!(store.contact(&contact_of(&store, &phone)?)?.identities, [phone]);
/// # Ok::<(), Error>(())
/// ```
pub fn contact_of(store: &impl Read, identity: &Identity) -> Result<ContactId> {
    store.query(|reader| reader.contact_of(identity))
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        self.get()
    }
}

/// Ids that are the same for the same seed. Clones share the sequence.
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
