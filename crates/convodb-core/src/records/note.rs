//! Notes.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::codec::Derived;
use crate::{Actor, ConversationId, Note, NoteId};

/// A note without its ids and its time, which its key has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRecord<'a> {
    content: Cow<'a, str>,
    author: Option<Actor>,
}

impl<'a> From<&'a Note> for NoteRecord<'a> {
    fn from(note: &'a Note) -> Self {
        Self {
            content: Cow::Borrowed(&note.content),
            author: note.author.clone(),
        }
    }
}

impl NoteRecord<'_> {
    /// The note of this record under a key.
    pub fn into_note(
        self,
        conversation: ConversationId,
        created_at: DateTime<Utc>,
        id: NoteId,
    ) -> Note {
        let mut note = Note::new(id, conversation, self.content, created_at);
        note.author = self.author;
        note
    }
}

impl Derived for NoteRecord<'_> {}
