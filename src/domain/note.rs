//! Internal notes: for the team, never sent to the contact (R6).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Actor, ConversationId, InvalidInput, NoteId, time, validate};

/// An internal note. Serialises as the answer of the specification's *Add an internal note*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Note {
    /// The id.
    pub id: NoteId,
    /// The conversation that it is about.
    pub conversation_id: ConversationId,
    /// The text.
    pub content: String,
    /// When it was written.
    #[serde(with = "time")]
    pub created_at: DateTime<Utc>,
    /// Who wrote it, where the command's [`Context`](crate::Context) named an actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Actor>,
}

impl Note {
    /// A note without an author, for an [`Import`](crate::Import).
    #[must_use]
    pub fn new(
        id: NoteId,
        conversation_id: ConversationId,
        content: impl Into<String>,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            conversation_id,
            content: content.into(),
            created_at,
            author: None,
        }
    }

    pub(super) fn validate(&self) -> Result<(), InvalidInput> {
        validate::text("content", &self.content)?;
        time::checked("created_at", self.created_at).map(drop)
    }
}
