//! A durable consumer of events.

use std::time::Duration;

use convodb_core::{
    ConsumerName, ConsumerStart, Context, Event, EventSeq, InvalidInput, Outcome, Result,
};

use crate::execute::Execute;
use crate::read::Source;
use crate::store::Store;

/// A named reader of events with a durable position.
///
/// [`Store::consumer`] returns it. [`next`](Self::next) returns events in order, each once;
/// [`acknowledge`](Self::acknowledge) stores the position. After a crash, a consumer of the same name
/// resumes after its last acknowledged event, and may receive later ones again: at least once.
///
/// It keeps the store open. Dropping it changes nothing; [`remove`](Self::remove) deletes the position.
/// See [`docs::events`](crate::docs::events).
///
/// # Errors
///
/// Those of [commands](Execute#errors) and [queries](crate::Read#errors), such as
/// [`NotFound`](crate::ErrorKind::NotFound) once the consumer is removed. Methods list the others.
#[derive(Debug)]
pub struct Consumer {
    /// Without a context: acknowledgements have no key of the caller's.
    store: Store,
    name: ConsumerName,
    /// The last event that was returned.
    returned: EventSeq,
}

impl Store {
    /// Returns the durable consumer of this name. A new one starts at the oldest kept event.
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

    /// As [`consumer`](Self::consumer), but a new one has this start.
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
        let returned = match store.query(|reader| reader.find_consumer(&name))? {
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
    pub fn position(&self) -> Result<EventSeq> {
        self.store.query(|reader| reader.consumer(&self.name))
    }

    /// Returns the next events, at most `limit`, after those that were returned before. An empty result
    /// means that there are no more events yet.
    ///
    /// # Errors
    ///
    /// [`EventsPurged`](crate::ErrorKind::EventsPurged), if a forced purge has passed it. Then
    /// acknowledge the event before the [oldest](crate::Details::OldestEvent) with
    /// [`Execute::acknowledge`], and [`rewind`](Self::rewind).
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
    /// consumer returned.
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
            let last = self.returned;
            let reason = format!("must not be above the last event that was returned, {last}");
            return Err(InvalidInput::new("up_to", reason).into());
        }
        self.store.acknowledge(&self.name, up_to)
    }

    /// Goes back to the last acknowledged event: [`next`](Self::next) returns the later ones again.
    pub fn rewind(&mut self) -> Result<()> {
        self.returned = self.position()?;
        Ok(())
    }

    /// Blocks until [`next`](Self::next) has events to return, at most this long. Returns whether it
    /// has. The consumer's removal and what ends [`Store::wait_for_events`] wake it too.
    pub fn wait(&self, timeout: Duration) -> Result<bool> {
        let executor = self.store.executor();
        executor.wait_for_events(self.returned, Some(self.name.clone()), timeout)
    }

    /// The same as a future, without a limit. It does not keep the store open. See
    /// [`docs::asynchronous`](crate::docs::asynchronous).
    pub fn changed(&self) -> impl Future<Output = Result<()>> + Send + use<> {
        let executor = self.store.executor();
        executor.events_changed(self.returned, Some(self.name.clone()))
    }

    /// Removes the consumer with its position, as [`Execute::remove_consumer`] does.
    pub fn remove(self) -> Result<()> {
        self.store.remove_consumer(&self.name).map(drop)
    }
}
