//! The channels that conversations run on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::InvalidInput;

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
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Instagram => "instagram",
            Self::Messenger => "messenger",
            Self::Webchat => "webchat",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Channel {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, InvalidInput> {
        let mut all = Self::ALL.into_iter();
        all.find(|channel| channel.as_str() == text).ok_or_else(|| {
            let reason = "must be `whatsapp`, `instagram`, `messenger` or `webchat`";
            InvalidInput::new("channel", reason)
        })
    }
}
