//! Events, and the consumers of them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{nonsense, time_of};
use crate::domain::{Actor, AssigneeId, ConversationId, Event, EventKind, MessageId, NoteId};
use crate::error::Result;
use crate::kv::Table;
use crate::storage::codec::{Described, Record};
use crate::storage::keys::{status_code, status_of};
use crate::storage::tables;

/// An event but its number, which is the key, or the end of it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::storage) struct EventV1<'a> {
    at_us: i64,
    conversation: u128,
    actor: Option<&'a str>,
    #[serde(borrow)]
    kind: EventKindV1<'a>,
}

impl Record for EventV1<'_> {
    const FORMAT: u8 = 1;
    const TABLE: Table = tables::EVENTS;
}

impl Described for EventV1<'_> {}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum EventKindV1<'a> {
    /// The status, and who has it.
    ConversationCreated(u8, Option<&'a str>),
    /// Who has it now, and who had it.
    ConversationAssigned(&'a str, Option<&'a str>),
    /// Who had it.
    ConversationUnassigned(&'a str),
    ConversationResolved,
    ConversationReopened,
    ConversationDeleted,
    MessageReceived(u128),
    MessageSent(u128),
    MessageDelivered(u128),
    MessageRead(u128),
    MessageFailed(u128),
    NoteAdded(u128),
    /// Who has it now, who had it, and since when.
    ConversationTakenOver(&'a str, &'a str, i64),
    /// Who had it, and until when.
    ConversationLeft(&'a str, i64),
}

impl<'a> From<&'a Event> for EventV1<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            at_us: event.at.timestamp_micros(),
            conversation: event.conversation_id.raw(),
            actor: event.actor.as_ref().map(Actor::as_str),
            kind: match (EventKindV1::from(&event.kind), event.effective_at) {
                (EventKindV1::ConversationAssigned(to, Some(before)), Some(since)) => {
                    EventKindV1::ConversationTakenOver(to, before, since.timestamp_micros())
                }
                (EventKindV1::ConversationUnassigned(before), Some(since)) => {
                    EventKindV1::ConversationLeft(before, since.timestamp_micros())
                }
                (kind, _) => kind,
            },
        }
    }
}

impl<'a> From<&'a EventKind> for EventKindV1<'a> {
    fn from(kind: &'a EventKind) -> Self {
        let text = |id: &'a Option<AssigneeId>| id.as_ref().map(AssigneeId::as_str);
        match kind {
            EventKind::ConversationCreated {
                status,
                assigned_to,
            } => Self::ConversationCreated(status_code(*status), text(assigned_to)),
            EventKind::ConversationAssigned {
                assigned_to,
                previously_assigned_to: before,
            } => Self::ConversationAssigned(assigned_to.as_str(), text(before)),
            EventKind::ConversationUnassigned {
                previously_assigned_to: before,
            } => Self::ConversationUnassigned(before.as_str()),
            EventKind::ConversationResolved => Self::ConversationResolved,
            EventKind::ConversationReopened => Self::ConversationReopened,
            EventKind::ConversationDeleted => Self::ConversationDeleted,
            EventKind::MessageReceived { message_id } => Self::MessageReceived(message_id.raw()),
            EventKind::MessageSent { message_id } => Self::MessageSent(message_id.raw()),
            EventKind::MessageDelivered { message_id } => Self::MessageDelivered(message_id.raw()),
            EventKind::MessageRead { message_id } => Self::MessageRead(message_id.raw()),
            EventKind::MessageFailed { message_id } => Self::MessageFailed(message_id.raw()),
            EventKind::NoteAdded { note_id } => Self::NoteAdded(note_id.raw()),
        }
    }
}

fn assignee(text: &str) -> Result<AssigneeId> {
    AssigneeId::new(text).map_err(|_| nonsense("assignee"))
}

impl EventKindV1<'_> {
    fn into_kind(self) -> Result<EventKind> {
        let message_id = MessageId::from_raw;
        Ok(match self {
            Self::ConversationCreated(status, to) => EventKind::ConversationCreated {
                status: status_of(status).ok_or_else(|| nonsense("status"))?,
                assigned_to: to.map(assignee).transpose()?,
            },
            Self::ConversationAssigned(to, before) => EventKind::ConversationAssigned {
                assigned_to: assignee(to)?,
                previously_assigned_to: before.map(assignee).transpose()?,
            },
            Self::ConversationUnassigned(before) => EventKind::ConversationUnassigned {
                previously_assigned_to: assignee(before)?,
            },
            Self::ConversationResolved => EventKind::ConversationResolved,
            Self::ConversationReopened => EventKind::ConversationReopened,
            Self::ConversationDeleted => EventKind::ConversationDeleted,
            Self::MessageReceived(id) => EventKind::MessageReceived {
                message_id: message_id(id),
            },
            Self::MessageSent(id) => EventKind::MessageSent {
                message_id: message_id(id),
            },
            Self::MessageDelivered(id) => EventKind::MessageDelivered {
                message_id: message_id(id),
            },
            Self::MessageRead(id) => EventKind::MessageRead {
                message_id: message_id(id),
            },
            Self::MessageFailed(id) => EventKind::MessageFailed {
                message_id: message_id(id),
            },
            Self::NoteAdded(id) => EventKind::NoteAdded {
                note_id: NoteId::from_raw(id),
            },
            Self::ConversationTakenOver(to, before, _) => EventKind::ConversationAssigned {
                assigned_to: assignee(to)?,
                previously_assigned_to: Some(assignee(before)?),
            },
            Self::ConversationLeft(before, _) => EventKind::ConversationUnassigned {
                previously_assigned_to: assignee(before)?,
            },
        })
    }

    /// When a takeover began to show.
    fn effective_at(&self) -> Result<Option<DateTime<Utc>>> {
        match self {
            Self::ConversationTakenOver(.., since_us) | Self::ConversationLeft(_, since_us) => {
                time_of(*since_us).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl EventV1<'_> {
    pub(in crate::storage) fn into_event(self, sequence: u64) -> Result<Event> {
        let conversation = ConversationId::from_raw(self.conversation);
        let effective_at = self.kind.effective_at()?;
        let kind = self.kind.into_kind()?;
        let mut event = Event::new(sequence, time_of(self.at_us)?, conversation, kind);
        event.effective_at = effective_at;
        event.actor = self
            .actor
            .map(|actor| Actor::new(actor).map_err(|_| nonsense("actor")))
            .transpose()?;
        Ok(event)
    }
}

/// How far a consumer of events has come; its name is the key.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::storage) struct ConsumerV1 {
    pub(in crate::storage) position: u64,
}

impl Record for ConsumerV1 {
    const FORMAT: u8 = 1;
    const TABLE: Table = tables::CATALOG;
}

impl Described for ConsumerV1 {}
