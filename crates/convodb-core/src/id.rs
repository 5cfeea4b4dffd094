//! Typed ids. The store's own are ULIDs behind a prefix; the others are texts within bounds.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use crate::short::ShortText;
use crate::{InvalidInput, text, validate};

/// An id. The store makes a [`ConversationId`], a [`MessageId`] and a [`NoteId`]; callers and
/// providers make the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id<K: IdKind> {
    value: K::Value,
    kind: PhantomData<K>,
}

/// The id of a conversation: `conv_` and the 26 upper-case characters of a ULID.
///
/// ```
/// use convodb::ConversationId;
///
/// let id = ConversationId::new("conv_01HABC00000000000000000000")?;
/// assert_eq!(id.to_string(), "conv_01HABC00000000000000000000");
/// assert!(ConversationId::new("conv_8ZZZZZZZZZZZZZZZZZZZZZZZZZ").is_err());
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
pub type ConversationId = Id<kind::Conversation>;

/// The id of a message: `msg_` and a ULID whose time is the message's own, in milliseconds.
///
/// ```
/// let id = convodb::MessageId::new("msg_01HMN000000000000000000000")?;
/// assert_eq!(convodb::MessageId::from_parts(id.timestamp_ms(), 0), id);
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
pub type MessageId = Id<kind::Message>;

/// The id of an internal note: `note_` and a ULID.
///
/// ```
/// assert!(convodb::NoteId::new("note_01HPQR00000000000000000000").is_ok());
/// ```
pub type NoteId = Id<kind::Note>;

/// The id of a contact: `con_` and more, at most 128 bytes of visible ASCII.
///
/// ```
/// assert!(convodb::ContactId::new("con_01HXYZ").is_ok());
/// assert!(convodb::ContactId::new("01HXYZ").is_err());
/// ```
pub type ContactId = Id<kind::Contact>;

/// The id of a user: `usr_` and more, at most 128 bytes of visible ASCII, no comma.
///
/// ```
/// assert_eq!(convodb::UserId::new("usr_01H111")?.as_str(), "usr_01H111");
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
pub type UserId = Id<kind::User>;

/// The id of a team: at most 128 bytes of visible ASCII, no comma. A user's id and the words
/// `unassigned`, `none` and `any` name no team.
///
/// ```
/// assert!(convodb::TeamId::new("team_billing").is_ok());
/// assert!(convodb::TeamId::new("unassigned").is_err());
/// assert!(convodb::TeamId::new("usr_01H111").is_err());
/// ```
pub type TeamId = Id<kind::Team>;

/// The id that a channel's provider gave a message: 1 to 512 bytes.
///
/// ```
/// assert!(convodb::ProviderId::new("wamid.HBgL").is_ok());
/// assert!(convodb::ProviderId::new("").is_err());
/// ```
pub type ProviderId = Id<kind::Provider>;

/// The actor of a command: a user's id or a service's name, at most 128 bytes of visible ASCII.
///
/// ```
/// assert!(convodb::Actor::new("usr_01H111").is_ok());
/// assert!(convodb::Actor::new("").is_err());
/// ```
pub type Actor = Id<kind::Actor>;

/// The name of a consumer of events: at most 128 bytes of visible ASCII.
///
/// ```
/// assert!(convodb::ConsumerName::new("webhooks").is_ok());
/// assert!(convodb::ConsumerName::new("").is_err());
/// ```
pub type ConsumerName = Id<kind::Consumer>;

/// A caller's name for one command: 1 to 255 bytes of any text.
#[doc(hidden)]
pub type IdempotencyKey = Id<kind::Command>;

/// What an id names.
#[doc(hidden)]
pub trait IdKind {
    type Value: IdValue;
    /// The field that an [`InvalidInput`] names.
    const FIELD: &'static str;
    const PREFIX: &'static str = "";

    /// Checks a text that is not the store's own.
    fn check(text: &str) -> Result<(), InvalidInput> {
        validate::foreign_id(Self::FIELD, text.as_bytes(), Self::PREFIX)
    }
}

/// How an id is held: the number of a ULID, or a text.
#[doc(hidden)]
pub trait IdValue: Clone {
    fn parse<K: IdKind>(text: &str) -> Result<Self, InvalidInput>;
    fn print<K: IdKind>(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
    fn serialize<S: Serializer>(
        id: &Id<impl IdKind<Value = Self>>,
        to: S,
    ) -> Result<S::Ok, S::Error>;
    fn deserialize<'de, K: IdKind, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error>;
}

#[doc(hidden)]
pub trait Text: Clone + AsRef<str> + for<'a> From<&'a str> {}

impl Text for Arc<str> {}
impl Text for ShortText {}

mod kind {
    use super::{Arc, IdKind, InvalidInput, ShortText, validate};

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Conversation;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Message;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Note;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Contact;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct User;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Team;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Provider;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Actor;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Consumer;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Command;

    impl IdKind for Conversation {
        type Value = u128;
        const FIELD: &'static str = "conversation_id";
        const PREFIX: &'static str = "conv_";
    }

    impl IdKind for Message {
        type Value = u128;
        const FIELD: &'static str = "message_id";
        const PREFIX: &'static str = "msg_";
    }

    impl IdKind for Note {
        type Value = u128;
        const FIELD: &'static str = "note_id";
        const PREFIX: &'static str = "note_";
    }

    impl IdKind for Contact {
        /// Every row of a list has one.
        type Value = ShortText;
        const FIELD: &'static str = "contact_id";
        const PREFIX: &'static str = "con_";
    }

    impl IdKind for User {
        type Value = Arc<str>;
        const FIELD: &'static str = "user_id";
        const PREFIX: &'static str = "usr_";

        fn check(text: &str) -> Result<(), InvalidInput> {
            validate::assignee_id(Self::FIELD, text, Self::PREFIX)
        }
    }

    impl IdKind for Team {
        type Value = Arc<str>;
        const FIELD: &'static str = "team_id";

        fn check(text: &str) -> Result<(), InvalidInput> {
            validate::assignee_id(Self::FIELD, text, "")?;
            let is_reserved = matches!(text, "unassigned" | "none" | "any");
            let reason =
                format_args!("`{text}` names no team: it is a user's id or a reserved word");
            let names_team = !is_reserved && !text.starts_with(User::PREFIX);
            InvalidInput::unless(names_team, Self::FIELD, reason)
        }
    }

    impl IdKind for Provider {
        type Value = Arc<str>;
        const FIELD: &'static str = "provider_id";

        fn check(text: &str) -> Result<(), InvalidInput> {
            validate::provider_id(Self::FIELD, text)
        }
    }

    impl IdKind for Actor {
        type Value = Arc<str>;
        const FIELD: &'static str = "actor";
    }

    impl IdKind for Consumer {
        type Value = Arc<str>;
        const FIELD: &'static str = "consumer";
    }

    impl IdKind for Command {
        type Value = Arc<str>;
        const FIELD: &'static str = "idempotency_key";

        fn check(text: &str) -> Result<(), InvalidInput> {
            let is_within = (1..=255).contains(&text.len());
            InvalidInput::unless(is_within, Self::FIELD, "must have 1 to 255 bytes")
        }
    }
}

impl<K: IdKind> Id<K> {
    const fn unchecked(value: K::Value) -> Self {
        let kind = PhantomData;
        Self { value, kind }
    }

    /// Checks an id and takes it.
    ///
    /// # Errors
    ///
    /// A text outside the bounds of the type. A ULID has one spelling, and at most 128 bits.
    pub fn new(text: &str) -> Result<Self, InvalidInput> {
        K::Value::parse::<K>(text).map(Self::unchecked)
    }
}

impl<K: IdKind<Value = u128>> Id<K> {
    /// The id of a time in milliseconds since 1970 (48 bits of it) and a random number (80 bits of
    /// it), for ids that are generated outside the store.
    pub const fn from_parts(timestamp_ms: u64, random: u128) -> Self {
        Self::from_raw(Ulid::from_parts(timestamp_ms, random).0)
    }

    #[doc(hidden)]
    pub const fn from_raw(raw: u128) -> Self {
        Self::unchecked(raw)
    }

    #[doc(hidden)]
    pub const fn raw(self) -> u128 {
        self.value
    }

    /// The milliseconds since 1970 that the id carries.
    pub const fn timestamp_ms(self) -> u64 {
        Ulid(self.value).timestamp_ms()
    }
}

impl<K: IdKind<Value: Text>> Id<K> {
    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        self.value.as_ref()
    }
}

#[doc(hidden)]
impl ContactId {
    #[inline]
    pub fn from_bytes(text: &[u8]) -> Result<Self, InvalidInput> {
        validate::foreign_id(kind::Contact::FIELD, text, kind::Contact::PREFIX)?;
        Ok(Self::unchecked(ShortText::new(text)))
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.value.as_bytes()
    }
}

impl IdValue for u128 {
    fn parse<K: IdKind>(text: &str) -> Result<Self, InvalidInput> {
        let prefix = K::PREFIX;
        let Some(encoded) = text.strip_prefix(prefix) else {
            let reason = format!("must begin with `{prefix}`");
            return Err(InvalidInput::new(K::FIELD, reason));
        };
        // ulid drops the bits of a first character above 7, and accepts lower case.
        let is_strict = encoded.len() == ulid::ULID_LEN
            && encoded.starts_with(|first: char| first <= '7')
            && !encoded.contains(|c: char| c.is_ascii_lowercase());
        match Ulid::from_string(encoded) {
            Ok(ulid) if is_strict => Ok(ulid.0),
            _ => Err(InvalidInput::new(
                K::FIELD,
                format!("must be `{prefix}` and the 26 upper-case characters of a ULID"),
            )),
        }
    }

    fn print<K: IdKind>(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; ulid::ULID_LEN];
        f.write_str(K::PREFIX)?;
        f.write_str(Ulid(*self).array_to_str(&mut buffer))
    }

    /// A text in JSON, a number of 128 bits in records.
    fn serialize<S: Serializer>(
        id: &Id<impl IdKind<Value = Self>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match to.is_human_readable() {
            true => to.collect_str(id),
            false => to.serialize_u128(id.value),
        }
    }

    fn deserialize<'de, K: IdKind, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match from.is_human_readable() {
            true => text::parse(from, Self::parse::<K>),
            false => Deserialize::deserialize(from),
        }
    }
}

impl<T: Text> IdValue for T {
    fn parse<K: IdKind>(text: &str) -> Result<Self, InvalidInput> {
        K::check(text).map(|()| text.into())
    }

    fn print<K: IdKind>(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_ref())
    }

    fn serialize<S: Serializer>(
        id: &Id<impl IdKind<Value = Self>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(id.as_str())
    }

    fn deserialize<'de, K: IdKind, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::parse(from, Self::parse::<K>)
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.print::<K>(f)
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.print::<K>(f)
    }
}

impl<K: IdKind> TryFrom<&str> for Id<K> {
    type Error = InvalidInput;

    fn try_from(text: &str) -> Result<Self, InvalidInput> {
        Self::new(text)
    }
}

impl<K: IdKind> TryFrom<String> for Id<K> {
    type Error = InvalidInput;

    fn try_from(text: String) -> Result<Self, InvalidInput> {
        Self::new(&text)
    }
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        Self::new(text)
    }
}

impl<K: IdKind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        K::Value::serialize(self, serializer)
    }
}

impl<'de, K: IdKind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        K::Value::deserialize::<K, D>(deserializer).map(Self::unchecked)
    }
}

impl<K: IdKind<Value: Text> + Clone> From<&Self> for Id<K> {
    fn from(id: &Self) -> Self {
        id.clone()
    }
}

impl From<&UserId> for Actor {
    fn from(user: &UserId) -> Self {
        Self::unchecked(user.value.clone())
    }
}

impl From<UserId> for Actor {
    fn from(user: UserId) -> Self {
        Self::unchecked(user.value)
    }
}
