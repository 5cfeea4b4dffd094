//! The JSON of an event.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Event, EventKind};
use crate::text::Object;
use crate::time::Time;
use crate::{
    Actor, AssigneeId, AssigneeKind, ConversationId, EventSeq, InvalidInput, MessageId, NoteId,
    Status,
};

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct EventDocument<'a> {
    sequence: EventSeq,
    r#type: Cow<'a, str>,
    created_at: Time,
    conversation_id: ConversationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_status: Option<Status>,
    /// `Some(None)` is `null`.
    #[serde(default, deserialize_with = "present")]
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_to: Option<Option<Party<'a>>>,
    #[serde(default, deserialize_with = "present")]
    #[serde(skip_serializing_if = "Option::is_none")]
    previously_assigned_to: Option<Option<Party<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note_id: Option<NoteId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Cow<'a, Actor>>,
}

/// A user or team without its name: the directory has the present one.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Party<'a> {
    r#type: AssigneeKind,
    id: Cow<'a, str>,
}

impl<'a> From<&'a AssigneeId> for Party<'a> {
    fn from(id: &'a AssigneeId) -> Self {
        Self {
            r#type: id.kind(),
            id: id.as_str().into(),
        }
    }
}

impl Party<'_> {
    fn into_id(self) -> Result<AssigneeId, InvalidInput> {
        AssigneeId::of_kind(self.r#type, &self.id)
    }
}

/// A field that is there, `null` or not.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl<'a> From<&'a Event> for EventDocument<'a> {
    fn from(event: &'a Event) -> Self {
        let mut document = Self {
            sequence: event.seq,
            r#type: event.kind.as_str().into(),
            created_at: Time(event.at),
            conversation_id: event.conversation_id,
            status: None,
            previous_status: None,
            assigned_to: None,
            previously_assigned_to: None,
            message_id: None,
            note_id: None,
            effective_at: event.effective_at.map(Time),
            actor: event.actor.as_ref().map(Cow::Borrowed),
        };
        match &event.kind {
            EventKind::ConversationCreated {
                status,
                assigned_to,
            } => {
                document.status = Some(*status);
                document.assigned_to = Some(assigned_to.as_ref().map(Party::from));
            }
            EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to: before,
            } => {
                document.assigned_to = Some(Some(assigned_to.into()));
                document.previously_assigned_to = Some(before.as_ref().map(Party::from));
            }
            EventKind::ConversationUnassigned {
                previously_assigned_to: before,
            } => {
                document.assigned_to = Some(None);
                document.previously_assigned_to = Some(Some(before.into()));
            }
            EventKind::ConversationResolved => {
                document.status = Some(Status::Resolved);
                document.previous_status = Some(Status::Open);
            }
            EventKind::ConversationReopened => {
                document.status = Some(Status::Open);
                document.previous_status = Some(Status::Resolved);
            }
            EventKind::ConversationDeleted => {}
            EventKind::MessageReceived { message_id }
            | EventKind::MessageSent { message_id }
            | EventKind::MessageDelivered { message_id }
            | EventKind::MessageRead { message_id }
            | EventKind::MessageFailed { message_id } => document.message_id = Some(*message_id),
            EventKind::NoteAdded { note_id } => document.note_id = Some(*note_id),
        }
        document
    }
}

impl EventDocument<'_> {
    fn kind(&mut self) -> Result<EventKind, InvalidInput> {
        let required = |field| InvalidInput::new(field, "is required for this type of event");
        let id = |party: Option<Option<Party<'_>>>| {
            let party = party.flatten();
            party.map(Party::into_id).transpose()
        };
        let message_id = self.message_id.ok_or_else(|| required("message_id"));
        Ok(match &*self.r#type {
            "conversation.created" => EventKind::ConversationCreated {
                status: self.status.ok_or_else(|| required("status"))?,
                assigned_to: id(self.assigned_to.take())?,
            },
            "conversation.assigned" => EventKind::ConversationAssigned {
                assigned_to: id(self.assigned_to.take())?.ok_or_else(|| required("assigned_to"))?,
                previously_assigned_to: id(self.previously_assigned_to.take())?,
            },
            "conversation.unassigned" => EventKind::ConversationUnassigned {
                previously_assigned_to: id(self.previously_assigned_to.take())?
                    .ok_or_else(|| required("previously_assigned_to"))?,
            },
            "conversation.resolved" => EventKind::ConversationResolved,
            "conversation.reopened" => EventKind::ConversationReopened,
            "conversation.deleted" => EventKind::ConversationDeleted,
            "message.received" => EventKind::MessageReceived {
                message_id: message_id?,
            },
            "message.sent" => EventKind::MessageSent {
                message_id: message_id?,
            },
            "message.delivered" => EventKind::MessageDelivered {
                message_id: message_id?,
            },
            "message.read" => EventKind::MessageRead {
                message_id: message_id?,
            },
            "message.failed" => EventKind::MessageFailed {
                message_id: message_id?,
            },
            "note.added" => EventKind::NoteAdded {
                note_id: self.note_id.ok_or_else(|| required("note_id"))?,
            },
            _ => return Err(InvalidInput::new("type", "is no type of event")),
        })
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        EventDocument::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut document = EventDocument::deserialize(Object(deserializer))?;
        let kind = document.kind().map_err(de::Error::custom)?;
        Ok(Self {
            seq: document.sequence,
            at: document.created_at.get(),
            conversation_id: document.conversation_id,
            actor: document.actor.map(Cow::into_owned),
            effective_at: document.effective_at.map(Time::get),
            kind,
        })
    }
}
