//! A durable consumer of events, and waiting for more of them.

use std::fmt;
use std::time::{Duration, Instant};

use convodb_core::{ConsumerName, Event, Outcome, Result, Retention};

use super::Store;

/// So many events are purged at a time: another command need not wait for all.
const PURGED_AT_ONCE: u64 = 4 * 1024;

/// A named reader of events whose place the store keeps.
///
/// Made by [`Store::consumer`]. [`next`](Self::next) hands out events in their order, each once;
/// [`ack`](Self::ack) notes durably how far they were dealt with. Whoever asks for a consumer of
/// the same name again, after a crash for instance, goes on behind the last acknowledgement: each
/// event is handed out at least once, and those that were not acknowledged again.
///
/// It holds the store open. [`docs::events`](crate::docs::events) shows it at work, in a thread
/// and beside an async runtime.
#[derive(Clone)]
pub struct Consumer {
    store: Store,
    name: ConsumerName,
    /// The latest event that was handed out.
    handed_out: u64,
}

impl Store {
    /// The durable consumer of a name, which is made where it is missing and then begins with the
    /// oldest event that is left. O(1).
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a name that is no
    /// [`ConsumerName`]; and as every command, where it is made.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// # store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?;
    /// let mut webhooks = store.consumer("webhooks")?;
    /// for event in webhooks.next(100)? {
    ///     println!("{}", serde_json::to_string(&event)?);
    ///     webhooks.ack(event.sequence)?;
    /// }
    /// assert_eq!(webhooks.position()?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn consumer(&self, name: &str) -> Result<Consumer> {
        let name = ConsumerName::new(name)?;
        let known = self.view()?.reader().find_consumer(&name)?;
        let position = match known {
            Some(position) => position,
            None => self.add_consumer(&name)?.value,
        };
        Ok(Consumer {
            store: self.clone(),
            name,
            handed_out: position,
        })
    }

    /// Waits until there are events behind this one, at most so long; tells whether there are.
    ///
    /// The thread sleeps until a commit brings an event. [`close`](Self::close) and
    /// [`reopen`](Self::reopen) wake it too.
    ///
    /// # Errors
    ///
    /// As [`events`](Self::events); [`Closed`](crate::ErrorKind::Closed) and
    /// [`NeedsReopen`](crate::ErrorKind::NeedsReopen) where the store is closed or reopened
    /// meanwhile; [`InTransaction`](crate::ErrorKind::InTransaction) from within one's own
    /// transaction.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use convodb::{Channel, ContactId, Inbound, Store};
    /// # let store = Store::in_memory()?;
    /// assert!(!store.wait_for_events(0, Duration::from_millis(1))?);
    /// # let contact = ContactId::new("con_01HXYZ")?;
    /// store.receive(Inbound::text(&contact, Channel::Webchat, "Hello"))?;
    /// assert!(store.wait_for_events(0, Duration::MAX)?);
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn wait_for_events(&self, after: u64, timeout: Duration) -> Result<bool> {
        self.check_outside()?;
        let deadline = Instant::now().checked_add(timeout);
        self.shared.published.wait_for_events(after, deadline)
    }

    /// Purges the events that a retention gives up, but for what a consumer has not acknowledged;
    /// answers how many. Histories of conversations stay. In steps, so that other commands go on
    /// in between: [`Transaction::purge_events`](crate::Transaction::purge_events) does it in one.
    /// O(events purged).
    ///
    /// # Errors
    ///
    /// As every command; the steps that were committed before it stay.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use convodb::{Retention, Store};
    /// # let store = Store::in_memory()?;
    /// const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
    /// store.purge_events(&Retention::younger_than(WEEK))?;
    /// # Ok::<(), convodb::Error>(())
    /// ```
    pub fn purge_events(&self, retention: &Retention) -> Result<Outcome<u64>> {
        let mut purged = 0;
        loop {
            let mut some = self.transaction(|transaction| {
                transaction.purge_some_events(retention, PURGED_AT_ONCE)
            })?;
            purged += some.value;
            if some.value < PURGED_AT_ONCE {
                some.value = purged;
                some.changed = purged > 0;
                return Ok(some);
            }
        }
    }
}

impl Consumer {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ConsumerName {
        &self.name
    }

    /// The latest event that was acknowledged, by whomever; 0 where there is none.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) where the consumer was removed; and as every read.
    pub fn position(&self) -> Result<u64> {
        self.store.view()?.reader().consumer(&self.name)
    }

    /// At most `max` events behind those that were handed out before; none where there are no more
    /// yet. O(events).
    ///
    /// # Errors
    ///
    /// [`EventsGap`](crate::ErrorKind::EventsGap) where a forced purge has passed it:
    /// acknowledging the one before the [`oldest`](crate::Error::oldest_event) goes on behind the
    /// gap. And as every read.
    pub fn next(&mut self, max: usize) -> Result<Vec<Event>> {
        let events = self.store.events(self.handed_out, max)?;
        if let Some(last) = events.last() {
            self.handed_out = last.sequence;
        }
        Ok(events)
    }

    /// Notes durably that all events up to this one were dealt with; of an earlier one it changes
    /// nothing. One acknowledgement for many events is cheaper than many.
    ///
    /// # Errors
    ///
    /// As [`Store::ack_events`].
    pub fn ack(&mut self, sequence: u64) -> Result<Outcome<u64>> {
        let outcome = self.store.ack_events(&self.name, sequence)?;
        self.handed_out = self.handed_out.max(outcome.value);
        Ok(outcome)
    }

    /// Goes back to the last acknowledgement: what was handed out since is handed out again.
    ///
    /// # Errors
    ///
    /// As [`position`](Self::position).
    pub fn rewind(&mut self) -> Result<()> {
        self.handed_out = self.position()?;
        Ok(())
    }

    /// Waits until [`next`](Self::next) has something to hand out, at most so long; tells whether
    /// it has.
    ///
    /// # Errors
    ///
    /// As [`Store::wait_for_events`].
    pub fn wait(&self, timeout: Duration) -> Result<bool> {
        self.store.wait_for_events(self.handed_out, timeout)
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("name", &self.name)
            .field("handed_out", &self.handed_out)
            .finish_non_exhaustive()
    }
}
