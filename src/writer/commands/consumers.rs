//! Consumers of events.

use convodb_core::{ConsumerName, Outcome, Result};

use super::Handle;
use crate::store::Store;

commands! {
    /// Makes a durable consumer of events, which begins with the oldest event that is left; one of
    /// that name stays as it is. Answers its position. [`Store::consumer`] does so too, and gives
    /// the [`Consumer`](crate::Consumer) to read with. O(1).
    ///
    /// # Errors
    ///
    /// None of its own.
    ///
    /// ```
    /// # use convodb::{ConsumerName, Store};
    /// # let store = Store::in_memory()?;
    /// assert!(store.add_consumer(&ConsumerName::new("webhooks")?)?.created);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn add_consumer(name: &ConsumerName) -> u64;

    /// Notes durably that a consumer is done with all events up to this one. An acknowledgement
    /// never moves it back: one of an earlier event changes nothing. Answers its position. In a
    /// [`transaction`](Store::transaction) it commits with what the events led to, all or nothing.
    /// O(1).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`Invalid`](crate::ErrorKind::Invalid) for a
    /// `sequence` that no event has yet.
    ///
    /// ```
    /// # use convodb::{ConsumerName, Store, ContactId, Channel, Inbound};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?;
    /// let name = ConsumerName::new("webhooks")?;
    /// store.add_consumer(&name)?;
    /// assert_eq!(store.ack_events(&name, 2)?.value, 2);
    /// assert!(!store.ack_events(&name, 1)?.changed);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn ack_events(consumer: &ConsumerName, sequence: u64) -> u64;

    /// Removes a consumer: it keeps no event from being purged any longer. O(1).
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound).
    ///
    /// ```
    /// # use convodb::{ConsumerName, Store};
    /// # let store = Store::in_memory()?;
    /// let name = ConsumerName::new("webhooks")?;
    /// store.add_consumer(&name)?;
    /// store.remove_consumer(&name)?;
    /// assert!(store.consumers()?.is_empty());
    /// # Ok::<(), convodb::Error>(())
    /// ```
    fn remove_consumer(name: &ConsumerName) -> ();
}
