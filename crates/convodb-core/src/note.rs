//! Internal notes: for the team, never sent to the contact (R6).

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Actor, ConversationId, InvalidInput, NoteId, object, time, validate};

/// An internal note. Serialises as the answer of the specification's *Add an internal note*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Hash)]
#[non_exhaustive]
pub struct Note {
    /// The id.
    pub id: NoteId,
    /// The conversation that it is about.
    pub conversation_id: ConversationId,
    /// The text.
    pub content: String,
    /// When it was written.
    #[serde(serialize_with = "time::serialize")]
    pub created_at: DateTime<Utc>,
    /// Who wrote it, where the command's [`Context`](crate::Context) named an actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Actor>,
}

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            id: NoteId,
            conversation_id: ConversationId,
            content: String,
            #[serde(with = "time")]
            created_at: DateTime<Utc>,
            author: Option<Actor>,
        }

        let document: Document = object(deserializer)?;
        Ok(Self {
            id: document.id,
            conversation_id: document.conversation_id,
            content: document.content,
            created_at: document.created_at,
            author: document.author,
        })
    }
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
