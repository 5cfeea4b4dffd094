//! The tasks that post events, one for each receiver: one that fails delays no other.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use convodb::commands::{Acknowledge, AddConsumer};
use convodb::{ConsumerStart, Context, Details, Error, ErrorKind, Event, EventSeq};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout_at};

use super::dead_letters;
use super::endpoint::Endpoint;
use crate::app::App;
use crate::backoff::Backoff;
use crate::errors::chain;

const AT_ONCE: usize = 100;
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The running task.
pub(crate) struct Courier {
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// The task is to end.
struct Stopped;

/// Why a round ended.
enum Ended {
    Stopped,
    Failed(Error),
}

impl From<Stopped> for Ended {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Closed => Self::Stopped,
            _ => Self::Failed(error),
        }
    }
}

impl Courier {
    /// Starts after the last event that was acknowledged, by this process or an earlier one.
    pub(crate) fn start(app: Arc<App>, endpoint: Arc<Endpoint>) -> Self {
        let (stopping, stopped) = watch::channel(false);
        let round = Round {
            app,
            endpoint,
            stopped,
        };
        let task = tokio::spawn(round.run());
        Self { stopping, task }
    }

    /// Posts no further event, and waits for the one under way, at most until the deadline. An event that was cut
    /// off is posted again after the next start.
    pub(crate) async fn stop(self, deadline: Instant) {
        self.stopping.send_replace(true);
        if timeout_at(deadline.into(), self.task).await.is_err() {
            tracing::warn!("a webhook that does not end is cut off");
        }
    }
}

struct Round {
    app: Arc<App>,
    endpoint: Arc<Endpoint>,
    stopped: watch::Receiver<bool>,
}

impl Round {
    async fn run(self) {
        let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
        loop {
            let Err(ended) = self.post_events(&mut backoff).await;
            let Ended::Failed(error) = ended else {
                return;
            };
            let name = &self.endpoint.name;
            tracing::error!("webhook {name} waits for the store: {}", chain(&error));
            self.app.notice(&error);
            if self.unless_stopped(sleep(backoff.next())).await.is_err() {
                return;
            }
        }
    }

    /// Waits for what nothing is lost of, unless the task is to stop.
    async fn unless_stopped<T>(&self, wait: impl Future<Output = T>) -> Result<T, Stopped> {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stopped| *stopped) => Err(Stopped),
            done = wait => Ok(done),
        }
    }

    /// Posts events after the last acknowledgement until the store fails or the task is stopped.
    async fn post_events(&self, backoff: &mut Backoff) -> Result<Infallible, Ended> {
        let consumer = AddConsumer {
            name: self.endpoint.consumer.clone(),
            start: ConsumerStart::Oldest,
        };
        let store = &self.app.store;
        let mut posted = store.submit(Context::new(), consumer).await?.value;
        // The process may have ended after it kept the last dead letter, and before it acknowledged the event.
        let dead_letters = dead_letters::list(&self.app, &self.endpoint.name).await?;
        if let Some(&kept) = dead_letters.last().filter(|kept| **kept > posted) {
            posted = self.acknowledge(kept).await?;
        }
        loop {
            let events = match store.events(posted, AT_ONCE).await {
                Err(error) if error.kind() == ErrorKind::EventsPurged => {
                    posted = self.skip(posted, &error).await?;
                    continue;
                }
                events => events?,
            };
            if events.is_empty() {
                self.unless_stopped(store.events_changed(posted)).await??;
            }
            let mut skipped = None;
            for event in events {
                posted = event.seq;
                if !self.endpoint.takes(&event) {
                    skipped = Some(posted);
                    continue;
                }
                skipped = None;
                self.post(event).await?;
                backoff.reset();
            }
            // Acknowledged together: none of them is to be posted.
            if let Some(up_to) = skipped {
                self.acknowledge(up_to).await?;
            }
        }
    }

    /// Posts an event until the receiver accepts it, or until it has not for too long.
    async fn post(&self, event: Event) -> Result<(), Ended> {
        let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
        let begun = Instant::now();
        let event = Arc::new(event);
        let name = &self.endpoint.name;
        loop {
            self.unless_stopped(std::future::ready(())).await?;
            let sequence = event.seq;
            let Err(error) = self.endpoint.post(&event).await else {
                self.acknowledge(sequence).await?;
                return Ok(());
            };
            if begun.elapsed() >= self.endpoint.give_up
                && dead_letters::keep(&self.app, name, sequence).await?
            {
                tracing::error!(
                    "webhook {name} gives event {sequence} up, which is a dead letter now: {error:#}"
                );
                self.acknowledge(sequence).await?;
                return Ok(());
            }
            let pause = backoff.next();
            tracing::warn!(
                "webhook {name}: event {sequence} was not accepted, again in {pause:.1?}: {error:#}"
            );
            self.unless_stopped(sleep(pause)).await?;
        }
    }

    /// Acknowledges the events up to one, and returns the position.
    async fn acknowledge(&self, up_to: EventSeq) -> Result<EventSeq, Error> {
        let consumer = self.endpoint.consumer.clone();
        let done = Acknowledge { consumer, up_to };
        let done = self.app.store.submit(Context::new(), done);
        done.await.map(|outcome| outcome.value)
    }

    /// Continues with the oldest event, after a forced purge of events that were not posted yet.
    async fn skip(&self, posted: EventSeq, gap: &Error) -> Result<EventSeq, Error> {
        let name = &self.endpoint.name;
        tracing::error!("events are lost to webhook {name}: {gap}");
        match gap.details() {
            Details::OldestEvent(oldest) => {
                let before = EventSeq::new(oldest.get().saturating_sub(1));
                self.acknowledge(before).await
            }
            _ => Ok(posted),
        }
    }
}
