//! Events that a receiver did not accept in time. Each has a durable consumer whose position is before the event,
//! so that a purge keeps the event until it is posted or dropped, on either backend.

use std::sync::Arc;

use convodb::commands::{AddConsumer, RemoveConsumer};
use convodb::{ConsumerName, ConsumerPosition, ConsumerStart, Context, Event, EventSeq, Result};

use crate::app::App;

/// So many of an endpoint: behind them, it waits for its receiver.
const MOST: usize = 1_000;

const PREFIX: &str = "dead_letter.";

fn consumer(endpoint: &str, sequence: EventSeq) -> Result<ConsumerName> {
    Ok(ConsumerName::new(&format!(
        "{PREFIX}{endpoint}.{sequence}"
    ))?)
}

fn before(sequence: EventSeq) -> EventSeq {
    EventSeq::new(sequence.get().saturating_sub(1))
}

/// The endpoint and the event of the dead letter that a durable consumer is.
pub(crate) fn of_consumer(consumer: &ConsumerName) -> Option<(&str, EventSeq)> {
    let rest = consumer.as_str().strip_prefix(PREFIX)?;
    let (endpoint, sequence) = rest.rsplit_once('.')?;
    Some((endpoint, EventSeq::new(sequence.parse().ok()?)))
}

/// Keeps an event as a dead letter. Whether there was a place for it.
pub(super) async fn keep(app: &App, endpoint: &str, sequence: EventSeq) -> Result<bool> {
    if list(app, endpoint).await?.len() >= MOST {
        return Ok(false);
    }
    let add = AddConsumer {
        name: consumer(endpoint, sequence)?,
        start: ConsumerStart::After(before(sequence)),
    };
    app.store.submit(Context::new(), add).await?;
    Ok(true)
}

/// The dead letters of an endpoint, oldest first.
pub(crate) async fn list(app: &App, endpoint: &str) -> Result<Vec<EventSeq>> {
    Ok(among(&app.store.consumers().await?, endpoint))
}

/// The same, of all durable consumers.
pub(crate) fn among(consumers: &[ConsumerPosition], endpoint: &str) -> Vec<EventSeq> {
    let all = consumers.iter().filter_map(|it| of_consumer(&it.name));
    let of_it = all.filter(|(of, _)| *of == endpoint);
    let mut sequences: Vec<_> = of_it.map(|(_, sequence)| sequence).collect();
    sequences.sort_unstable();
    sequences
}

/// The event of a dead letter; nothing where there is no such dead letter.
pub(crate) async fn event(
    app: &App,
    endpoint: &str,
    sequence: EventSeq,
) -> Result<Option<Arc<Event>>> {
    if !list(app, endpoint).await?.contains(&sequence) {
        return Ok(None);
    }
    let events = app.store.events(before(sequence), 1).await?;
    Ok(events.into_iter().next().map(Arc::new))
}

/// Drops a dead letter.
pub(crate) async fn remove(app: &App, endpoint: &str, sequence: EventSeq) -> Result<()> {
    let name = consumer(endpoint, sequence)?;
    let remove = RemoveConsumer { name };
    app.store.submit(Context::new(), remove).await.map(drop)
}
