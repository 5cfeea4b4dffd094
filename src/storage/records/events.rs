//! Events, and the consumers of them.

use chrono::{DateTime, Utc};
use convodb_core::records::EventKindV1;
use convodb_core::{
    Actor, AssigneeId, ConversationId, Event, EventKind, MessageId, NoteId, Result, Status,
};
use serde::{Deserialize, Serialize};

use super::{nonsense, time_of};
use crate::kv::Table;
use crate::storage::codec::{Described, Record};
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

fn assignee(text: &str) -> Result<AssigneeId> {
    AssigneeId::new(text).map_err(|_| nonsense("assignee"))
}

fn kind_of(kind: EventKindV1<'_>) -> Result<EventKind> {
    let message_id = MessageId::from_raw;
    Ok(match kind {
        EventKindV1::ConversationCreated(status, to) => EventKind::ConversationCreated {
            status: Status::of_code(status).ok_or_else(|| nonsense("status"))?,
            assigned_to: to.map(assignee).transpose()?,
        },
        EventKindV1::ConversationAssigned(to, before) => EventKind::ConversationAssigned {
            assigned_to: assignee(to)?,
            previously_assigned_to: before.map(assignee).transpose()?,
        },
        EventKindV1::ConversationUnassigned(before) => EventKind::ConversationUnassigned {
            previously_assigned_to: assignee(before)?,
        },
        EventKindV1::ConversationResolved => EventKind::ConversationResolved,
        EventKindV1::ConversationReopened => EventKind::ConversationReopened,
        EventKindV1::ConversationDeleted => EventKind::ConversationDeleted,
        EventKindV1::MessageReceived(id) => EventKind::MessageReceived {
            message_id: message_id(id),
        },
        EventKindV1::MessageSent(id) => EventKind::MessageSent {
            message_id: message_id(id),
        },
        EventKindV1::MessageDelivered(id) => EventKind::MessageDelivered {
            message_id: message_id(id),
        },
        EventKindV1::MessageRead(id) => EventKind::MessageRead {
            message_id: message_id(id),
        },
        EventKindV1::MessageFailed(id) => EventKind::MessageFailed {
            message_id: message_id(id),
        },
        EventKindV1::NoteAdded(id) => EventKind::NoteAdded {
            note_id: NoteId::from_raw(id),
        },
        EventKindV1::ConversationTakenOver(to, before, _) => EventKind::ConversationAssigned {
            assigned_to: assignee(to)?,
            previously_assigned_to: Some(assignee(before)?),
        },
        EventKindV1::ConversationLeft(before, _) => EventKind::ConversationUnassigned {
            previously_assigned_to: assignee(before)?,
        },
    })
}

/// When a takeover began to show.
fn effective_at(kind: &EventKindV1<'_>) -> Result<Option<DateTime<Utc>>> {
    match kind {
        EventKindV1::ConversationTakenOver(.., since_us)
        | EventKindV1::ConversationLeft(_, since_us) => time_of(*since_us).map(Some),
        _ => Ok(None),
    }
}

impl EventV1<'_> {
    pub(in crate::storage) fn into_event(self, sequence: u64) -> Result<Event> {
        let conversation = ConversationId::from_raw(self.conversation);
        let effective_at = effective_at(&self.kind)?;
        let kind = kind_of(self.kind)?;
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
