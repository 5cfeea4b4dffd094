//! Typed ids. The store's own are ULIDs behind a prefix; the others are what their makers call
//! them, within bounds.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ulid::Ulid;

use crate::short::ShortText;
use crate::{InvalidInput, validate};

/// What every id offers besides its constructor: parsing, printing, serde.
macro_rules! id_traits {
    ($name:ident) => {
        impl TryFrom<&str> for $name {
            type Error = InvalidInput;

            fn try_from(text: &str) -> Result<Self, InvalidInput> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = InvalidInput;

            fn from_str(text: &str) -> Result<Self, InvalidInput> {
                Self::new(text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).map_err(de::Error::custom)
            }
        }
    };
}

macro_rules! own_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            #[doc = concat!("Reads `", $prefix, "` and the 26 characters of a ULID, as printed.")]
            ///
            /// # Errors
            ///
            /// Another prefix, another length, a character outside Crockford's upper-case
            /// alphabet, or more than 128 bits.
            pub fn new(text: &str) -> Result<Self, InvalidInput> {
                parse_own($field, $prefix, text).map(Self)
            }

            /// The id of a time in milliseconds since 1970 (48 bits of it) and a random number
            /// (80 bits of it), for ids that are generated outside the store.
            #[must_use]
            pub const fn from_parts(timestamp_ms: u64, random: u128) -> Self {
                Self(Ulid::from_parts(timestamp_ms, random).0)
            }

            #[doc(hidden)]
            pub const fn from_raw(raw: u128) -> Self {
                Self(raw)
            }

            #[doc(hidden)]
            pub const fn raw(self) -> u128 {
                self.0
            }

            /// The milliseconds since 1970 that the id carries.
            #[must_use]
            pub const fn timestamp_ms(self) -> u64 {
                Ulid(self.0).timestamp_ms()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; ulid::ULID_LEN];
                f.write_str($prefix)?;
                f.write_str(Ulid(self.0).array_to_str(&mut buffer))
            }
        }

        id_traits!($name);
    };
}

fn parse_own(field: &'static str, prefix: &'static str, text: &str) -> Result<u128, InvalidInput> {
    let Some(encoded) = text.strip_prefix(prefix) else {
        return Err(InvalidInput::new(
            field,
            format!("must begin with `{prefix}`"),
        ));
    };
    // ulid drops the bits of a first character above 7, and reads lower case: an id has one
    // spelling here, the printed one.
    let strict = encoded.len() == ulid::ULID_LEN
        && encoded.starts_with(|first: char| first <= '7')
        && !encoded.contains(|c: char| c.is_ascii_lowercase());
    match Ulid::from_string(encoded) {
        Ok(ulid) if strict => Ok(ulid.0),
        _ => Err(InvalidInput::new(
            field,
            format!("must be `{prefix}` and the 26 upper-case characters of a ULID"),
        )),
    }
}

own_id!(
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
    ConversationId,
    "conv_",
    "conversation_id"
);

own_id!(
    /// The id of a message: `msg_` and a ULID whose time is the message's own, in milliseconds.
    ///
    /// ```
    /// let id = convodb::MessageId::new("msg_01HMN000000000000000000000")?;
    /// assert_eq!(convodb::MessageId::from_parts(id.timestamp_ms(), 0), id);
    /// # Ok::<(), convodb::InvalidInput>(())
    /// ```
    MessageId,
    "msg_",
    "message_id"
);

own_id!(
    /// The id of an internal note: `note_` and a ULID.
    ///
    /// ```
    /// assert!(convodb::NoteId::new("note_01HPQR00000000000000000000").is_ok());
    /// ```
    NoteId,
    "note_",
    "note_id"
);

macro_rules! foreign_id {
    ($(#[$doc:meta])* $name:ident, $text:ty, $field:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($text);

        impl $name {
            /// Checks and takes the text.
            ///
            /// # Errors
            ///
            /// A text outside the bounds that the type names.
            pub fn new(text: &str) -> Result<Self, InvalidInput> {
                let check: fn(&'static str, &str) -> Result<(), InvalidInput> = $check;
                check($field, text)?;
                Ok(Self(text.into()))
            }

            /// The id as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&$name> for $name {
            fn from(id: &$name) -> Self {
                id.clone()
            }
        }

        id_traits!($name);
    };
}

/// The id of a contact: `con_` and more, at most 128 bytes of visible ASCII.
///
/// ```
/// assert!(convodb::ContactId::new("con_01HXYZ").is_ok());
/// assert!(convodb::ContactId::new("01HXYZ").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContactId(ShortText);

impl ContactId {
    /// Checks and takes the text.
    ///
    /// # Errors
    ///
    /// A text outside the bounds that the type names.
    pub fn new(text: &str) -> Result<Self, InvalidInput> {
        Self::from_bytes(text.as_bytes())
    }

    /// Checks the bytes of a text and takes them.
    #[doc(hidden)]
    pub fn from_bytes(text: &[u8]) -> Result<Self, InvalidInput> {
        validate::foreign_id("contact_id", text, "con_")?;
        Ok(Self(ShortText::new(text)))
    }

    /// The id as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    #[doc(hidden)]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&ContactId> for ContactId {
    fn from(id: &ContactId) -> Self {
        id.clone()
    }
}

id_traits!(ContactId);

foreign_id!(
    /// The id of a user: `usr_` and more, at most 128 bytes of visible ASCII, no comma.
    ///
    /// ```
    /// assert_eq!(convodb::UserId::new("usr_01H111")?.as_str(), "usr_01H111");
    /// # Ok::<(), convodb::InvalidInput>(())
    /// ```
    UserId,
    Arc<str>,
    "user_id",
    |field, text| validate::assignee_id(field, text, "usr_")
);

foreign_id!(
    /// The id of a team: at most 128 bytes of visible ASCII, no comma. A user's id and the words
    /// `unassigned`, `none` and `any` name no team.
    ///
    /// ```
    /// assert!(convodb::TeamId::new("team_billing").is_ok());
    /// assert!(convodb::TeamId::new("unassigned").is_err());
    /// assert!(convodb::TeamId::new("usr_01H111").is_err());
    /// ```
    TeamId,
    Arc<str>,
    "team_id",
    |field, text| {
        validate::assignee_id(field, text, "")?;
        if matches!(text, "unassigned" | "none" | "any") || text.starts_with("usr_") {
            return Err(InvalidInput::new(
                field,
                format!("`{text}` names no team: it is a user's id or a reserved word"),
            ));
        }
        Ok(())
    }
);

foreign_id!(
    /// The id that a channel's provider gave a message: 1 to 512 bytes.
    ///
    /// ```
    /// assert!(convodb::ProviderId::new("wamid.HBgL").is_ok());
    /// assert!(convodb::ProviderId::new("").is_err());
    /// ```
    ProviderId,
    Box<str>,
    "provider_id",
    validate::provider_id
);

foreign_id!(
    /// Who gave a command: a user's id or a service's name, at most 128 bytes of visible ASCII.
    ///
    /// ```
    /// assert!(convodb::Actor::new("usr_01H111").is_ok());
    /// assert!(convodb::Actor::new("").is_err());
    /// ```
    Actor,
    Arc<str>,
    "actor",
    |field, text| validate::foreign_id(field, text.as_bytes(), "")
);

foreign_id!(
    /// The name of a consumer of events: at most 128 bytes of visible ASCII.
    ///
    /// ```
    /// assert!(convodb::ConsumerName::new("webhooks").is_ok());
    /// assert!(convodb::ConsumerName::new("").is_err());
    /// ```
    ConsumerName,
    Box<str>,
    "consumer",
    |field, text| validate::foreign_id(field, text.as_bytes(), "")
);

impl From<&UserId> for Actor {
    fn from(user: &UserId) -> Self {
        Self(user.0.clone())
    }
}

impl From<UserId> for Actor {
    fn from(user: UserId) -> Self {
        Self(user.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_ids_have_one_spelling_and_do_not_overflow() {
        for refused in [
            "conv_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "conv_01habc00000000000000000000",
            "conv_01HABC0000000000000000000",
            "conv_01HABC000000000000000000000",
            "conv_O1HABC00000000000000000000",
            "conv_é1HABC000000000000000000000",
            "msg_01HABC00000000000000000000",
            "",
        ] {
            assert!(ConversationId::new(refused).is_err(), "{refused}");
        }
        let max = "conv_7ZZZZZZZZZZZZZZZZZZZZZZZZZ";
        assert_eq!(
            ConversationId::new(max).map(|id| id.to_string()).as_deref(),
            Ok(max)
        );
    }

    #[test]
    fn foreign_ids_are_visible_ascii_within_128_bytes() {
        let longest = format!("con_{}", "x".repeat(124));
        assert!(ContactId::new(&longest).is_ok());
        assert!(ContactId::new(&format!("{longest}x")).is_err());
        assert!(ContactId::new("con_").is_err());
        assert!(ContactId::new("con_a b").is_err());
        assert!(ContactId::new("con_ä").is_err());
        assert!(UserId::new("usr_a,usr_b").is_err());
        assert!(ProviderId::new(&"ä".repeat(256)).is_ok());
        assert!(ProviderId::new(&"x".repeat(513)).is_err());
    }
}
