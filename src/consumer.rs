//! A durable consumer of events.

use std::time::Duration;

use convodb_core::{
    ConsumerName, ConsumerStart, Context, Error, Event, EventSeq, InvalidInput, Outcome, Result,
};

use crate::execute::Execute;
use crate::read::Source;
use crate::store::Store;

/// A named reader of events with a durable position.
///
/// [`Store::consumer`] returns it. [`next`](Self::next) returns events in order, each once;
/// [`acknowledge`](Self::acknowledge) stores the position. After a crash, a consumer of the same name
/// resumes after its last acknowledged event and may receive later events again: delivery is at least
/// once.
///
/// It keeps the store open. Dropping it changes nothing; [`remove`](Self::remove) deletes the position.
/// See [`docs::events`](crate::docs::events).
#[derive(Debug)]
pub struct Consumer {
    /// Without a context: acknowledgements have no key of the caller's.
    store: Store,
    name: ConsumerName,
    /// The last event that was returned.
    returned: EventSeq,
}

impl Store {
    /// Returns the durable consumer of this name. If it does not exist, it is added and starts at the
    /// oldest event that is kept.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a name that is not a [`ConsumerName`]; and
    /// those of [every command](Execute#errors), if it is added.
    ///
    /// ```
    /// # convodb::example!(store);
    /// let mut webhooks = store.consumer("webhooks")?;
    /// for event in webhooks.next(100)? {
    ///     println!("{}", serde_json::to_string(&event)?);
    ///     webhooks.acknowledge(event.seq)?;
    /// }
    /// assert_eq!(webhooks.position()?, EventSeq::new(2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn consumer(&self, name: &str) -> Result<Consumer> {
        self.consumer_from(name, ConsumerStart::Oldest)
    }

    /// Returns the durable consumer of this name. If it does not exist, it is added with this start.
    ///
    /// # Errors
    ///
    /// As [`consumer`](Self::consumer).
    ///
    /// ```
    /// # convodb::example!(store);
    /// let mut search = store.consumer_from("search", ConsumerStart::Newest)?;
    /// assert!(search.next(100)?.is_empty());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn consumer_from(&self, name: &str, start: ConsumerStart) -> Result<Consumer> {
        let name = ConsumerName::new(name)?;
        let store = self.with(Context::new());
        let known = store.query(|reader| reader.find_consumer(&name))?;
        let returned = match known {
            Some(position) => position,
            None => store.add_consumer(&name, start)?.value,
        };
        Ok(Consumer {
            store,
            name,
            returned,
        })
    }
}

impl Consumer {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &ConsumerName {
        &self.name
    }

    /// Returns the last event that was acknowledged under this name;
    /// [`EventSeq::ZERO`](EventSeq::ZERO) before the first.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), if the consumer was removed; and those of
    /// [every query](crate::Read#errors).
    pub fn position(&self) -> Result<EventSeq> {
        self.store.query(|reader| reader.consumer(&self.name))
    }

    /// Returns the next events, at most `limit`, after those that were returned before. An empty result
    /// means that there are no more events yet.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), if the consumer was removed;
    /// [`EventsPurged`](crate::ErrorKind::EventsPurged), if a forced purge has passed it; and those of
    /// [every query](crate::Read#errors). To continue after a purge, acknowledge the event before the
    /// [oldest](crate::Details::OldestEvent) with [`Execute::acknowledge`], and
    /// [`rewind`](Self::rewind).
    pub fn next(&mut self, limit: usize) -> Result<Vec<Event>> {
        let events = self.store.query(|reader| {
            reader.consumer(&self.name)?;
            reader.events(self.returned, limit)
        })?;
        if let Some(last) = events.last() {
            self.returned = last.seq;
        }
        Ok(events)
    }

    /// Acknowledges all events up to this one, durably. An earlier event than the position changes
    /// nothing. One acknowledgement for many events is cheaper than one for each.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an event after the last one that this
    /// consumer returned; and as [`Execute::acknowledge`].
    ///
    /// ```
    /// # convodb::example!(store);
    /// let mut webhooks = store.consumer("webhooks")?;
    /// let first = webhooks.next(1)?[0].seq;
    /// let error = webhooks.acknowledge(first.next()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// webhooks.acknowledge(first)?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn acknowledge(&mut self, up_to: EventSeq) -> Result<Outcome<EventSeq>> {
        if up_to > self.returned {
            return Err(not_returned(self.returned));
        }
        self.store.acknowledge(&self.name, up_to)
    }

    /// Goes back to the last acknowledged event: [`next`](Self::next) returns the later ones again.
    ///
    /// # Errors
    ///
    /// As [`position`](Self::position).
    pub fn rewind(&mut self) -> Result<()> {
        self.returned = self.position()?;
        Ok(())
    }

    /// Blocks until [`next`](Self::next) has events to return, at most this long. Returns whether it
    /// has.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), also when the consumer is removed meanwhile; and as
    /// [`Store::wait_for_events`].
    pub fn wait(&self, timeout: Duration) -> Result<bool> {
        let executor = self.store.executor();
        executor.wait_for_events(self.returned, Some(self.name.clone()), timeout)
    }

    /// Returns a future that resolves when [`next`](Self::next) has events to return. It does not keep
    /// the store open. See [`docs::asynchronous`](crate::docs::asynchronous).
    ///
    /// # Errors
    ///
    /// The future's are those of [`wait`](Self::wait).
    pub fn changed(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let executor = self.store.executor();
        executor.events_changed(self.returned, Some(self.name.clone()))
    }

    /// Removes the consumer with its position, as [`Execute::remove_consumer`] does.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), if it was removed before; and those of
    /// [every command](Execute#errors).
    pub fn remove(self) -> Result<()> {
        self.store.remove_consumer(&self.name).map(drop)
    }
}

fn not_returned(last: EventSeq) -> Error {
    let reason = format!("must not be above the last event that was returned, {last}");
    InvalidInput::new("up_to", reason).into()
}
