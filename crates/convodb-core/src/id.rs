//! Typed ids. The store's own are ULIDs behind a prefix; the others are texts within bounds.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

use crate::short::ShortText;
use crate::{Direction, InvalidInput, text, validate};

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

/// The id of a contact: `con_` and more, at most 256 bytes of visible ASCII.
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

/// The id of an inbox: `inb_` and more, at most 128 bytes of visible ASCII, no comma.
///
/// ```
/// assert!(convodb::InboxId::new("inb_sales").is_ok());
/// assert!(convodb::InboxId::new("sales").is_err());
/// ```
pub type InboxId = Id<kind::Inbox>;

/// The id of a saved view: `view_` and more, at most 128 bytes of visible ASCII, no comma.
///
/// ```
/// assert!(convodb::ViewId::new("view_waiting").is_ok());
/// assert!(convodb::ViewId::new("waiting").is_err());
/// ```
pub type ViewId = Id<kind::View>;

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

/// The name of an import, by which it is resumed: at most 128 bytes of visible ASCII.
///
/// ```
/// assert!(convodb::ImportName::new("history-2026").is_ok());
/// assert!(convodb::ImportName::new("").is_err());
/// ```
pub type ImportName = Id<kind::Import>;

/// A caller's name for one command: 1 to 255 bytes of any text.
#[doc(hidden)]
pub type IdempotencyKey = Id<kind::Command>;

/// What an id names.
#[doc(hidden)]
pub trait IdKind {
    type Value: IdValue;
    const PREFIX: &'static str;

    fn parse(text: &str) -> Result<Self::Value, InvalidInput>;
}

/// How an id is held.
#[doc(hidden)]
pub trait IdValue: Clone {
    /// Of a ULID. In records it is its number, in JSON its text.
    const FROM_NUMBER: Option<fn(u128) -> Self>;

    fn view(&self) -> View<'_>;
}

#[doc(hidden)]
#[derive(Debug)]
pub enum View<'a> {
    Number(u128),
    Text(&'a str),
}

#[doc(hidden)]
pub trait Text: Clone + AsRef<str> {}

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
    pub struct Inbox;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct View;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Provider;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Actor;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Consumer;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Import;
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Command;

    macro_rules! kinds {
        ($($kind:ident: $value:ty = $parse:ident($field:literal, $prefix:literal);)*) => {$(
            impl IdKind for $kind {
                type Value = $value;
                const PREFIX: &'static str = $prefix;

                fn parse(text: &str) -> Result<$value, InvalidInput> {
                    validate::$parse($field, text, $prefix).map(Into::into)
                }
            }
        )*};
    }

    // A contact is held inline, as every row of a list has one.
    kinds! {
        Conversation: u128 = ulid("conversation_id", "conv_");
        Message: u128 = ulid("message_id", "msg_");
        Note: u128 = ulid("note_id", "note_");
        Contact: ShortText = contact_id("contact_id", "con_");
        User: Arc<str> = assignee_id("user_id", "usr_");
        Team: Arc<str> = team_id("team_id", "");
        Inbox: Arc<str> = assignee_id("inbox_id", "inb_");
        View: Arc<str> = assignee_id("view_id", "view_");
        Provider: Arc<str> = provider_id("provider_id", "");
        Actor: Arc<str> = foreign_id("actor", "");
        Consumer: Arc<str> = foreign_id("consumer", "");
        Import: Arc<str> = foreign_id("import", "");
        Command: Arc<str> = idempotency_key("idempotency_key", "");
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
        K::parse(text).map(Self::unchecked)
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

/// Precedes a sender's own reference, which no provider's id is: those have no control characters.
const REFERENCE: [&str; 2] = ["\u{1}<", "\u{1}>"];
/// Precedes the id of a line of an import, behind that of its conversation.
const IMPORTED: &str = "\u{1}=";

#[doc(hidden)]
impl ProviderId {
    /// What a message is found under by its sender's own reference.
    pub fn of_reference(direction: Direction, text: &str) -> Self {
        let [inbound, outbound] = REFERENCE;
        let prefix = match direction {
            Direction::Inbound => inbound,
            Direction::Outbound => outbound,
        };
        Self::unchecked(format!("{prefix}{text}").into())
    }

    /// What a message is found under by the id that it had elsewhere, in one conversation.
    pub fn of_import(of: ConversationId, id: &str) -> Self {
        Self::unchecked(format!("{IMPORTED}{of}{id}").into())
    }

    /// The conversation that it is of, if it is of a message's id elsewhere.
    pub fn imported_in(&self) -> Option<ConversationId> {
        let id = self.as_str().strip_prefix(IMPORTED)?;
        let of = id.get(..kind::Conversation::PREFIX.len() + ulid::ULID_LEN)?;
        ConversationId::new(of).ok()
    }

    /// Whether the store makes it of something else, and no provider gave it.
    pub fn is_reference(&self) -> bool {
        self.shown() != self.as_str()
    }

    /// The id or the reference as it was given.
    pub fn shown(&self) -> &str {
        let id = self.as_str();
        let reference = REFERENCE
            .into_iter()
            .chain([IMPORTED])
            .find_map(|prefix| id.strip_prefix(prefix));
        reference.unwrap_or(id)
    }
}

#[doc(hidden)]
impl ContactId {
    #[inline]
    pub fn from_bytes(text: &[u8]) -> Result<Self, InvalidInput> {
        validate::contact_bytes("contact_id", text, kind::Contact::PREFIX)?;
        Ok(Self::unchecked(ShortText::new(text)))
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.value.as_bytes()
    }
}

impl IdValue for u128 {
    const FROM_NUMBER: Option<fn(u128) -> Self> = Some(|number| number);

    fn view(&self) -> View<'_> {
        View::Number(*self)
    }
}

impl<T: Text> IdValue for T {
    const FROM_NUMBER: Option<fn(u128) -> Self> = None;

    fn view(&self) -> View<'_> {
        View::Text(self.as_ref())
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value.view() {
            View::Text(text) => f.write_str(text),
            View::Number(number) => {
                f.write_str(K::PREFIX)?;
                f.write_str(Ulid(number).array_to_str(&mut [0; ulid::ULID_LEN]))
            }
        }
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
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
        match self.value.view() {
            View::Text(text) => serializer.serialize_str(text),
            View::Number(_) if serializer.is_human_readable() => serializer.collect_str(self),
            View::Number(number) => serializer.serialize_u128(number),
        }
    }
}

impl<'de, K: IdKind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = match K::Value::FROM_NUMBER {
            Some(of) if !deserializer.is_human_readable() => of(u128::deserialize(deserializer)?),
            _ => text::parse(deserializer, K::parse)?,
        };
        Ok(Self::unchecked(value))
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
