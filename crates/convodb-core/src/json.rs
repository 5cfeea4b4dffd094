//! The JSON of conversations: one document for a row of a list, a transcript and an import.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::records::ConversationRecord;
use crate::records::Embedded;
use crate::text::Object;
use crate::time::Time;
use crate::{
    Assignee, AssigneeId, Channel, ContactId, Conversation, ConversationId, Import, InvalidInput,
    Message, Note, Revision, Status, Transcript,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Document<'a> {
    id: ConversationId,
    contact_id: Cow<'a, ContactId>,
    channel: Channel,
    status: Status,
    assigned_to: Option<Cow<'a, Assignee>>,
    #[serde(default)]
    messages: Cow<'a, [Message]>,
    created_at: Time,
    updated_at: Time,
    #[serde(default, skip_serializing_if = "is_zero")]
    unread_count: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    inbound_count: u64,
    #[serde(default, skip_serializing_if = "Revision::is_zero")]
    revision: Revision,
    #[serde(default, skip_serializing_if = "<[Note]>::is_empty")]
    notes: Cow<'a, [Note]>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl<'a> Document<'a> {
    fn new(conversation: &'a Conversation, messages: &'a [Message], notes: &'a [Note]) -> Self {
        Self {
            id: conversation.id,
            contact_id: Cow::Borrowed(&conversation.contact_id),
            channel: conversation.channel,
            status: conversation.status,
            assigned_to: conversation.assigned_to.as_ref().map(Cow::Borrowed),
            messages: Cow::Borrowed(messages),
            created_at: Time(conversation.created_at),
            updated_at: Time(conversation.updated_at),
            unread_count: conversation.unread_count,
            inbound_count: conversation.inbound_count,
            revision: conversation.revision,
            notes: Cow::Borrowed(notes),
        }
    }

    fn into_parts(self) -> (Conversation, Vec<Message>, Vec<Note>) {
        let conversation = Conversation {
            id: self.id,
            contact_id: self.contact_id.into_owned(),
            channel: self.channel,
            status: self.status,
            assigned_to: self.assigned_to.map(Cow::into_owned),
            created_at: self.created_at.get(),
            updated_at: self.updated_at.get(),
            revision: self.revision,
            inbound_count: self.inbound_count,
            unread_count: self.unread_count,
        };
        let (messages, notes) = (self.messages.into_owned(), self.notes.into_owned());
        (conversation, messages, notes)
    }
}

/// Nothing is silently dropped.
fn refuse<T, E: de::Error>(field: &'static str, items: &[T]) -> Result<(), E> {
    InvalidInput::unless(items.is_empty(), field, "do not belong here").map_err(E::custom)
}

/// An object in JSON, a row in changes: the directory has the assignee's number and name.
impl Serialize for Conversation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return Document::new(self, &[], &[]).serialize(serializer);
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
        let document = Document::deserialize(Object(deserializer))?;
        let (conversation, messages, notes) = document.into_parts();
        refuse("messages", &messages)?;
        refuse("notes", &notes)?;
        Ok(conversation)
    }
}

impl Serialize for Transcript {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Document::new(&self.conversation, &self.messages, &[]).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Transcript {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::deserialize(Object(deserializer))?;
        let (conversation, messages, notes) = document.into_parts();
        refuse("notes", &notes)?;
        Ok(Self::new(conversation, messages))
    }
}

impl Serialize for Import {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (conversation, messages, notes) = (&self.conversation, &self.messages, &self.notes);
        match serializer.is_human_readable() {
            true => Document::new(conversation, messages, notes).serialize(serializer),
            false => (conversation, messages, notes).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Import {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (conversation, messages, notes) = match deserializer.is_human_readable() {
            true => Document::deserialize(Object(deserializer))?.into_parts(),
            false => Deserialize::deserialize(deserializer)?,
        };
        Ok(Self::new(conversation, messages).notes(notes))
    }
}
