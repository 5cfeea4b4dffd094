//! Ranges of the messages of a conversation.

use std::ops::{Bound, RangeFull};

use chrono::{DateTime, Utc};

use crate::{Message, MessageId};

/// A position among messages: a time in microseconds since 1970, and a message of that time.
pub(crate) type Place = (u64, MessageId);

/// The first position that is not before a time. A time between two microseconds counts as the later
/// one, and no message has a time before 1970.
fn first_of(time: DateTime<Utc>) -> Place {
    let micros = time.timestamp_micros();
    let started = i64::from(!time.timestamp_subsec_nanos().is_multiple_of(1_000));
    let micros = u64::try_from(micros.saturating_add(started)).unwrap_or(0);
    (micros, MessageId::from_raw(0))
}

fn place_of(message: &Message) -> Place {
    let (time, id) = message.position();
    (first_of(time).0, id)
}

/// A range of the messages of a conversation, in their order. Of two setters for one end the later
/// counts.
///
/// Times are those of the messages' places: `created_at`, but where that has whole seconds, the time
/// of the message behind which it came within that second.
///
/// ```
/// # convodb::example!(store, id);
/// let first = store.reply(id, "one")?.value;
/// let second = store.reply(id, "two")?.value;
/// let later = MessageRange::all().after(&first);
/// assert_eq!(store.messages(id, later)?.collect::<Result<Vec<_>>>()?, [second]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct MessageRange {
    from: Bound<Place>,
    to: Bound<Place>,
}

impl MessageRange {
    /// All messages.
    pub const fn all() -> Self {
        Self {
            from: Bound::Unbounded,
            to: Bound::Unbounded,
        }
    }

    /// Only messages of this time or later.
    pub fn since(mut self, time: DateTime<Utc>) -> Self {
        self.from = Bound::Included(first_of(time));
        self
    }

    /// Only messages earlier than this time.
    pub fn until(mut self, time: DateTime<Utc>) -> Self {
        self.to = Bound::Excluded(first_of(time));
        self
    }

    /// Only messages after this one, which was read from a store: its JSON does not have its place.
    pub fn after(mut self, message: &Message) -> Self {
        self.from = Bound::Excluded(place_of(message));
        self
    }

    /// Only messages before this one, which was read from a store.
    pub fn before(mut self, message: &Message) -> Self {
        self.to = Bound::Excluded(place_of(message));
        self
    }

    #[doc(hidden)]
    pub const fn bounds(&self) -> (Bound<Place>, Bound<Place>) {
        (self.from, self.to)
    }
}

impl From<RangeFull> for MessageRange {
    fn from(_: RangeFull) -> Self {
        Self::all()
    }
}
