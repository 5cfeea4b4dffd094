//! The thread that takes events to their receiver.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use convodb::{Consumer, Error, ErrorKind, Event};

use super::latch::{Latch, Stopped};
use super::target::Target;
use crate::app::App;
use crate::backoff::Backoff;
use crate::errors::chain;

/// The durable consumer's name: where it stands does not depend on where events go.
const NAME: &str = "webhooks";
const AT_ONCE: usize = 100;
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Who takes events to their receiver.
pub(crate) struct Courier {
    latch: Arc<Latch>,
}

/// Why it does not go on.
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
    /// Begins behind the last event that was taken, before this process or in it.
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

    /// Takes no other event, and waits for the one under way, at most until then: one that was cut
    /// off is taken again after the next start.
    pub(crate) fn stop(&self, deadline: Instant) {
        if !self.latch.stop(deadline) {
            tracing::warn!("a webhook that does not end is broken off");
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
            let Err(ended) = self.go(&mut backoff);
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

    /// Goes on behind the last acknowledgement, for as long as the store is well.
    fn go(&self, backoff: &mut Backoff) -> Result<std::convert::Infallible, Ended> {
        let mut consumer = self.app.store.consumer(NAME)?;
        loop {
            let events = match consumer.next(AT_ONCE) {
                Err(error) if error.kind() == ErrorKind::EventsGap => {
                    skip(&mut consumer, &error)?;
                    continue;
                }
                events => events?,
            };
            if events.is_empty() {
                consumer.wait(Duration::MAX)?;
            }
            for event in events {
                self.take(&mut consumer, &event)?;
                backoff.reset();
            }
        }
    }

    /// Takes an event until it is taken.
    fn take(&self, consumer: &mut Consumer, event: &Event) -> Result<(), Ended> {
        let mut backoff = Backoff::new(PAUSE, LONGEST_PAUSE);
        loop {
            let taken = self.latch.work(|| {
                let posted = self.target.post(event);
                posted.map(|()| consumer.ack(event.sequence))
            })?;
            match taken {
                Ok(acknowledged) => return Ok(acknowledged.map(drop)?),
                Err(error) => {
                    let pause = backoff.next();
                    let sequence = event.sequence;
                    tracing::warn!(
                        "event {sequence} was not taken, again in {pause:.1?}: {error:#}"
                    );
                    self.latch.rest(pause)?;
                }
            }
        }
    }
}

/// Somebody purged events by force that were not taken yet.
fn skip(consumer: &mut Consumer, gap: &Error) -> Result<(), Error> {
    tracing::error!("events are lost to the webhook: {gap}");
    let oldest = gap.oldest_event().unwrap_or(1);
    consumer.ack(oldest.saturating_sub(1)).map(drop)
}
