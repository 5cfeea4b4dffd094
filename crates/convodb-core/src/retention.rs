//! Which events are kept, and the positions of their consumers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ConsumerName, EventSeq};

/// Which events to keep. The others are purged, except those that a consumer has not acknowledged.
///
/// ```
/// # convodb::example!(store);
/// assert_eq!(store.purge_events(Retention::newest(1))?.value, 1);
/// assert_eq!(store.events(EventSeq::new(1), 100)?.len(), 1);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[must_use]
pub struct Retention {
    pub(crate) keep: Keep,
    pub(crate) force: bool,
}

/// The measure of a retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Keep {
    /// A number of events.
    Newest(u64),
    /// An age.
    Younger(Duration),
}

impl Retention {
    const fn new(keep: Keep) -> Self {
        Self { keep, force: false }
    }

    /// Keeps this many, the newest ones.
    pub const fn newest(count: u64) -> Self {
        Self::new(Keep::Newest(count))
    }

    /// Keeps those that are not older than this.
    pub const fn younger_than(age: Duration) -> Self {
        Self::new(Keep::Younger(age))
    }

    /// Purges events whether consumers have acknowledged them or not. A consumer that reads on gets
    /// [`EventsPurged`](crate::ErrorKind::EventsPurged).
    pub const fn force(mut self) -> Self {
        self.force = true;
        self
    }
}

/// The position of a consumer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ConsumerPosition {
    /// Its name.
    pub name: ConsumerName,
    /// The latest event that it acknowledged; zero where there is none.
    pub position: EventSeq,
}

impl ConsumerPosition {
    #[doc(hidden)]
    pub const fn new(name: ConsumerName, position: EventSeq) -> Self {
        Self { name, position }
    }
}
