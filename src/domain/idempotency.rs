//! Commands that carry a key, so that the same one again does nothing more.

use chrono::{DateTime, Utc};

use super::{AssigneeId, ConversationId, InvalidInput, MessageId, NoteId};

/// A caller's name for one command: 1 to 255 bytes of any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    const MAX_BYTES: usize = 255;

    pub(crate) fn new(text: &str) -> Result<Self, InvalidInput> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(InvalidInput::new(
                "idempotency_key",
                "must have 1 to 255 bytes",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a command with a key did. It holds ids and no content, so that what is erased is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) at: DateTime<Utc>,
    /// The keyed hash of the command with all that was given with it.
    pub(crate) command: [u8; 16],
    pub(crate) value: DoneValue,
    pub(crate) changed: bool,
    pub(crate) created: bool,
    pub(crate) reopened: bool,
    pub(crate) duplicate: bool,
}

/// What a command answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DoneValue {
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
pub(crate) struct DoneEach {
    pub(crate) changed: bool,
    pub(crate) reopened: bool,
}
