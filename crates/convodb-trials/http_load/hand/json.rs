//! The API's documents, field for field in its order.

use std::fmt::{self, Display};

use chrono::{DateTime, Datelike, Timelike, Utc};
use compare::data::{self, Assignee, parts};
use compare::engine::Row;
use convodb::{
    AssigneeKind, Channel, ConversationId, DeliveryStatus, Direction, MessageId, MessageType,
    Status,
};
use serde::{Serialize, Serializer};

/// Whole seconds without a fraction, all else with six digits.
#[derive(Clone, Copy)]
struct Time(DateTime<Utc>);

impl Time {
    fn new(micros: i64) -> Self {
        Self(DateTime::from_timestamp_micros(micros).unwrap_or_default())
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = self;
        let (year, month, day) = (time.year(), time.month(), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        match time.timestamp_subsec_micros() {
            0 => f.write_str("Z"),
            micros => write!(f, ".{micros:06}Z"),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn conversation_id(id: u128) -> ConversationId {
    let (millis, random) = parts(id);
    ConversationId::from_parts(millis, random)
}

#[derive(Serialize)]
struct AssigneeDocument<'a> {
    r#type: AssigneeKind,
    id: &'a str,
    name: &'a str,
}

impl<'a> AssigneeDocument<'a> {
    fn new(assignee: &'a Assignee) -> Self {
        Self {
            r#type: assignee.kind,
            id: &assignee.id,
            name: &assignee.name,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ConversationDocument<'a> {
    id: ConversationId,
    contact_id: &'a str,
    channel: Channel,
    status: Status,
    assigned_to: Option<AssigneeDocument<'a>>,
    messages: Vec<MessageDocument<'a>>,
    created_at: Time,
    updated_at: Time,
    #[serde(skip_serializing_if = "is_zero")]
    unread_count: i64,
    #[serde(skip_serializing_if = "is_zero")]
    inbound_count: i64,
    #[serde(skip_serializing_if = "is_zero")]
    revision: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_inbound_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_message_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_since: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<Time>,
}

/// What follows the specified fields of a conversation.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) unread: i64,
    pub(crate) inbound: i64,
    pub(crate) revision: i64,
    pub(crate) waiting_since: Option<i64>,
}

/// The times of a conversation that its messages give it, in microseconds.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) last_inbound_at: Option<i64>,
    pub(crate) last_message_at: Option<i64>,
    pub(crate) opened_at: Option<i64>,
}

fn is_zero(count: &i64) -> bool {
    *count == 0
}

impl<'a> ConversationDocument<'a> {
    pub(super) fn new(row: &'a Row, counts: Counts, messages: &'a [data::Message]) -> Self {
        let id = conversation_id(row.id);
        let messages = messages.iter();
        Self {
            id,
            contact_id: &row.contact,
            channel: row.channel,
            status: row.status,
            assigned_to: row.assignee.as_ref().map(AssigneeDocument::new),
            messages: messages
                .map(|message| MessageDocument::new(id, message))
                .collect(),
            created_at: Time::new(row.created_us),
            updated_at: Time::new(row.updated_us),
            unread_count: counts.unread,
            inbound_count: counts.inbound,
            revision: counts.revision,
            last_inbound_at: None,
            last_message_at: None,
            waiting_since: counts.waiting_since.map(Time::new),
            opened_at: None,
        }
    }

    /// With what lists do not show.
    pub(super) fn with_times(self, times: Times) -> Self {
        Self {
            last_inbound_at: times.last_inbound_at.map(Time::new),
            last_message_at: times.last_message_at.map(Time::new),
            opened_at: times.opened_at.map(Time::new),
            ..self
        }
    }
}

#[derive(Serialize)]
pub(crate) struct MessageDocument<'a> {
    id: MessageId,
    conversation_id: ConversationId,
    direction: Direction,
    r#type: MessageType,
    content: &'a str,
    status: DeliveryStatus,
    created_at: Time,
}

impl<'a> MessageDocument<'a> {
    fn new(conversation_id: ConversationId, message: &'a data::Message) -> Self {
        let (millis, random) = parts(message.id);
        Self {
            id: MessageId::from_parts(millis, random),
            conversation_id,
            direction: message.direction,
            r#type: MessageType::Text,
            content: &message.content,
            status: message.status,
            created_at: Time::new(message.created_us),
        }
    }

    pub(crate) fn of(conversation: u128, message: &'a data::Message) -> Self {
        Self::new(conversation_id(conversation), message)
    }
}

#[derive(Serialize)]
pub(super) struct PageDocument<'a> {
    pub(super) data: Vec<ConversationDocument<'a>>,
    pub(super) total: u64,
    pub(super) page: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// The position after a row.
pub(super) fn cursor(row: &Row) -> String {
    format!("{}.{}", row.updated_us, conversation_id(row.id))
}
