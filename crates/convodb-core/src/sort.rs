//! The orders of lists.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Conversation, InvalidInput, Priority, text};

/// The order of a list. Conversations without what it is by come last, and of the same value the greater
/// id comes first where the order descends, the lesser one where it ascends.
///
/// Its name is what query strings and JSON have.
///
/// ```
/// use convodb::Sort;
///
/// assert_eq!(Sort::default().as_str(), "-updated_at");
/// assert_eq!("waiting_since".parse(), Ok(Sort::LongestWaiting));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Sort {
    /// By the latest activity, `-updated_at`: the latest first.
    #[default]
    LatestActivity,
    /// By the latest activity, `updated_at`: the longest without activity first.
    EarliestActivity,
    /// By how long the contact waits, `waiting_since`: the longest first. Only in a view.
    LongestWaiting,
    /// By creation, `-created_at`: the newest first. Only in a view.
    Newest,
    /// By creation, `created_at`: the oldest first. Only in a view.
    Oldest,
    /// By the end of the snooze, `snoozed_until`: the soonest first. Only in a view.
    DueSoonest,
    /// By `priority`: urgent first, none last, and of each the latest activity first, as the order
    /// descends. Only in a view.
    Priority,
}

/// The bits of a sort key that hold a time, which no time before the year 10000 exceeds. The priority is
/// above them.
const TIME_BITS: u32 = 61;

impl Sort {
    /// Every order.
    pub const ALL: [Self; 7] = [
        Self::LatestActivity,
        Self::EarliestActivity,
        Self::LongestWaiting,
        Self::Newest,
        Self::Oldest,
        Self::DueSoonest,
        Self::Priority,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LatestActivity => "-updated_at",
            Self::EarliestActivity => "updated_at",
            Self::LongestWaiting => "waiting_since",
            Self::Newest => "-created_at",
            Self::Oldest => "created_at",
            Self::DueSoonest => "snoozed_until",
            Self::Priority => "priority",
        }
    }

    /// Whether only views have it.
    pub const fn needs_view(self) -> bool {
        !matches!(self, Self::LatestActivity | Self::EarliestActivity)
    }

    /// Whether the greater of two ids comes first where all else is the same.
    #[doc(hidden)]
    pub const fn descends(self) -> bool {
        matches!(self, Self::LatestActivity | Self::Newest | Self::Priority)
    }

    /// What a conversation is sorted by before its id, ascending. It is never 0.
    #[doc(hidden)]
    pub fn key(self, conversation: &Conversation) -> u64 {
        let micros = |time: chrono::DateTime<_>| time.timestamp_micros().cast_unsigned();
        // One more than the time, as a key is never 0.
        let ascending = |time| micros(time) + 1;
        match self {
            Self::LatestActivity => !micros(conversation.updated_at),
            Self::EarliestActivity => ascending(conversation.updated_at),
            Self::LongestWaiting => {
                let since = conversation.timeline.waiting_since;
                since.map_or(u64::MAX, ascending)
            }
            Self::Newest => !micros(conversation.created_at),
            Self::Oldest => ascending(conversation.created_at),
            Self::DueSoonest => conversation.snoozed_until().map_or(u64::MAX, ascending),
            Self::Priority => {
                let rank = match conversation.attributes().priority {
                    Some(Priority::Urgent) => 0,
                    Some(Priority::High) => 1,
                    Some(Priority::Medium) => 2,
                    Some(Priority::Low) => 3,
                    None => 4,
                };
                let latest_first = !micros(conversation.updated_at) & ((1 << TIME_BITS) - 1);
                rank << TIME_BITS | latest_first
            }
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Sort {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let known = Self::ALL.into_iter().find(|sort| sort.as_str() == text);
        known.ok_or_else(|| {
            let names = Self::ALL.map(|sort| format!("`{sort}`")).join(", ");
            InvalidInput::new("sort", format!("must be one of {names}"))
        })
    }
}

impl Serialize for Sort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Sort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parse(deserializer, str::parse)
    }
}
