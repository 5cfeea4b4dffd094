//! Cursors: where a list continues.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Conversation, ConversationId, InvalidInput, text, time};

/// A position in the order of lists: after one conversation, at the time of its latest activity.
///
/// It is valid for any filter, on any snapshot, at any time. A list that continues from it neither
/// repeats nor skips a conversation that was not active in between.
///
/// ```
/// # use convodb::testing::example::*;
/// # let (store, contact, _) = inbox()?;
/// store.receive(Inbound::text(&contact, Channel::Whatsapp, "A second conversation"))?;
/// let first = store.list(&Filter::open(), PageRequest::number(1, 1)?)?;
/// let cursor = first.next.expect("there is a second conversation");
/// let parsed: Cursor = cursor.to_string().parse()?;
/// let rest = store.list(&Filter::open(), PageRequest::after(parsed, 20)?)?;
/// assert_eq!(rest.data.len(), 1);
/// # Ok::<(), Error>(())
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
    /// The position after this row of a list.
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
            // A position has one spelling: no sign, no leading zero.
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
        text::parse(deserializer, str::parse)
    }
}
