//! The ids that the store makes: a prefix and a ULID.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use crate::{InvalidInput, text};

/// An id that the store makes: a prefix and the 26 characters of a ULID. See [`ConversationId`],
/// [`MessageId`] and [`NoteId`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnId<K> {
    raw: u128,
    kind: PhantomData<K>,
}

/// The id of a conversation: `conv_` and a ULID.
///
/// ```
/// use convodb::ConversationId;
///
/// let id = ConversationId::new("conv_01HABC00000000000000000000")?;
/// assert_eq!(id.to_string(), "conv_01HABC00000000000000000000");
/// assert!(ConversationId::new("conv_8ZZZZZZZZZZZZZZZZZZZZZZZZZ").is_err());
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
pub type ConversationId = OwnId<kind::Conversation>;

/// The id of a message: `msg_` and a ULID whose time is the message's own, in milliseconds.
///
/// ```
/// let id = convodb::MessageId::new("msg_01HMN000000000000000000000")?;
/// assert_eq!(convodb::MessageId::from_parts(id.timestamp_ms(), 0), id);
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
pub type MessageId = OwnId<kind::Message>;

/// The id of an internal note: `note_` and a ULID.
///
/// ```
/// assert!(convodb::NoteId::new("note_01HPQR00000000000000000000").is_ok());
/// ```
pub type NoteId = OwnId<kind::Note>;

/// What the store's ids name.
#[doc(hidden)]
pub trait OwnIdKind {
    /// The characters before the ULID.
    const PREFIX: &'static str;
    /// The field that an [`InvalidInput`] names.
    const FIELD: &'static str;
}

mod kind {
    use super::OwnIdKind;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Conversation;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Message;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Note;

    impl OwnIdKind for Conversation {
        const PREFIX: &'static str = "conv_";
        const FIELD: &'static str = "conversation_id";
    }

    impl OwnIdKind for Message {
        const PREFIX: &'static str = "msg_";
        const FIELD: &'static str = "message_id";
    }

    impl OwnIdKind for Note {
        const PREFIX: &'static str = "note_";
        const FIELD: &'static str = "note_id";
    }
}

impl<K> OwnId<K> {
    /// The id of a time in milliseconds since 1970 (48 bits of it) and a random number (80 bits of
    /// it), for ids that are generated outside the store.
    #[must_use]
    pub const fn from_parts(timestamp_ms: u64, random: u128) -> Self {
        Self::from_raw(Ulid::from_parts(timestamp_ms, random).0)
    }

    #[doc(hidden)]
    pub const fn from_raw(raw: u128) -> Self {
        Self {
            raw,
            kind: PhantomData,
        }
    }

    #[doc(hidden)]
    pub const fn raw(self) -> u128 {
        self.raw
    }

    /// The milliseconds since 1970 that the id carries.
    #[must_use]
    pub const fn timestamp_ms(self) -> u64 {
        Ulid(self.raw).timestamp_ms()
    }
}

impl<K: OwnIdKind> OwnId<K> {
    /// Parses an id as it is printed: the prefix of its kind and the 26 characters of a ULID.
    ///
    /// # Errors
    ///
    /// Another prefix, another length, a character outside Crockford's upper-case alphabet, or more
    /// than 128 bits.
    pub fn new(text: &str) -> Result<Self, InvalidInput> {
        let prefix = K::PREFIX;
        let Some(encoded) = text.strip_prefix(prefix) else {
            let reason = format!("must begin with `{prefix}`");
            return Err(InvalidInput::new(K::FIELD, reason));
        };
        // ulid drops the bits of a first character above 7, and accepts lower case. An id has one
        // spelling here, the printed one.
        let is_strict = encoded.len() == ulid::ULID_LEN
            && encoded.starts_with(|first: char| first <= '7')
            && !encoded.contains(|c: char| c.is_ascii_lowercase());
        match Ulid::from_string(encoded) {
            Ok(ulid) if is_strict => Ok(Self::from_raw(ulid.0)),
            _ => {
                let reason =
                    format!("must be `{prefix}` and the 26 upper-case characters of a ULID");
                Err(InvalidInput::new(K::FIELD, reason))
            }
        }
    }
}

impl<K: OwnIdKind> fmt::Display for OwnId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; ulid::ULID_LEN];
        f.write_str(K::PREFIX)?;
        f.write_str(Ulid(self.raw).array_to_str(&mut buffer))
    }
}

impl<K: OwnIdKind> fmt::Debug for OwnId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: OwnIdKind> TryFrom<&str> for OwnId<K> {
    type Error = InvalidInput;

    fn try_from(text: &str) -> Result<Self, InvalidInput> {
        Self::new(text)
    }
}

impl<K: OwnIdKind> TryFrom<String> for OwnId<K> {
    type Error = InvalidInput;

    fn try_from(text: String) -> Result<Self, InvalidInput> {
        Self::new(&text)
    }
}

impl<K: OwnIdKind> FromStr for OwnId<K> {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        Self::new(text)
    }
}

/// A text in JSON, a number of 128 bits in records.
impl<K: OwnIdKind> Serialize for OwnId<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => serializer.serialize_u128(self.raw),
        }
    }
}

impl<'de, K: OwnIdKind> Deserialize<'de> for OwnId<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.is_human_readable() {
            true => text::parse(deserializer, Self::new),
            false => u128::deserialize(deserializer).map(Self::from_raw),
        }
    }
}
