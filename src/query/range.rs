//! A part of a conversation's history.

use std::ops::{Bound, RangeFull};

use chrono::{DateTime, Utc};

use crate::domain::{Message, MessageId};

/// A place in a history: a time, and a message of that time.
pub(crate) type Place = (DateTime<Utc>, MessageId);

/// A part of a conversation's history, in the order of R7. Of two setters for one end the later
/// counts.
///
/// ```
/// use convodb::MessageRange;
/// # use convodb::{Channel, ContactId, Inbound, Store};
/// # let store = Store::in_memory()?;
/// # let contact = ContactId::new("con_1")?;
/// # let first = store.receive(Inbound::text(&contact, Channel::Webchat, "one"))?.value;
/// # let second = store.receive(Inbound::text(&contact, Channel::Webchat, "two"))?.value;
///
/// let later = MessageRange::all().after(&first);
/// let messages: Vec<_> = store.messages(first.conversation_id, later)?.collect::<Result<_, _>>()?;
/// assert_eq!(messages, [second]);
/// # Ok::<(), convodb::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRange {
    from: Bound<Place>,
    to: Bound<Place>,
}

impl MessageRange {
    /// The whole history.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            from: Bound::Unbounded,
            to: Bound::Unbounded,
        }
    }

    /// Only messages of this time or later.
    #[must_use]
    pub fn since(mut self, time: DateTime<Utc>) -> Self {
        self.from = Bound::Included((time, MessageId::from_raw(0)));
        self
    }

    /// Only messages earlier than this time.
    #[must_use]
    pub fn until(mut self, time: DateTime<Utc>) -> Self {
        self.to = Bound::Excluded((time, MessageId::from_raw(0)));
        self
    }

    /// Only messages behind this one.
    #[must_use]
    pub fn after(mut self, message: &Message) -> Self {
        self.from = Bound::Excluded(message.position());
        self
    }

    /// Only messages before this one.
    #[must_use]
    pub fn before(mut self, message: &Message) -> Self {
        self.to = Bound::Excluded(message.position());
        self
    }

    pub(crate) const fn bounds(&self) -> (Bound<Place>, Bound<Place>) {
        (self.from, self.to)
    }
}

impl From<RangeFull> for MessageRange {
    fn from(_: RangeFull) -> Self {
        Self::all()
    }
}
