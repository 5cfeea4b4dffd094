//! A conversation: what is shown of it, and the state that decisions rest on.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};

use crate::{Assignee, AssigneeId, ContactId, ConversationId, InvalidInput, Message, time};

/// The channel that a conversation runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// WhatsApp.
    Whatsapp,
    /// Instagram.
    Instagram,
    /// Messenger.
    Messenger,
    /// A chat on a web page.
    Webchat,
}

impl Channel {
    /// Every channel, in the specification's order.
    pub const ALL: [Self; 4] = [
        Self::Whatsapp,
        Self::Instagram,
        Self::Messenger,
        Self::Webchat,
    ];

    /// The specification's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Instagram => "instagram",
            Self::Messenger => "messenger",
            Self::Webchat => "webchat",
        }
    }

    /// The byte that stands for it in keys and records.
    #[doc(hidden)]
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Whatsapp => 0,
            Self::Instagram => 1,
            Self::Messenger => 2,
            Self::Webchat => 3,
        }
    }

    /// The channel that a byte stands for.
    #[doc(hidden)]
    #[must_use]
    pub const fn of_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Whatsapp),
            1 => Some(Self::Instagram),
            2 => Some(Self::Messenger),
            3 => Some(Self::Webchat),
            _ => None,
        }
    }
}

/// Whether a conversation is worked on or done with (R2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In the default inbox view. Every new conversation is open.
    Open,
    /// Out of it, until a message or an assignment reopens it.
    Resolved,
}

impl Status {
    /// Both, open first.
    pub const ALL: [Self; 2] = [Self::Open, Self::Resolved];

    /// The specification's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
        }
    }

    /// The byte that stands for it in keys and records.
    #[doc(hidden)]
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Resolved => 1,
        }
    }

    /// The status that a byte stands for.
    #[doc(hidden)]
    #[must_use]
    pub const fn of_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Open),
            1 => Some(Self::Resolved),
            _ => None,
        }
    }
}

macro_rules! words {
    ($name:ident, $field:literal, $reason:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidInput;

            fn from_str(text: &str) -> Result<Self, InvalidInput> {
                Self::ALL
                    .into_iter()
                    .find(|value| value.as_str() == text)
                    .ok_or_else(|| InvalidInput::new($field, $reason))
            }
        }
    };
}

words!(
    Channel,
    "channel",
    "must be `whatsapp`, `instagram`, `messenger` or `webchat`"
);
words!(Status, "status", "must be `open` or `resolved`");

/// A conversation as lists and commands show it: without its messages.
///
/// Serialises as the specification's *Conversation object* with `"messages": []`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Conversation {
    /// The id.
    pub id: ConversationId,
    /// The contact that it is with.
    pub contact_id: ContactId,
    /// The channel that it runs on.
    pub channel: Channel,
    /// Open or resolved.
    pub status: Status,
    /// The user or team it is assigned to, with its present name.
    pub assigned_to: Option<Assignee>,
    /// The time of the oldest message.
    pub created_at: DateTime<Utc>,
    /// The time of the latest activity (R8).
    pub updated_at: DateTime<Utc>,
    /// How often the status or the assignee changed, from 0; messages, notes, receipts and reading
    /// leave it. For `resolve_if` and `reply_if`. In the JSON of an [`Import`](crate::Import) alone.
    pub revision: u64,
    /// How many messages the contact has sent. For `mark_read`. Not in the JSON; an import
    /// counts its messages.
    pub inbound_count: u64,
    /// How many of those came since the conversation was last marked as read, in the order in which
    /// they arrived. In the JSON where there are any.
    pub unread_count: u64,
}

impl Conversation {
    /// An open, unassigned conversation without a message, as the start of an
    /// [`Import`](crate::Import).
    #[must_use]
    pub fn new(
        id: ConversationId,
        contact_id: ContactId,
        channel: Channel,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            contact_id,
            channel,
            status: Status::Open,
            assigned_to: None,
            created_at,
            updated_at: created_at,
            revision: 0,
            inbound_count: 0,
            unread_count: 0,
        }
    }

    pub(super) fn document<'a>(&'a self, messages: &'a [Message]) -> ConversationDocument<'a> {
        ConversationDocument {
            id: self.id,
            contact_id: &self.contact_id,
            channel: self.channel,
            status: self.status,
            assigned_to: self.assigned_to.as_ref(),
            messages,
            created_at: self.created_at,
            updated_at: self.updated_at,
            unread_count: self.unread_count,
        }
    }
}

/// The specification's fields, in its order, and what has a value beside them.
#[derive(Serialize)]
pub(super) struct ConversationDocument<'a> {
    id: ConversationId,
    contact_id: &'a ContactId,
    channel: Channel,
    status: Status,
    assigned_to: Option<&'a Assignee>,
    messages: &'a [Message],
    #[serde(serialize_with = "time::serialize")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "time::serialize")]
    updated_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "is_zero")]
    unread_count: u64,
}

pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Serialize for Conversation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.document(&[]).serialize(serializer)
    }
}

/// A conversation with its whole history, oldest message first.
///
/// Serialises as the answer of the specification's *Get a conversation*.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Thread {
    /// The conversation.
    pub conversation: Conversation,
    /// Its messages, by `(created_at, id)` (R7).
    pub messages: Vec<Message>,
}

impl Thread {
    #[doc(hidden)]
    pub fn new(conversation: Conversation, messages: Vec<Message>) -> Self {
        Self {
            conversation,
            messages,
        }
    }
}

impl Serialize for Thread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.conversation
            .document(&self.messages)
            .serialize(serializer)
    }
}

/// What is known of a conversation when a command is decided: all of it but its messages and
/// notes. Names are not in it: they are the directory's (R11).
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct ConversationState {
    pub id: ConversationId,
    pub contact_id: ContactId,
    pub channel: Channel,
    pub status: Status,
    pub assignee: Option<AssigneeId>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// One more with every change of the status or the assignee, and with nothing else: who acts on
    /// what they saw of these two is not refused because of a message or a receipt.
    pub revision: u64,
    /// The messages from the contact.
    pub inbound: u64,
    /// So many of them, by arrival, are marked as read: never more than there are.
    pub seen: u64,
}

impl ConversationState {
    /// The messages from the contact that came since the conversation was marked as read.
    pub fn unread(&self) -> u64 {
        self.inbound.saturating_sub(self.seen)
    }
    /// As it is shown, with the present name of its assignee.
    #[must_use]
    pub fn shown(self, assigned_to: Option<Assignee>) -> Conversation {
        let unread_count = self.unread();
        Conversation {
            id: self.id,
            contact_id: self.contact_id,
            channel: self.channel,
            status: self.status,
            assigned_to,
            created_at: self.created_at,
            updated_at: self.updated_at,
            revision: self.revision,
            inbound_count: self.inbound,
            unread_count,
        }
    }
}
