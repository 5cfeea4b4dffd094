//! Which events are kept, and how far those have come who take them.

use std::time::Duration;

use crate::ConsumerName;

/// Which events to keep; the others are purged, but for those that a consumer has not
/// acknowledged.
///
/// ```
/// # use convodb::{Channel, ContactId, Inbound, Retention, Store};
/// # let store = Store::in_memory()?;
/// # let contact = ContactId::new("con_01HXYZ")?;
/// for text in ["one", "two", "three"] {
///     store.receive(Inbound::text(&contact, Channel::Webchat, text))?;
/// }
/// assert_eq!(store.purge_events(&Retention::newest(1))?.value, 3);
/// assert_eq!(store.events(3, 100)?.len(), 1);
/// # Ok::<(), convodb::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retention {
    keep: Keep,
    force: bool,
}

/// The measure of a retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub enum Keep {
    Newest(u64),
    Younger(Duration),
}

impl Retention {
    /// Keeps so many, the latest ones.
    #[must_use]
    pub const fn newest(count: u64) -> Self {
        Self {
            keep: Keep::Newest(count),
            force: false,
        }
    }

    /// Keeps those that are not older than this.
    #[must_use]
    pub const fn younger_than(age: Duration) -> Self {
        Self {
            keep: Keep::Younger(age),
            force: false,
        }
    }

    /// Passes even consumers that have not acknowledged what is purged. Each learns of it by
    /// [`EventsGap`](crate::ErrorKind::EventsGap).
    #[must_use]
    pub const fn force(mut self) -> Self {
        self.force = true;
        self
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn keep(self) -> Keep {
        self.keep
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn is_forced(self) -> bool {
        self.force
    }
}

/// How far a consumer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerPosition {
    /// Its name.
    pub name: ConsumerName,
    /// The latest event that it acknowledged; 0 where there is none.
    pub position: u64,
}

impl ConsumerPosition {
    #[doc(hidden)]
    pub const fn new(name: ConsumerName, position: u64) -> Self {
        Self { name, position }
    }
}
