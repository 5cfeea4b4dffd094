//! Events: what changed, for other systems to learn of.
//!
//! Invariant: an event is a projection of one change and the state that it met, so a no-op has
//! none. It names what it is about by the store's own ids and the team's, and holds no content and
//! no contact: what is erased leaves nothing behind in it.

use chrono::{DateTime, Utc};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::{
    Actor, AssigneeId, AssigneeKind, ConversationId, ConversationState, DeliveryStatus, Direction,
    Fact, Message, MessageId, NoteId, Status, time,
};

/// A change of the store, as other systems learn of it.
///
/// Serialises as a flat object: `sequence`, `type`, `created_at` and `conversation_id`, then what
/// belongs to the type, and `effective_at` and `actor` where it has them.
///
/// ```
/// # use convodb::{Channel, ContactId, Inbound, Store};
/// # let store = Store::in_memory()?;
/// let contact = ContactId::new("con_01HXYZ")?;
/// let hello = store.receive(Inbound::text(&contact, Channel::Whatsapp, "Hello"))?.value;
///
/// let events = store.events(0, 100)?;
/// let types: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
/// assert_eq!(types, ["conversation.created", "message.received"]);
/// let json = serde_json::to_value(&events[1])?;
/// assert_eq!(json["message_id"], hello.id.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Its place among all events of the store: from 1, without gaps.
    pub sequence: u64,
    /// When the store made the change; it never runs back from one event to the next.
    pub at: DateTime<Utc>,
    /// The conversation that it is about.
    pub conversation_id: ConversationId,
    /// Who gave the command, where its [`Context`](crate::Context) told.
    pub actor: Option<Actor>,
    /// Of a takeover, when who had the conversation was removed: it has shown so since then.
    pub effective_at: Option<DateTime<Utc>>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened to a conversation, a message or a note.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The first message made the conversation, or an import brought it with its history.
    ConversationCreated {
        /// Open, but where an import says otherwise.
        status: Status,
        /// Who an imported conversation is assigned to.
        assigned_to: Option<AssigneeId>,
    },
    /// Another has the conversation than before.
    ConversationAssigned {
        /// Who has it now.
        assigned_to: AssigneeId,
        /// Who had it, if anybody.
        previously_assigned_to: Option<AssigneeId>,
    },
    /// Nobody has the conversation any longer.
    ConversationUnassigned {
        /// Who had it.
        previously_assigned_to: AssigneeId,
    },
    /// An open conversation was resolved.
    ConversationResolved,
    /// A message or an assignment reopened a resolved conversation.
    ConversationReopened,
    /// The conversation is gone, with all that belonged to it.
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
    /// A receipt told for the first time that the message is on the contact's device.
    MessageDelivered {
        /// The message.
        message_id: MessageId,
    },
    /// A receipt told for the first time that the contact has seen the message.
    MessageRead {
        /// The message.
        message_id: MessageId,
    },
    /// A receipt told for the first time that the message failed.
    MessageFailed {
        /// The message.
        message_id: MessageId,
    },
    /// The team has another note.
    NoteAdded {
        /// The note.
        note_id: NoteId,
    },
}

impl EventKind {
    /// The type, as the JSON has it.
    #[must_use]
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
        }
    }

    /// Whether a conversation's own history keeps it: who has it, and whether it is open.
    #[doc(hidden)]
    pub const fn is_history(&self) -> bool {
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
    /// An event that nobody is named for.
    #[must_use]
    pub const fn new(
        sequence: u64,
        at: DateTime<Utc>,
        conversation_id: ConversationId,
        kind: EventKind,
    ) -> Self {
        Self {
            sequence,
            at,
            conversation_id,
            actor: None,
            effective_at: None,
            kind,
        }
    }
}

/// A user or team without a name: that is the directory's, and changes.
#[derive(Serialize)]
struct Party<'a> {
    r#type: AssigneeKind,
    id: &'a str,
}

fn party(id: &AssigneeId) -> Party<'_> {
    Party {
        r#type: id.kind(),
        id: id.as_str(),
    }
}

#[derive(Serialize)]
struct Printed(#[serde(serialize_with = "time::serialize")] DateTime<Utc>);

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sequence", &self.sequence)?;
        map.serialize_entry("type", self.kind.as_str())?;
        map.serialize_entry("created_at", &Printed(self.at))?;
        map.serialize_entry("conversation_id", &self.conversation_id)?;
        let mut moved = |from: Status, to: Status| {
            map.serialize_entry("status", &to)?;
            map.serialize_entry("previous_status", &from)
        };
        match &self.kind {
            EventKind::ConversationResolved => moved(Status::Open, Status::Resolved)?,
            EventKind::ConversationReopened => moved(Status::Resolved, Status::Open)?,
            EventKind::ConversationCreated {
                status,
                assigned_to,
            } => {
                map.serialize_entry("status", status)?;
                map.serialize_entry("assigned_to", &assigned_to.as_ref().map(party))?;
            }
            EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to: before,
            } => {
                map.serialize_entry("assigned_to", &party(assigned_to))?;
                map.serialize_entry("previously_assigned_to", &before.as_ref().map(party))?;
            }
            EventKind::ConversationUnassigned {
                previously_assigned_to: before,
            } => {
                map.serialize_entry("assigned_to", &None::<Party<'_>>)?;
                map.serialize_entry("previously_assigned_to", &party(before))?;
            }
            EventKind::ConversationDeleted => {}
            EventKind::MessageReceived { message_id }
            | EventKind::MessageSent { message_id }
            | EventKind::MessageDelivered { message_id }
            | EventKind::MessageRead { message_id }
            | EventKind::MessageFailed { message_id } => {
                map.serialize_entry("message_id", message_id)?;
            }
            EventKind::NoteAdded { note_id } => map.serialize_entry("note_id", note_id)?,
        }
        if let Some(effective_at) = self.effective_at {
            map.serialize_entry("effective_at", &Printed(effective_at))?;
        }
        if let Some(actor) = &self.actor {
            map.serialize_entry("actor", actor)?;
        }
        map.end()
    }
}

/// What a fact tells of the conversation that it met, and, where it is a receipt's, of the message.
pub fn told_by(
    fact: &Fact,
    conversation: Option<&ConversationState>,
    message: Option<&Message>,
) -> Option<EventKind> {
    let before = || conversation.and_then(|state| state.assignee.clone());
    Some(match fact {
        Fact::ConversationCreated { .. } => EventKind::ConversationCreated {
            status: Status::Open,
            assigned_to: None,
        },
        // Its messages came and its assignee was chosen elsewhere and long ago: whoever answers
        // `message.received` would answer each once more.
        Fact::ConversationImported { conversation, .. } => EventKind::ConversationCreated {
            status: conversation.status,
            assigned_to: conversation.assignee.clone(),
        },
        Fact::ConversationDeleted { .. } => EventKind::ConversationDeleted,
        Fact::Assigned { assignee, .. }
        | Fact::TakenOver {
            assignee: Some(assignee),
            ..
        } => EventKind::ConversationAssigned {
            assigned_to: assignee.clone(),
            previously_assigned_to: before(),
        },
        Fact::Unassigned { .. } | Fact::TakenOver { assignee: None, .. } => {
            EventKind::ConversationUnassigned {
                previously_assigned_to: before()?,
            }
        }
        Fact::Resolved { .. } => EventKind::ConversationResolved,
        Fact::Reopened { .. } => EventKind::ConversationReopened,
        Fact::MessageAppended { message } => match message.direction {
            Direction::Inbound => EventKind::MessageReceived {
                message_id: message.id,
            },
            Direction::Outbound => EventKind::MessageSent {
                message_id: message.id,
            },
        },
        Fact::DeliveryRecorded { status, .. } => return first_told(message?, *status),
        Fact::NoteAdded { note } => EventKind::NoteAdded { note_id: note.id },
        Fact::ProviderIdSet { .. }
        | Fact::ReceiptParked { .. }
        | Fact::ParkedPurged { .. }
        | Fact::CommandDone { .. }
        | Fact::KeysPurged { .. }
        | Fact::MarkedRead { .. }
        | Fact::AssigneePut { .. }
        | Fact::AssigneeRemoved { .. }
        | Fact::ConsumerMoved { .. }
        | Fact::ConsumerRemoved { .. }
        | Fact::EventsPurged { .. } => return None,
    })
}

/// R9: each status once, when a receipt first tells of it, so that the same receipts in any order
/// tell the same events. An earlier time of a status that is known is none.
fn first_told(message: &Message, status: DeliveryStatus) -> Option<EventKind> {
    let message_id = message.id;
    let (known, kind) = match status {
        // It was told of when the message was stored.
        DeliveryStatus::Sent => return None,
        DeliveryStatus::Failed => (
            message.deliveries.failed_at,
            EventKind::MessageFailed { message_id },
        ),
        DeliveryStatus::Delivered => (
            message.deliveries.delivered_at,
            EventKind::MessageDelivered { message_id },
        ),
        DeliveryStatus::Read => (
            message.deliveries.read_at,
            EventKind::MessageRead { message_id },
        ),
    };
    (known.is_none() && message.status != status).then_some(kind)
}
