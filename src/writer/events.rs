//! Consumers of events, and which events are kept.

use convodb_core::{ConsumerName, Fact, Keep, Outcome, Result, Retention, decide};

use super::{Traits, Transaction};

impl Transaction<'_> {
    /// As [`Store::add_consumer`](crate::Store::add_consumer).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn add_consumer(&mut self, name: &ConsumerName) -> Result<Outcome<u64>> {
        let command = self.command(("add_consumer", name));
        self.once(command, |tx, now| {
            let known = tx.writer.reader().find_consumer(name)?;
            // The one before the oldest that is left.
            let position = known.unwrap_or(tx.writer.head().oldest_event - 1);
            let facts = match known {
                Some(_) => Vec::new(),
                None => vec![Fact::ConsumerMoved {
                    consumer: name.clone(),
                    position,
                }],
            };
            let mut traits = Traits::of(&facts);
            traits.created = known.is_none();
            tx.apply(now, facts)?;
            Ok(tx.outcome(position, &traits))
        })
    }

    /// As [`Store::ack_events`](crate::Store::ack_events).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn ack_events(&mut self, consumer: &ConsumerName, sequence: u64) -> Result<Outcome<u64>> {
        let command = self.command(("ack_events", consumer, sequence));
        self.once(command, |tx, now| {
            let position = tx.writer.reader().consumer(consumer)?;
            let newest = tx.writer.head().newest_event;
            let facts = decide::ack_events(consumer, position, newest, sequence)?;
            let traits = Traits::of(&facts);
            tx.apply(now, facts)?;
            Ok(tx.outcome(position.max(sequence), &traits))
        })
    }

    /// As [`Store::remove_consumer`](crate::Store::remove_consumer).
    ///
    /// # Errors
    ///
    /// The same.
    pub fn remove_consumer(&mut self, name: &ConsumerName) -> Result<Outcome<()>> {
        let command = self.command(("remove_consumer", name));
        self.once(command, |tx, now| {
            tx.writer.reader().consumer(name)?;
            let facts = vec![Fact::ConsumerRemoved {
                consumer: name.clone(),
            }];
            let traits = Traits::of(&facts);
            tx.apply(now, facts)?;
            Ok(tx.outcome((), &traits))
        })
    }

    /// Purges events within the transaction, all that the retention gives up.
    /// [`Store::purge_events`](crate::Store::purge_events) does the same in steps.
    ///
    /// # Errors
    ///
    /// None of its own.
    pub fn purge_events(&mut self, retention: &Retention) -> Result<Outcome<u64>> {
        let command = self.command(("purge_events", retention));
        self.once(command, |tx, _| tx.purge_some_events(retention, u64::MAX))
    }

    /// Purges at most so many events, the oldest first, and answers how many.
    pub(crate) fn purge_some_events(
        &mut self,
        retention: &Retention,
        most: u64,
    ) -> Result<Outcome<u64>> {
        let now = self.now();
        let head = *self.writer.head();
        let reader = self.writer.reader();
        let keep_from = match retention.keep() {
            Keep::Newest(count) => (head.newest_event + 1).saturating_sub(count),
            Keep::Younger(age) => reader.first_event_since(decide::before(now, age))?,
        };
        let keep_from = keep_from.min(head.oldest_event.saturating_add(most));
        let slowest = if retention.is_forced() {
            None
        } else {
            let consumers = reader.consumers()?.into_iter();
            consumers.map(|consumer| consumer.position).min()
        };
        let facts = decide::purge_events(head.oldest_event, keep_from, slowest);
        let traits = Traits::of(&facts);
        self.apply(now, facts)?;
        let purged = self.writer.head().oldest_event - head.oldest_event;
        Ok(self.outcome(purged, &traits))
    }
}
