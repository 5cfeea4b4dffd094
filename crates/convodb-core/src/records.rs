//! What rows and changes store: one definition each.
//!
//! A record has no field that its key has. Ids, times and texts are checked when a record is decoded.
//! A layout that was released is never edited: a changed one is another version.

mod conversation;
pub(crate) mod embedded;
pub mod message;
mod note;
pub mod packed;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::codec::Derived;
use crate::{
    Actor, AssigneeId, ConversationId, EventSeq, IdempotencyRecord, NewEvent, ProviderIdState, time,
};

pub use conversation::ConversationRecord;
pub use message::MessageRecord;
pub use note::NoteRecord;

// These are their own records: their keys have nothing of them.
impl Derived for IdempotencyRecord {}
impl Derived for NewEvent {}
impl Derived for ProviderIdState {}

/// A user or team, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssigneeRecord {
    /// Its number, by which conversations are stored.
    pub owner: u32,
    pub name: String,
}

impl Derived for AssigneeRecord {}

/// A removed user or team, by its number: where the conversations belong that are still stored under
/// that number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectRecord {
    pub removed: AssigneeId,
    /// How the conversations were reassigned since, in order. The last step leads to a user or team
    /// that is present, or to none.
    pub steps: Vec<RedirectStep>,
}

impl Derived for RedirectRecord {}

/// A removal on the way of a redirect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectStep {
    pub successor: Option<AssigneeId>,
    /// The number of the successor, or that of no assignee.
    pub owner: u32,
    /// When its predecessor was removed.
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    /// The actor of the command that removed it.
    pub actor: Option<Actor>,
}

/// The conversation of a contact in an inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadRecord {
    pub conversation: ConversationId,
}

impl Derived for ThreadRecord {}

/// The time of a message whose id has another millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageTimeRecord {
    #[serde(with = "time")]
    pub created_at: DateTime<Utc>,
}

impl Derived for MessageTimeRecord {}

/// The position of a consumer, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerRecord {
    pub position: EventSeq,
}

impl Derived for ConsumerRecord {}
