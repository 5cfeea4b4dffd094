//! The JSON of conversations: one document for a row of a list, a transcript and an import.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::records::{ConversationRecord, Embedded};
use crate::text::{Object, ObjectWriter};
use crate::time::Time;
use crate::{
    Assignee, AssigneeId, Channel, ContactId, Conversation, ConversationId, Import, InvalidInput,
    Message, Note, Revision, Status, Transcript,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Document {
    id: ConversationId,
    contact_id: ContactId,
    channel: Channel,
    status: Status,
    assigned_to: Option<Assignee>,
    #[serde(default)]
    messages: Vec<Message>,
    created_at: Time,
    updated_at: Time,
    #[serde(default)]
    unread_count: u64,
    #[serde(default)]
    inbound_count: u64,
    #[serde(default)]
    revision: Revision,
    #[serde(default)]
    notes: Vec<Note>,
}

impl From<Document> for Import {
    fn from(document: Document) -> Self {
        let conversation = Conversation {
            id: document.id,
            contact_id: document.contact_id,
            channel: document.channel,
            status: document.status,
            assigned_to: document.assigned_to,
            created_at: document.created_at.get(),
            updated_at: document.updated_at.get(),
            revision: document.revision,
            inbound_count: document.inbound_count,
            unread_count: document.unread_count,
        };
        Self::new(conversation, document.messages).notes(document.notes)
    }
}

/// Counts are left out where they are zero, and notes where there are none.
fn write<S: Serializer>(
    conversation: &Conversation,
    messages: &[Message],
    notes: &[Note],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let counted = |count: u64| (count > 0).then_some(count);
    let mut object = ObjectWriter::new(serializer)?;
    object.put("id", conversation.id)?;
    object.put("contact_id", &conversation.contact_id)?;
    object.put("channel", conversation.channel)?;
    object.put("status", conversation.status)?;
    object.put("assigned_to", conversation.assigned_to.as_ref())?;
    object.put("messages", messages)?;
    object.put("created_at", Time(conversation.created_at))?;
    object.put("updated_at", Time(conversation.updated_at))?;
    object.put_some("unread_count", counted(conversation.unread_count))?;
    object.put_some("inbound_count", counted(conversation.inbound_count))?;
    object.put_some("revision", counted(conversation.revision.get()))?;
    object.put_some("notes", (!notes.is_empty()).then_some(notes))?;
    object.end()
}

/// Nothing is silently dropped.
fn refuse<T, E: de::Error>(field: &'static str, items: &[T]) -> Result<(), E> {
    InvalidInput::unless(items.is_empty(), field, "do not belong here").map_err(E::custom)
}

/// An object in JSON, a row in changes: the directory has the assignee's number and name.
impl Serialize for Conversation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return write(self, &[], &[], serializer);
        }
        let key = (self.id, self.assignee_id());
        let record = ConversationRecord::new(self, 0);
        Embedded { key, record }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Conversation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let row = Embedded::<_, ConversationRecord>::deserialize(deserializer)?;
            let (id, assignee): (_, Option<AssigneeId>) = row.key;
            let assigned_to = assignee.map(|id| Assignee::new(id, ""));
            let conversation = row.record.into_conversation(id, assigned_to);
            return conversation.map_err(de::Error::custom);
        }
        let import = Import::from(Document::deserialize(Object(deserializer))?);
        refuse("messages", &import.messages)?;
        refuse("notes", &import.notes)?;
        Ok(import.conversation)
    }
}

impl Serialize for Transcript {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(&self.conversation, &self.messages, &[], serializer)
    }
}

impl<'de> Deserialize<'de> for Transcript {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let import = Import::from(Document::deserialize(Object(deserializer))?);
        refuse("notes", &import.notes)?;
        Ok(Self::new(import.conversation, import.messages))
    }
}

impl Serialize for Import {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (conversation, messages, notes) = (&self.conversation, &self.messages, &self.notes);
        match serializer.is_human_readable() {
            true => write(conversation, messages, notes, serializer),
            false => (conversation, messages, notes).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Import {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Document::deserialize(Object(deserializer)).map(Self::from);
        }
        let (conversation, messages, notes) = Deserialize::deserialize(deserializer)?;
        Ok(Self::new(conversation, messages).notes(notes))
    }
}
