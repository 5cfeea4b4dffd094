//! A place in the order of lists.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Conversation, ConversationId, InvalidInput, time};

/// A place in the order of lists: behind one conversation as it was last active.
///
/// It holds for any filter, on any snapshot, after any time. Going on from it neither repeats nor
/// skips a conversation that was not active in between, whatever else was.
///
/// ```
/// # use convodb::{Channel, ContactId, Cursor, Filter, Inbound, PageRequest, Store};
/// # let store = Store::in_memory()?;
/// # for contact in ["con_1", "con_2"] {
/// #     store.receive(Inbound::text(&ContactId::new(contact)?, Channel::Webchat, "Hello"))?;
/// # }
/// let first = store.list(&Filter::open(), PageRequest::new(1, 1)?)?;
/// let cursor = first.next.expect("there is a second conversation");
/// let read_back: Cursor = cursor.to_string().parse()?;
/// let rest = store.list_after(&Filter::open(), &read_back, 20)?;
/// assert_eq!(rest.data.len(), 1);
/// # Ok::<(), convodb::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cursor {
    updated_at: DateTime<Utc>,
    id: ConversationId,
}

impl Cursor {
    #[doc(hidden)]
    pub const fn new(updated_at: DateTime<Utc>, id: ConversationId) -> Self {
        Self { updated_at, id }
    }

    #[doc(hidden)]
    pub const fn updated_at(self) -> DateTime<Utc> {
        self.updated_at
    }

    #[doc(hidden)]
    pub const fn id(self) -> ConversationId {
        self.id
    }
}

impl From<&Conversation> for Cursor {
    /// The place behind this row of a list.
    fn from(row: &Conversation) -> Self {
        Self {
            updated_at: row.updated_at,
            id: row.id,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.updated_at.timestamp_micros(), self.id)
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cursor {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let parse = || {
            let (micros, id) = text.split_once('.')?;
            let cursor = Self {
                updated_at: time::from_micros(micros.parse().ok()?)?,
                id: ConversationId::new(id).ok()?,
            };
            // One place has one spelling: no sign, no leading zero.
            (cursor.to_string() == text).then_some(cursor)
        };
        parse().ok_or_else(|| InvalidInput::new("cursor", "must be a cursor as a list gave it"))
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
