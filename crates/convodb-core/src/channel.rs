//! The channels and inboxes that conversations run through.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::objects;
use crate::{InboxId, InvalidInput, text};

/// The channel that a conversation runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// WhatsApp.
    Whatsapp,
    /// Instagram.
    Instagram,
    /// Messenger.
    Messenger,
    /// A chat on a web page.
    Webchat,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [
        Self::Whatsapp,
        Self::Instagram,
        Self::Messenger,
        Self::Webchat,
    ];

    /// Its name in JSON and in query strings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Instagram => "instagram",
            Self::Messenger => "messenger",
            Self::Webchat => "webchat",
        }
    }
}

/// An inbox of a channel: a phone number, a page or a site that contacts write to.
///
/// Its JSON is `{"id", "channel", "name"}`. A channel has one more inbox, which has no name: that of
/// callers that name none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
#[non_exhaustive]
pub struct Inbox {
    /// The id.
    pub id: InboxId,
    /// The channel, for ever.
    pub channel: Channel,
    /// The present name.
    pub name: String,
}

objects! { Inbox }

#[doc(hidden)]
impl Inbox {
    pub fn new(id: impl Into<InboxId>, channel: Channel, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            channel,
            name: name.into(),
        }
    }
}

/// Which inbox: one by its id, or the nameless one of a channel.
///
/// In JSON and in query strings it is that id, or the name of that channel.
///
/// ```
/// use convodb::{Channel, InboxId, InboxRef};
///
/// assert_eq!("whatsapp".parse(), Ok(InboxRef::from(Channel::Whatsapp)));
/// let sales = InboxId::new("inb_sales")?;
/// assert_eq!("inb_sales".parse(), Ok(InboxRef::from(sales)));
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InboxRef {
    /// The nameless inbox of a channel.
    Channel(Channel),
    /// An inbox that was saved.
    Inbox(InboxId),
}

impl InboxRef {
    /// The id of one that was saved.
    pub const fn id(&self) -> Option<&InboxId> {
        match self {
            Self::Channel(_) => None,
            Self::Inbox(id) => Some(id),
        }
    }

    /// The inbox that a request names by one field or the other.
    pub(crate) fn given(channel: Option<Channel>, inbox_id: Option<InboxId>) -> Option<Self> {
        let named = inbox_id.map(Self::Inbox);
        named.or(channel.map(Self::Channel))
    }
}

impl From<Channel> for InboxRef {
    fn from(channel: Channel) -> Self {
        Self::Channel(channel)
    }
}

impl From<InboxId> for InboxRef {
    fn from(id: InboxId) -> Self {
        Self::Inbox(id)
    }
}

impl From<&InboxId> for InboxRef {
    fn from(id: &InboxId) -> Self {
        Self::Inbox(id.clone())
    }
}

impl fmt::Display for InboxRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(channel) => f.write_str(channel.as_str()),
            Self::Inbox(id) => f.write_str(id.as_str()),
        }
    }
}

impl FromStr for InboxRef {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let channel = Channel::ALL.into_iter().find(|it| it.as_str() == text);
        match channel {
            Some(channel) => Ok(Self::Channel(channel)),
            None if !text.starts_with("inb_") => {
                let channels = Channel::ALL.map(Channel::as_str).join("`, `");
                let reason = format!("must begin with `inb_`, or be a channel: `{channels}`");
                Err(InvalidInput::new("inbox", reason))
            }
            None => InboxId::new(text).map(Self::Inbox),
        }
    }
}

impl Serialize for InboxRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Channel(channel) => serializer.serialize_str(channel.as_str()),
            Self::Inbox(id) => serializer.serialize_str(id.as_str()),
        }
    }
}

impl<'de> Deserialize<'de> for InboxRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parse(deserializer, str::parse)
    }
}

/// The number of an inbox, as stored keys hold it: that of its channel, 0 to 3, and four times its place
/// among the inboxes that were saved, from 1 on. 0 to 3 are the nameless inboxes of the four channels.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InboxNumber(u32);

#[doc(hidden)]
impl InboxNumber {
    const CHANNELS: u32 = Channel::ALL.len() as u32;

    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// That of an inbox which was saved after so many others.
    pub fn of_saved(others: usize, channel: Channel) -> Self {
        let place = u32::try_from(others).unwrap_or(u32::MAX).saturating_add(1);
        Self(
            place
                .saturating_mul(Self::CHANNELS)
                .saturating_add(channel as u32),
        )
    }

    pub const fn get(self) -> u32 {
        self.0
    }

    /// How many were saved before this one; nothing for a nameless one.
    #[inline]
    pub fn saved(self) -> Option<usize> {
        let others = (self.0 / Self::CHANNELS).checked_sub(1)?;
        usize::try_from(others).ok()
    }

    #[inline]
    pub fn channel(self) -> Channel {
        let [first, second, third, fourth] = Channel::ALL;
        match self.0 % Self::CHANNELS {
            0 => first,
            1 => second,
            2 => third,
            _ => fourth,
        }
    }
}

impl From<Channel> for InboxNumber {
    fn from(channel: Channel) -> Self {
        Self(channel as u32)
    }
}
