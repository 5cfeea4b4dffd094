//! A whole conversation from elsewhere, with its history, ids and times.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::conversation::{ConversationDocument, is_zero};
use crate::{
    Assignee, Channel, ContactId, Conversation, ConversationId, Message, Note, Status, object, time,
};

/// A whole conversation to be imported: its history, ids and times are kept as they are.
///
/// It deserialises from the specification's *Conversation object*, with every further field that
/// the store's own JSON writes, and optional `revision` and `notes`; an unknown field is refused.
/// It serialises to the same, so what is read from one store can be carried to another.
/// `Store::import` sorts the messages and checks the rest. An imported history is read, but for
/// the latest `unread_count` of its inbound messages.
///
/// ```
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
/// let thread = store.get(id)?;
/// let notes = store.notes(id)?.collect::<Result<_, _>>()?;
/// let export = Import::new(thread.conversation, thread.messages).notes(notes);
/// let elsewhere = Store::in_memory()?;
/// elsewhere.import(serde_json::from_str(&serde_json::to_string(&export)?)?)?;
/// assert_eq!(elsewhere.get(id)?, store.get(id)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Import {
    /// The conversation. The user or team that it names joins the directory if it is not there
    /// yet; a name that is there stays.
    pub conversation: Conversation,
    /// Its messages, in any order.
    pub messages: Vec<Message>,
    /// Its internal notes, in any order.
    pub notes: Vec<Note>,
}

impl Import {
    /// A conversation with its messages, without notes.
    #[must_use]
    pub fn new(conversation: Conversation, messages: Vec<Message>) -> Self {
        Self {
            conversation,
            messages,
            notes: Vec::new(),
        }
    }

    /// The same with these notes.
    #[must_use]
    pub fn notes(mut self, notes: Vec<Note>) -> Self {
        self.notes = notes;
        self
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportDocument {
    id: ConversationId,
    contact_id: ContactId,
    channel: Channel,
    status: Status,
    assigned_to: Option<Assignee>,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(with = "time")]
    created_at: DateTime<Utc>,
    #[serde(with = "time")]
    updated_at: DateTime<Utc>,
    #[serde(default)]
    notes: Vec<Note>,
    #[serde(default)]
    unread_count: u64,
    #[serde(default)]
    revision: u64,
}

impl<'de> Deserialize<'de> for Import {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = object::<ImportDocument, _>(deserializer)?;
        let mut conversation = Conversation::new(
            document.id,
            document.contact_id,
            document.channel,
            document.created_at,
        );
        conversation.status = document.status;
        conversation.assigned_to = document.assigned_to;
        conversation.updated_at = document.updated_at;
        conversation.unread_count = document.unread_count;
        conversation.revision = document.revision;
        Ok(Self::new(conversation, document.messages).notes(document.notes))
    }
}

impl Serialize for Import {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            #[serde(flatten)]
            conversation: ConversationDocument<'a>,
            #[serde(skip_serializing_if = "is_zero")]
            revision: u64,
            #[serde(skip_serializing_if = "<[Note]>::is_empty")]
            notes: &'a [Note],
        }

        Document {
            conversation: self.conversation.document(&self.messages),
            revision: self.conversation.revision,
            notes: &self.notes,
        }
        .serialize(serializer)
    }
}
