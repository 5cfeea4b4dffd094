//! The channels and inboxes that conversations run through.

use serde::{Deserialize, Serialize};

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

/// The number of an inbox, as stored keys hold it. 0 to 3 are the nameless inboxes of the four
/// channels, for callers that name none.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InboxNumber(u32);

#[doc(hidden)]
impl InboxNumber {
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    pub const fn get(self) -> u32 {
        self.0
    }

    /// The channel of a nameless inbox.
    #[inline]
    pub fn channel(self) -> Option<Channel> {
        Channel::ALL.get(self.0 as usize).copied()
    }
}

impl From<Channel> for InboxNumber {
    fn from(channel: Channel) -> Self {
        Self(channel as u32)
    }
}
