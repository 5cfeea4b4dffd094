//! Numbers that count different things, as types that cannot be mixed up.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{InvalidInput, text};

/// A number of one kind. See [`CommitSeq`], [`EventSeq`] and [`Revision`].
///
/// ```
/// use convodb::EventSeq;
///
/// let newest = EventSeq::new(7);
/// assert_eq!((newest.get(), newest.next()), (7, EventSeq::new(8)));
/// assert_eq!("7".parse(), Ok(newest));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number<K> {
    value: u64,
    kind: PhantomData<K>,
}

/// The number of a commit: how many commits have changed the store.
pub type CommitSeq = Number<kind::Commit>;
/// The number of an event: from 1, without gaps. Zero is the position before the first event.
pub type EventSeq = Number<kind::Event>;
/// How often the status or the assignee of a conversation changed, from 0.
pub type Revision = Number<kind::Revision>;

/// What numbers count.
mod kind {
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Commit;
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Event;
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Revision;
}

impl<K> Number<K> {
    /// Before the first.
    pub const ZERO: Self = Self::new(0);

    /// The number of this value.
    pub const fn new(value: u64) -> Self {
        Self {
            value,
            kind: PhantomData,
        }
    }

    /// The value.
    pub const fn get(self) -> u64 {
        self.value
    }

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self::new(self.value.saturating_add(1))
    }

    /// Whether it is zero.
    pub const fn is_zero(&self) -> bool {
        self.value == 0
    }
}

impl<K> fmt::Display for Number<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.value, f)
    }
}

impl<K> fmt::Debug for Number<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}

impl<K> FromStr for Number<K> {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let value = text::digits(text).map(Self::new);
        value.ok_or_else(|| InvalidInput::new("number", "must be a whole number"))
    }
}
