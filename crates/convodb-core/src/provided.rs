//! What a provider's own id of a message stands for (R10).

use chrono::{DateTime, Utc};

use crate::{ConversationId, Deliveries, MessageId};

/// What the store knows of a provider's id on a channel (R10).
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Provided {
    /// Nothing but receipts that came before their message, if any did.
    Awaited(Option<Parked>),
    /// It is this message's.
    Stored(StoredAt),
    /// Its message was deleted, and is not stored again.
    Erased,
}

/// Where a message is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct StoredAt {
    pub conversation: ConversationId,
    pub message: MessageId,
}

/// Receipts that wait for their message, merged (R10).
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct Parked {
    /// When the first of them came.
    pub since: DateTime<Utc>,
    pub deliveries: Deliveries,
}
