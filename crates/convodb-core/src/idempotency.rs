//! Commands that carry a key, so that the same one again does nothing more.

use chrono::{DateTime, Utc};

use crate::{AssigneeId, ConversationId, InvalidInput, MessageId, NoteId};

/// A caller's name for one command: 1 to 255 bytes of any text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    const MAX_BYTES: usize = 255;

    pub fn new(text: &str) -> Result<Self, InvalidInput> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(InvalidInput::new(
                "idempotency_key",
                "must have 1 to 255 bytes",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a command with a key did. It holds ids and no content, so that what is erased is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct Done {
    pub at: DateTime<Utc>,
    /// The keyed hash of the command with all that was given with it.
    pub command: [u8; 16],
    pub value: DoneValue,
    pub changed: bool,
    pub created: bool,
    pub reopened: bool,
    pub duplicate: bool,
}

/// What a command answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum DoneValue {
    Nothing,
    Number(u64),
    Conversation(ConversationId),
    Message(ConversationId, MessageId),
    Note(ConversationId, DateTime<Utc>, NoteId),
    Assignee(AssigneeId),
    /// What a bulk command did to each conversation; nothing to one that was not there.
    Each(Vec<(ConversationId, Option<DoneEach>)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct DoneEach {
    pub changed: bool,
    pub reopened: bool,
}
