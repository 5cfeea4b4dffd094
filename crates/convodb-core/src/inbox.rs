//! Inboxes: the accounts of a channel that conversations run through.

use serde::{Deserialize, Serialize};

use crate::Channel;

/// The number of an inbox, as stored keys hold it. 0 to 3 are the nameless inboxes of the four
/// channels, for callers that name none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InboxNumber(u32);

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
