//! A whole conversation from elsewhere, with its messages, notes, ids and times.

use crate::{Conversation, Message, Note};

/// A whole conversation to be imported. It keeps its messages, notes, ids and times.
///
/// Its JSON is that of a [`Transcript`](crate::Transcript), with `notes` where it has any, and with
/// `extras`, by message, where messages have something that their JSON leaves out, such as former contents.
/// An unknown field is refused. A store writes the same JSON, so a conversation can move from one store to
/// another. `import` sorts the messages and checks the rest. The messages count as read, but for the
/// latest `unread_count` of the inbound ones. An `inbound_count` other than 0 must be their number.
///
/// ```
/// use convodb::prelude::*;
/// use convodb::{Import, Store};
///
/// let store = Store::in_memory()?;
/// let import: Import = serde_json::from_str(r#"{
///     "id": "conv_01HABC00000000000000000000",
///     "contact_id": "con_01HXYZ",
///     "channel": "whatsapp",
///     "status": "open",
///     "assigned_to": {"type": "user", "id": "usr_01H111", "name": "Alice Support"},
///     "messages": [],
///     "created_at": "2026-04-15T08:30:00Z",
///     "updated_at": "2026-04-16T09:12:00Z"
/// }"#)?;
/// let id = store.import(import)?.value.id;
///
/// let transcript = store.transcript(id)?;
/// let notes = store.notes(id)?.collect::<Result<_, _>>()?;
/// let export = Import::new(transcript.conversation, transcript.messages).notes(notes);
/// let elsewhere = Store::in_memory()?;
/// elsewhere.import(serde_json::from_str(&serde_json::to_string(&export)?)?)?;
/// assert_eq!(elsewhere.transcript(id)?, store.transcript(id)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[must_use]
pub struct Import {
    /// The conversation. The import adds its user or team to the directory. A name that is in the
    /// directory stays.
    pub conversation: Conversation,
    /// Its messages, in any order.
    pub messages: Vec<Message>,
    /// Its internal notes, in any order.
    pub notes: Vec<Note>,
}

impl Import {
    /// A conversation with its messages, without notes.
    pub fn new(conversation: Conversation, messages: Vec<Message>) -> Self {
        Self {
            conversation,
            messages,
            notes: Vec::new(),
        }
    }

    /// The same with these notes.
    pub fn notes(mut self, notes: Vec<Note>) -> Self {
        self.notes = notes;
        self
    }
}
