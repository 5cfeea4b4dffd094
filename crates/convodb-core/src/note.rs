//! Internal notes: for the team, never sent to the contact.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::records::{Embedded, NoteRecord};
use crate::text::Object;
use crate::time::Time;
use crate::validate::Origin;
use crate::{Actor, ConversationId, InvalidInput, NoteId, time, validate};

/// An internal note.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Note {
    /// The id.
    pub id: NoteId,
    /// The conversation that it is about.
    pub conversation_id: ConversationId,
    /// The text.
    pub content: String,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// The actor of the command's [`Context`](crate::Context), where it has one.
    pub author: Option<Actor>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Note", deny_unknown_fields, expecting = "an object")]
struct NoteDocument {
    id: NoteId,
    conversation_id: ConversationId,
    content: String,
    #[serde(with = "time")]
    created_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<Actor>,
}

/// An object in JSON, a row in changes.
impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return NoteDocument::serialize(self, serializer);
        }
        let key = (self.conversation_id, self.id, Time(self.created_at));
        let record = NoteRecord::from(self);
        Embedded { key, record }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Note {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return NoteDocument::deserialize(Object(deserializer));
        }
        let Embedded { key, record } = Embedded::<_, NoteRecord<'_>>::deserialize(deserializer)?;
        let (conversation, id, Time(created_at)) = key;
        Ok(record.into_note(conversation, created_at, id))
    }
}

impl Note {
    /// A note without an author, for an [`Import`](crate::Import).
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

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        validate::text("content", &self.content, Origin::Fact)?;
        time::checked("created_at", self.created_at).map(drop)
    }
}
