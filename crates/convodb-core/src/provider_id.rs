//! What the store has under a provider's id.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{ConversationId, Deliveries, MessageId, time};

/// What the store has under a provider's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderIdState {
    Message(ConversationId, MessageId),
    Unmatched(UnmatchedReceipts),
    /// Its message was deleted, and is not stored again.
    Tombstone,
}

/// Receipts that came before their message, merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmatchedReceipts {
    /// When the first of them came.
    #[serde(with = "time")]
    pub since: DateTime<Utc>,
    pub deliveries: Deliveries,
}

impl UnmatchedReceipts {
    pub const fn new(since: DateTime<Utc>) -> Self {
        Self {
            since,
            deliveries: Deliveries::NONE,
        }
    }
}
