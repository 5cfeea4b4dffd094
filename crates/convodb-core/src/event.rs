//! Events: what changed, for other systems.
//!
//! An event is a projection of one change and the state before it, so a command that changes nothing
//! has none. It names ids of the store and of the team, and holds no content. One of a contact names the
//! contact until that is erased: nothing of what is erased stays in it.

mod project;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::text::{Object, ObjectWriter};
use crate::time::Time;
use crate::{
    Actor, AssigneeId, AssigneeKind, Attribute, Change, ContactId, Conversation, ConversationId,
    DeliveryStatus, EventSeq, InvalidInput, MessageId, NoteId, Status, WakeReason, time,
};

pub(crate) use project::project;

/// A change of the store, as other systems consume it.
///
/// Its JSON is a flat object: `sequence`, `type`, `created_at` and `conversation_id` or `contact_id`, then
/// the fields of the type, and `effective_at` and `actor` where it has them.
///
/// ```
/// # convodb::example!(store, id);
/// let events = store.events(EventSeq::ZERO, 100)?;
/// let types: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
/// assert_eq!(types, ["conversation.created", "message.received"]);
/// let json = serde_json::to_value(&events[1])?;
/// assert_eq!(json["conversation_id"], id.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Its number among all events of the store: from 1, without gaps.
    pub seq: EventSeq,
    /// When the store made the change. It never decreases from one event to the next.
    pub at: DateTime<Utc>,
    /// What it is about.
    pub subject: EventSubject,
    /// The actor of the command's [`Context`](crate::Context), where it has one.
    pub actor: Option<Actor>,
    /// Of a reassignment to a successor, when the predecessor was removed: reads have returned the
    /// successor since then.
    pub effective_at: Option<DateTime<Utc>>,
    /// What happened.
    pub kind: EventKind,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EventSubject {
    /// A conversation.
    Conversation(ConversationId),
    /// A contact.
    Contact(ContactId),
    /// A contact that was erased since.
    Erased,
}

impl EventSubject {
    /// The conversation, if it is one.
    pub const fn conversation_id(&self) -> Option<ConversationId> {
        match self {
            Self::Conversation(id) => Some(*id),
            Self::Contact(_) | Self::Erased => None,
        }
    }

    /// The contact, if it is one.
    pub const fn contact_id(&self) -> Option<&ContactId> {
        match self {
            Self::Contact(id) => Some(id),
            Self::Conversation(_) | Self::Erased => None,
        }
    }
}

impl From<ConversationId> for EventSubject {
    fn from(id: ConversationId) -> Self {
        Self::Conversation(id)
    }
}

impl From<ContactId> for EventSubject {
    fn from(id: ContactId) -> Self {
        Self::Contact(id)
    }
}

/// An event that has no number yet. It is also the record of an event, whose number is its key.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEvent {
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    pub actor: Option<Actor>,
    pub subject: EventSubject,
    #[serde(with = "time::optional")]
    pub effective_at: Option<DateTime<Utc>>,
    pub kind: EventKind,
}

impl NewEvent {
    /// The event of an imported conversation, for a bulk load that applies no changes to a state.
    pub fn imported(change: &Change, conversation: &Conversation) -> Self {
        Self {
            at: change.at,
            actor: change.actor.clone(),
            subject: conversation.id.into(),
            effective_at: None,
            kind: EventKind::ConversationCreated {
                status: conversation.status,
                assigned_to: conversation.assignee_id().cloned(),
            },
        }
    }

    /// The conversation whose audit log has it, if one has.
    pub fn audited_in(&self) -> Option<ConversationId> {
        let conversation = self.subject.conversation_id();
        conversation.filter(|_| self.kind.is_audited())
    }

    pub fn numbered(self, seq: EventSeq) -> Event {
        Event {
            seq,
            at: self.at,
            subject: self.subject,
            actor: self.actor,
            effective_at: self.effective_at,
            kind: self.kind,
        }
    }

    /// The contacts that it names.
    pub fn contacts(&self) -> impl Iterator<Item = &ContactId> {
        let other = match &self.kind {
            EventKind::ContactMerged { into: other }
            | EventKind::ContactConflict { with: other } => Some(other),
            _ => None,
        };
        self.subject.contact_id().into_iter().chain(other)
    }

    /// The same without the contacts that it names.
    pub fn erased(self) -> Self {
        Self {
            subject: EventSubject::Erased,
            kind: EventKind::ContactErased,
            ..self
        }
    }
}

/// What happened to a conversation, a message, a note or a contact.
///
/// Append-only: a variant that was released is never edited or moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EventKind {
    /// The first message created the conversation, or an import stored it with its messages.
    ConversationCreated {
        /// Open, unless an import has another status.
        status: Status,
        /// The assignee of an imported conversation.
        assigned_to: Option<AssigneeId>,
    },
    /// The conversation has another assignee.
    ConversationAssigned {
        /// The new assignee.
        assigned_to: AssigneeId,
        /// The one before, if there was one.
        previously_assigned_to: Option<AssigneeId>,
    },
    /// The conversation has no assignee any longer.
    ConversationUnassigned {
        /// The one before.
        previously_assigned_to: AssigneeId,
    },
    /// An open conversation was resolved.
    ConversationResolved,
    /// A message or an assignment reopened a resolved conversation.
    ConversationReopened,
    /// The conversation was deleted, with all that belonged to it.
    ConversationDeleted,
    /// A message came from the contact.
    MessageReceived {
        /// The message.
        message_id: MessageId,
    },
    /// A message went to the contact.
    MessageSent {
        /// The message.
        message_id: MessageId,
    },
    /// The first receipt reports that the message is on the contact's device.
    MessageDelivered {
        /// The message.
        message_id: MessageId,
    },
    /// The first receipt reports that the contact has seen the message.
    MessageRead {
        /// The message.
        message_id: MessageId,
    },
    /// The first receipt reports that the message failed.
    MessageFailed {
        /// The message.
        message_id: MessageId,
    },
    /// The team has another note.
    NoteAdded {
        /// The note.
        note_id: NoteId,
    },
    /// The provider put a line into the thread.
    MessageSystem {
        /// The message.
        message_id: MessageId,
    },
    /// The message has another content.
    MessageEdited {
        /// The message.
        message_id: MessageId,
    },
    /// The message was taken back.
    MessageRevoked {
        /// The message.
        message_id: MessageId,
    },
    /// More is known of the message: its content came, or something of it.
    MessageUpdated {
        /// The message.
        message_id: MessageId,
    },
    /// Somebody reacted to the message.
    MessageReacted {
        /// The message.
        message_id: MessageId,
    },
    /// Somebody took the reactions to the message back.
    MessageUnreacted {
        /// The message.
        message_id: MessageId,
    },
    /// The first receipt reports that the contact has heard the message.
    MessagePlayed {
        /// The message.
        message_id: MessageId,
    },
    /// The message is tried again.
    MessageRetried {
        /// The message.
        message_id: MessageId,
    },
    /// All messages to the contact until a time were delivered or read.
    ConversationReceipts {
        /// Delivered or read.
        status: DeliveryStatus,
        /// The time.
        #[serde(with = "time")]
        until: DateTime<Utc>,
    },
    /// Attributes of the conversation changed.
    ConversationUpdated {
        /// Which.
        changed: Vec<Attribute>,
    },
    /// Messages of the conversation were marked as read.
    ConversationRead,
    /// Messages of the conversation were marked as unread.
    ConversationUnread,
    /// The conversation is out of the way until a time.
    ConversationSnoozed {
        /// The time.
        #[serde(with = "time")]
        until: DateTime<Utc>,
    },
    /// The conversation is back.
    ConversationUnsnoozed {
        /// Why.
        reason: WakeReason,
    },
    /// Lines of an import brought messages of the past, of which none has an event of its own.
    ConversationImported {
        /// How many.
        messages: u64,
    },
    /// The contact has a record now.
    ContactCreated,
    /// The contact has another name or other metadata.
    ContactUpdated,
    /// The contact has another identity.
    ContactIdentified,
    /// The contact was merged into another one.
    ContactMerged {
        /// The other one.
        into: ContactId,
    },
    /// A message of the contact came with an identity of another one.
    ContactConflict {
        /// The other one.
        with: ContactId,
    },
    /// Something happened to a contact that was erased since.
    ContactErased,
    /// The messages and notes of the conversation were put into another one.
    ConversationMerged {
        /// The other one.
        into: ConversationId,
    },
}

impl EventKind {
    /// All types.
    pub const TYPES: [&'static str; 34] = [
        "conversation.created",
        "conversation.assigned",
        "conversation.unassigned",
        "conversation.resolved",
        "conversation.reopened",
        "conversation.deleted",
        "message.received",
        "message.sent",
        "message.delivered",
        "message.read",
        "message.failed",
        "note.added",
        "message.system",
        "message.edited",
        "message.revoked",
        "message.updated",
        "message.reacted",
        "message.unreacted",
        "message.played",
        "message.retried",
        "conversation.receipts",
        "conversation.updated",
        "conversation.read",
        "conversation.unread",
        "conversation.snoozed",
        "conversation.unsnoozed",
        "conversation.imported",
        "contact.created",
        "contact.updated",
        "contact.identified",
        "contact.merged",
        "contact.conflict",
        "contact.erased",
        "conversation.merged",
    ];

    /// The type, as the JSON has it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ConversationCreated { .. } => "conversation.created",
            Self::ConversationAssigned { .. } => "conversation.assigned",
            Self::ConversationUnassigned { .. } => "conversation.unassigned",
            Self::ConversationResolved => "conversation.resolved",
            Self::ConversationReopened => "conversation.reopened",
            Self::ConversationDeleted => "conversation.deleted",
            Self::MessageReceived { .. } => "message.received",
            Self::MessageSent { .. } => "message.sent",
            Self::MessageDelivered { .. } => "message.delivered",
            Self::MessageRead { .. } => "message.read",
            Self::MessageFailed { .. } => "message.failed",
            Self::NoteAdded { .. } => "note.added",
            Self::MessageSystem { .. } => "message.system",
            Self::MessageEdited { .. } => "message.edited",
            Self::MessageRevoked { .. } => "message.revoked",
            Self::MessageUpdated { .. } => "message.updated",
            Self::MessageReacted { .. } => "message.reacted",
            Self::MessageUnreacted { .. } => "message.unreacted",
            Self::MessagePlayed { .. } => "message.played",
            Self::MessageRetried { .. } => "message.retried",
            Self::ConversationReceipts { .. } => "conversation.receipts",
            Self::ConversationUpdated { .. } => "conversation.updated",
            Self::ConversationRead => "conversation.read",
            Self::ConversationUnread => "conversation.unread",
            Self::ConversationSnoozed { .. } => "conversation.snoozed",
            Self::ConversationUnsnoozed { .. } => "conversation.unsnoozed",
            Self::ConversationImported { .. } => "conversation.imported",
            Self::ContactCreated => "contact.created",
            Self::ContactUpdated => "contact.updated",
            Self::ContactIdentified => "contact.identified",
            Self::ContactMerged { .. } => "contact.merged",
            Self::ContactConflict { .. } => "contact.conflict",
            Self::ContactErased => "contact.erased",
            Self::ConversationMerged { .. } => "conversation.merged",
        }
    }

    /// Whether the audit log of the conversation keeps it: the assignee and the status.
    #[doc(hidden)]
    pub const fn is_audited(&self) -> bool {
        matches!(
            self,
            Self::ConversationCreated { .. }
                | Self::ConversationAssigned { .. }
                | Self::ConversationUnassigned { .. }
                | Self::ConversationResolved
                | Self::ConversationReopened
        )
    }
}

impl Event {
    /// An event without an actor.
    pub fn new(
        seq: EventSeq,
        at: DateTime<Utc>,
        subject: impl Into<EventSubject>,
        kind: EventKind,
    ) -> Self {
        Self {
            seq,
            at,
            subject: subject.into(),
            actor: None,
            effective_at: None,
            kind,
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ObjectWriter::new(serializer)?;
        object.put("sequence", self.seq)?;
        object.put("type", self.kind.as_str())?;
        object.put("created_at", Time(self.at))?;
        match &self.subject {
            EventSubject::Conversation(id) => object.put("conversation_id", id)?,
            EventSubject::Contact(id) => object.put("contact_id", id)?,
            EventSubject::Erased => {}
        }
        match &self.kind {
            EventKind::ConversationCreated {
                status,
                assigned_to,
            } => {
                object.put("status", status)?;
                object.put("assigned_to", assigned_to.as_ref().map(Party::from))?;
            }
            EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to: before,
            } => {
                object.put("assigned_to", Party::from(assigned_to))?;
                object.put("previously_assigned_to", before.as_ref().map(Party::from))?;
            }
            EventKind::ConversationUnassigned {
                previously_assigned_to: before,
            } => {
                object.put("assigned_to", None::<Party<'_>>)?;
                object.put("previously_assigned_to", Party::from(before))?;
            }
            EventKind::ConversationResolved => {
                object.put("status", Status::Resolved)?;
                object.put("previous_status", Status::Open)?;
            }
            EventKind::ConversationReopened => {
                object.put("status", Status::Open)?;
                object.put("previous_status", Status::Resolved)?;
            }
            EventKind::ConversationDeleted
            | EventKind::ConversationRead
            | EventKind::ConversationUnread
            | EventKind::ContactCreated
            | EventKind::ContactUpdated
            | EventKind::ContactIdentified
            | EventKind::ContactErased => {}
            EventKind::ContactMerged { into } => object.put("into", into)?,
            EventKind::ConversationMerged { into } => object.put("into", into)?,
            EventKind::ContactConflict { with } => object.put("with", with)?,
            EventKind::MessageReceived { message_id }
            | EventKind::MessageSent { message_id }
            | EventKind::MessageDelivered { message_id }
            | EventKind::MessageRead { message_id }
            | EventKind::MessageFailed { message_id }
            | EventKind::MessageSystem { message_id }
            | EventKind::MessageEdited { message_id }
            | EventKind::MessageRevoked { message_id }
            | EventKind::MessageUpdated { message_id }
            | EventKind::MessageReacted { message_id }
            | EventKind::MessageUnreacted { message_id }
            | EventKind::MessagePlayed { message_id }
            | EventKind::MessageRetried { message_id } => object.put("message_id", message_id)?,
            EventKind::NoteAdded { note_id } => object.put("note_id", note_id)?,
            EventKind::ConversationReceipts { status, until } => {
                object.put("status", status)?;
                object.put("until", Time(*until))?;
            }
            EventKind::ConversationUpdated { changed } => object.put("changed", changed)?,
            EventKind::ConversationSnoozed { until } => object.put("until", Time(*until))?,
            EventKind::ConversationUnsnoozed { reason } => object.put("reason", reason)?,
            EventKind::ConversationImported { messages } => object.put("messages", messages)?,
        }
        object.put_some("effective_at", self.effective_at.map(Time))?;
        object.put_some("actor", self.actor.as_ref())?;
        object.end()
    }
}

/// A user or team without its name: the directory has the present one.
#[derive(Serialize, Deserialize)]
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct EventDocument {
    sequence: EventSeq,
    r#type: String,
    created_at: Time,
    conversation_id: Option<ConversationId>,
    contact_id: Option<ContactId>,
    into: Option<String>,
    with: Option<ContactId>,
    status: Option<EventStatus>,
    until: Option<Time>,
    changed: Option<Vec<Attribute>>,
    reason: Option<WakeReason>,
    messages: Option<u64>,
    #[serde(rename = "previous_status")]
    _previous_status: Option<Status>,
    assigned_to: Option<Party<'static>>,
    previously_assigned_to: Option<Party<'static>>,
    message_id: Option<MessageId>,
    note_id: Option<NoteId>,
    effective_at: Option<Time>,
    actor: Option<Actor>,
}

/// The status of a conversation, or that of messages.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "a status")]
enum EventStatus {
    Conversation(Status),
    Delivery(DeliveryStatus),
}

impl EventDocument {
    /// The conversation or the contact, as the type has it.
    fn subject(&self, kind: &EventKind) -> Result<EventSubject, InvalidInput> {
        let is_of_contact = kind.as_str().starts_with("contact.");
        match (self.conversation_id, self.contact_id.clone()) {
            (None, None) if *kind == EventKind::ContactErased => Ok(EventSubject::Erased),
            (Some(id), None) if !is_of_contact => Ok(id.into()),
            (None, Some(id)) if is_of_contact && *kind != EventKind::ContactErased => Ok(id.into()),
            _ => {
                let field = if is_of_contact {
                    "contact_id"
                } else {
                    "conversation_id"
                };
                let reason = "must be that of the type, and the only one";
                Err(InvalidInput::new(field, reason))
            }
        }
    }

    fn kind(&self) -> Result<EventKind, InvalidInput> {
        let required = |field| InvalidInput::new(field, "is required for this type of event");
        let id = |party: &Option<Party<'_>>| {
            let id = party
                .as_ref()
                .map(|it| AssigneeId::of_kind(it.r#type, &it.id));
            id.transpose()
        };
        let message_id = self.message_id.ok_or_else(|| required("message_id"));
        Ok(match &*self.r#type {
            "conversation.created" => EventKind::ConversationCreated {
                status: match self.status {
                    Some(EventStatus::Conversation(status)) => status,
                    _ => return Err(required("status")),
                },
                assigned_to: id(&self.assigned_to)?,
            },
            "conversation.assigned" => EventKind::ConversationAssigned {
                assigned_to: id(&self.assigned_to)?.ok_or_else(|| required("assigned_to"))?,
                previously_assigned_to: id(&self.previously_assigned_to)?,
            },
            "conversation.unassigned" => EventKind::ConversationUnassigned {
                previously_assigned_to: id(&self.previously_assigned_to)?
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
            "message.system" => EventKind::MessageSystem {
                message_id: message_id?,
            },
            "message.edited" => EventKind::MessageEdited {
                message_id: message_id?,
            },
            "message.revoked" => EventKind::MessageRevoked {
                message_id: message_id?,
            },
            "message.updated" => EventKind::MessageUpdated {
                message_id: message_id?,
            },
            "message.reacted" => EventKind::MessageReacted {
                message_id: message_id?,
            },
            "message.unreacted" => EventKind::MessageUnreacted {
                message_id: message_id?,
            },
            "message.played" => EventKind::MessagePlayed {
                message_id: message_id?,
            },
            "message.retried" => EventKind::MessageRetried {
                message_id: message_id?,
            },
            "conversation.receipts" => match (self.status, &self.until) {
                (Some(EventStatus::Delivery(status)), Some(Time(until))) => {
                    EventKind::ConversationReceipts {
                        status,
                        until: *until,
                    }
                }
                _ => return Err(required("until")),
            },
            "conversation.snoozed" => EventKind::ConversationSnoozed {
                until: match &self.until {
                    Some(Time(until)) => *until,
                    None => return Err(required("until")),
                },
            },
            "conversation.unsnoozed" => EventKind::ConversationUnsnoozed {
                reason: self.reason.ok_or_else(|| required("reason"))?,
            },
            "conversation.read" => EventKind::ConversationRead,
            "conversation.unread" => EventKind::ConversationUnread,
            "conversation.updated" => EventKind::ConversationUpdated {
                changed: self.changed.clone().ok_or_else(|| required("changed"))?,
            },
            "conversation.imported" => EventKind::ConversationImported {
                messages: self.messages.ok_or_else(|| required("messages"))?,
            },
            "contact.created" => EventKind::ContactCreated,
            "contact.updated" => EventKind::ContactUpdated,
            "contact.identified" => EventKind::ContactIdentified,
            "contact.merged" => EventKind::ContactMerged {
                into: ContactId::new(self.into.as_deref().ok_or_else(|| required("into"))?)?,
            },
            "contact.conflict" => EventKind::ContactConflict {
                with: self.with.clone().ok_or_else(|| required("with"))?,
            },
            "contact.erased" => EventKind::ContactErased,
            "conversation.merged" => EventKind::ConversationMerged {
                into: ConversationId::new(self.into.as_deref().ok_or_else(|| required("into"))?)?,
            },
            "note.added" => EventKind::NoteAdded {
                note_id: self.note_id.ok_or_else(|| required("note_id"))?,
            },
            _ => return Err(InvalidInput::new("type", "is no type of event")),
        })
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = EventDocument::deserialize(Object(deserializer))?;
        let kind = document.kind().map_err(de::Error::custom)?;
        let subject = document.subject(&kind).map_err(de::Error::custom)?;
        Ok(Self {
            seq: document.sequence,
            at: document.created_at.get(),
            subject,
            actor: document.actor,
            effective_at: document.effective_at.map(Time::get),
            kind,
        })
    }
}
