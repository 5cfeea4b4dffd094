//! The ids that callers and providers make: texts within bounds.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::short::ShortText;
use crate::{InvalidInput, text, validate};

/// An id that a caller or a provider makes. See [`ContactId`], [`UserId`], [`TeamId`],
/// [`ProviderId`], [`Actor`] and [`ConsumerName`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextId<K: TextIdKind> {
    text: K::Text,
    kind: PhantomData<K>,
}

/// The id of a contact: `con_` and more, at most 128 bytes of visible ASCII.
///
/// ```
/// assert!(convodb::ContactId::new("con_01HXYZ").is_ok());
/// assert!(convodb::ContactId::new("01HXYZ").is_err());
/// ```
pub type ContactId = TextId<kind::Contact>;

/// The id of a user: `usr_` and more, at most 128 bytes of visible ASCII, no comma.
///
/// ```
/// assert_eq!(convodb::UserId::new("usr_01H111")?.as_str(), "usr_01H111");
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
pub type UserId = TextId<kind::User>;

/// The id of a team: at most 128 bytes of visible ASCII, no comma. A user's id and the words
/// `unassigned`, `none` and `any` name no team.
///
/// ```
/// assert!(convodb::TeamId::new("team_billing").is_ok());
/// assert!(convodb::TeamId::new("unassigned").is_err());
/// assert!(convodb::TeamId::new("usr_01H111").is_err());
/// ```
pub type TeamId = TextId<kind::Team>;

/// The id that a channel's provider gave a message: 1 to 512 bytes.
///
/// ```
/// assert!(convodb::ProviderId::new("wamid.HBgL").is_ok());
/// assert!(convodb::ProviderId::new("").is_err());
/// ```
pub type ProviderId = TextId<kind::Provider>;

/// The actor of a command: a user's id or a service's name, at most 128 bytes of visible ASCII.
///
/// ```
/// assert!(convodb::Actor::new("usr_01H111").is_ok());
/// assert!(convodb::Actor::new("").is_err());
/// ```
pub type Actor = TextId<kind::Actor>;

/// The name of a consumer of events: at most 128 bytes of visible ASCII.
///
/// ```
/// assert!(convodb::ConsumerName::new("webhooks").is_ok());
/// assert!(convodb::ConsumerName::new("").is_err());
/// ```
pub type ConsumerName = TextId<kind::Consumer>;

/// What texts name.
#[doc(hidden)]
pub trait TextIdKind: Clone {
    type Text: Clone + AsRef<str> + for<'a> From<&'a str>;
    /// The field that an [`InvalidInput`] names.
    const FIELD: &'static str;
    const PREFIX: &'static str = "";

    fn check(text: &str) -> Result<(), InvalidInput> {
        validate::foreign_id(Self::FIELD, text.as_bytes(), Self::PREFIX)
    }
}

mod kind {
    use super::{Arc, InvalidInput, ShortText, TextIdKind, validate};

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Contact;

    impl TextIdKind for Contact {
        /// Every row of a list has one.
        type Text = ShortText;
        const FIELD: &'static str = "contact_id";
        const PREFIX: &'static str = "con_";
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct User;

    impl TextIdKind for User {
        type Text = Arc<str>;
        const FIELD: &'static str = "user_id";
        const PREFIX: &'static str = "usr_";

        fn check(text: &str) -> Result<(), InvalidInput> {
            validate::assignee_id(Self::FIELD, text, Self::PREFIX)
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Team;

    impl TextIdKind for Team {
        type Text = Arc<str>;
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

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Provider;

    impl TextIdKind for Provider {
        type Text = Arc<str>;
        const FIELD: &'static str = "provider_id";

        fn check(text: &str) -> Result<(), InvalidInput> {
            validate::provider_id(Self::FIELD, text)
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Actor;

    impl TextIdKind for Actor {
        type Text = Arc<str>;
        const FIELD: &'static str = "actor";
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Consumer;

    impl TextIdKind for Consumer {
        type Text = Arc<str>;
        const FIELD: &'static str = "consumer";
    }
}

impl<K: TextIdKind> TextId<K> {
    const fn unchecked(text: K::Text) -> Self {
        Self {
            text,
            kind: PhantomData,
        }
    }

    /// Checks and takes the text.
    ///
    /// # Errors
    ///
    /// A text outside the bounds of the type.
    pub fn new(text: &str) -> Result<Self, InvalidInput> {
        K::check(text)?;
        Ok(Self::unchecked(text.into()))
    }

    /// The id as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.text.as_ref()
    }
}

#[doc(hidden)]
impl ContactId {
    #[inline]
    pub fn from_bytes(text: &[u8]) -> Result<Self, InvalidInput> {
        validate::foreign_id(kind::Contact::FIELD, text, kind::Contact::PREFIX)?;
        Ok(Self::unchecked(ShortText::new(text)))
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl<K: TextIdKind> fmt::Display for TextId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<K: TextIdKind> fmt::Debug for TextId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<K: TextIdKind> From<&TextId<K>> for TextId<K> {
    fn from(id: &TextId<K>) -> Self {
        id.clone()
    }
}

impl<K: TextIdKind> TryFrom<&str> for TextId<K> {
    type Error = InvalidInput;

    fn try_from(text: &str) -> Result<Self, InvalidInput> {
        Self::new(text)
    }
}

impl<K: TextIdKind> TryFrom<String> for TextId<K> {
    type Error = InvalidInput;

    fn try_from(text: String) -> Result<Self, InvalidInput> {
        Self::new(&text)
    }
}

impl<K: TextIdKind> FromStr for TextId<K> {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        Self::new(text)
    }
}

impl<K: TextIdKind> Serialize for TextId<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, K: TextIdKind> Deserialize<'de> for TextId<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parse(deserializer, Self::new)
    }
}

impl From<&UserId> for Actor {
    fn from(user: &UserId) -> Self {
        Self::unchecked(user.text.clone())
    }
}

impl From<UserId> for Actor {
    fn from(user: UserId) -> Self {
        Self::unchecked(user.text)
    }
}
