//! What is kept for commands that are given again, given up by its age.

use std::time::Duration;

use convodb_core::{Outcome, Result};

use super::Handle;
use crate::store::Store;

commands! {
    /// Gives up the receipts that have waited so long for their messages (R10); answers for how
    /// many messages. O(those that wait).
    ///
    /// # Errors
    ///
    /// None of its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use convodb::{Channel, ProviderId, Receipt, Store};
    /// # let store = Store::in_memory()?;
    /// let of = (Channel::Whatsapp, ProviderId::new("wamid.lost")?);
    /// store.record_delivery(of, Receipt::delivered())?;
    /// assert_eq!(store.stats()?.parked, 1);
    /// let week = Duration::from_secs(7 * 24 * 60 * 60);
    /// assert_eq!(store.purge_parked(week)?.value, 0);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn purge_parked(older_than: Duration) -> u64;

    /// Forgets the commands with idempotency keys that were done so long ago; answers how many.
    /// Those that are older than [their age](crate::Options::idempotency_age) go by themselves,
    /// two with each new one. O(those forgotten).
    ///
    /// # Errors
    ///
    /// None of its own.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let store = convodb::Store::in_memory()?;
    /// let hour = Duration::from_secs(60 * 60);
    /// assert_eq!(store.purge_idempotency_keys(hour)?.value, 0);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn purge_idempotency_keys(older_than: Duration) -> u64;
}
