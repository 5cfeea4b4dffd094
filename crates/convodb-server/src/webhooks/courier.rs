//! The thread that posts events to their receiver.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use convodb::prelude::*;
use convodb::{Consumer, Details, Error, ErrorKind, Event, EventSeq};

use super::latch::{Latch, Stopped};
use super::target::Target;
use crate::app::App;
use crate::backoff::Backoff;
use crate::errors::chain;

/// The name of the durable consumer, whose position does not depend on the receiver.
const NAME: &str = "webhooks";
const AT_ONCE: usize = 100;
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The running thread.
pub(crate) struct Courier {
    latch: Arc<Latch>,
}

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
    pub(crate) fn start(app: Arc<App>, target: Target) -> io::Result<Self> {
        let latch = Arc::new(Latch::default());
        let round = Round {
            app,
            target,
            latch: Arc::clone(&latch),
        };
        thread::Builder::new()
            .name("webhooks".to_owned())
            .spawn(move || round.run())?;
        Ok(Self { latch })
    }

    /// Posts no other event, and waits for the one under way, at most until the deadline. An event
    /// that was cut off is posted again after the next start.
    pub(crate) fn stop(&self, deadline: Instant) {
        if !self.latch.stop(deadline) {
            tracing::warn!("a webhook that does not end is cut off");
        }
    }
}

struct Round {
    app: Arc<App>,
    target: Target,
    latch: Arc<Latch>,
}

impl Round {
    fn run(&self) {
        let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
        loop {
            let Err(ended) = self.post_events(&mut backoff);
            let Ended::Failed(error) = ended else {
                return;
            };
            tracing::error!("webhooks wait for the store: {}", chain(&error));
            self.app.healer.notice(&error);
            if self.latch.rest(backoff.next()).is_err() {
                return;
            }
        }
    }

    /// Posts events after the last acknowledgement until the store fails or the thread is stopped.
    fn post_events(&self, backoff: &mut Backoff) -> Result<std::convert::Infallible, Ended> {
        let mut consumer = self.app.store.consumer(NAME)?;
        loop {
            let events = match consumer.next(AT_ONCE) {
                Err(error) if error.kind() == ErrorKind::EventsPurged => {
                    self.skip(&mut consumer, &error)?;
                    continue;
                }
                events => events?,
            };
            if events.is_empty() {
                consumer.wait(Duration::MAX)?;
            }
            for event in events {
                self.post(&mut consumer, &event)?;
                backoff.reset();
            }
        }
    }

    /// Posts an event until the receiver accepts it.
    fn post(&self, consumer: &mut Consumer, event: &Event) -> Result<(), Ended> {
        let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
        loop {
            let accepted = self.latch.work(|| {
                let posted = self.target.post(event);
                posted.map(|()| consumer.acknowledge(event.seq))
            })?;
            match accepted {
                Ok(acknowledged) => return Ok(acknowledged.map(drop)?),
                Err(error) => {
                    let pause = backoff.next();
                    let sequence = event.seq;
                    tracing::warn!(
                        "event {sequence} was not accepted, again in {pause:.1?}: {error:#}"
                    );
                    self.latch.rest(pause)?;
                }
            }
        }
    }

    /// Continues with the oldest event, after a forced purge of events that were not posted yet.
    fn skip(&self, consumer: &mut Consumer, gap: &Error) -> Result<(), Error> {
        tracing::error!("events are lost to the webhook: {gap}");
        if let Details::OldestEvent(oldest) = gap.details() {
            let before = EventSeq::new(oldest.get().saturating_sub(1));
            self.app.store.acknowledge(consumer.name(), before)?;
        }
        consumer.rewind()
    }
}
