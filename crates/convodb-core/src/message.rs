//! Messages: what they carry, and what becomes of them on their way.

mod content;
mod delivery;
mod document;
mod draft;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Channel, ConversationId, InvalidInput, MessageField, MessageId, ProviderId, time};

pub use content::{Content, MessageType};
pub use delivery::{
    Deliveries, Delivery, DeliveryStatus, Failure, ProviderIdState, Receipt, UnmatchedReceipts,
};
pub(crate) use draft::Address;
pub use draft::{Draft, Inbound, Outbound, Reply};

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the contact.
    Inbound,
    /// From the team or the API.
    Outbound,
}

impl Direction {
    pub(crate) const ALL: [Self; 2] = [Self::Inbound, Self::Outbound];

    /// The status that a message of this direction starts with.
    pub(crate) const fn first_status(self) -> DeliveryStatus {
        match self {
            Self::Inbound => DeliveryStatus::Delivered,
            Self::Outbound => DeliveryStatus::Sent,
        }
    }
}

/// A message of a conversation.
///
/// Its JSON has `id`, `conversation_id`, `direction`, `type`, `content` (the text, or the rendered
/// text of a template), `status` and `created_at`; after them, each where it has a value,
/// `template_name`, `template_params`, `media_url`, `caption`, `provider_id`, the times `sent_at`,
/// `delivered_at`, `read_at` and `failed_at` of its receipts, and `error`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Message {
    /// The id.
    pub id: MessageId,
    /// The conversation that it belongs to.
    pub conversation_id: ConversationId,
    /// Which way it went.
    pub direction: Direction,
    /// What it says or shows.
    pub content: Content,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// The provider's time where it was given, else the store's.
    pub created_at: DateTime<Utc>,
    /// The provider's id, where the store has it.
    pub provider_id: Option<ProviderId>,
    /// The times and the failure of its receipts.
    pub deliveries: Deliveries,
}

impl Message {
    /// A message with the first status of its direction, for an [`Import`](crate::Import).
    pub const fn new(
        id: MessageId,
        conversation_id: ConversationId,
        direction: Direction,
        content: Content,
        created_at: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            conversation_id,
            direction,
            content,
            status: direction.first_status(),
            created_at,
            provider_id: None,
            deliveries: Deliveries::NONE,
        }
    }

    /// What orders messages, oldest first.
    #[doc(hidden)]
    pub const fn position(&self) -> (DateTime<Utc>, MessageId) {
        (self.created_at, self.id)
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        self.content.validate()?;
        self.deliveries.validate()?;
        time::checked("created_at", self.created_at).map(drop)
    }

    /// Whether a receipt brings something new.
    pub(crate) fn would_change(&self, receipt: &Delivery) -> bool {
        receipt.status > self.status || self.deliveries.would_change(receipt)
    }

    /// Merges a receipt.
    pub(crate) fn record(&mut self, receipt: &Delivery) {
        self.status = self.status.max(receipt.status);
        self.deliveries.merge(receipt);
    }

    /// Sets an attribute, with what follows from it.
    pub(crate) fn set(&mut self, field: MessageField) {
        match field {
            MessageField::Delivery(receipt) => self.record(&receipt),
            MessageField::ProviderId(provider_id) => self.provider_id = Some(provider_id),
        }
    }
}

/// Which message a receipt or a provider's id is about.
///
/// ```
/// # use convodb::{ConversationId, MessageId, MessageRef};
/// let conversation = ConversationId::from_parts(1, 1);
/// let message = MessageId::from_parts(2, 2);
/// assert_eq!(
///     MessageRef::from((conversation, message)),
///     MessageRef::Id { conversation, message },
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum MessageRef {
    /// By the store's ids.
    Id {
        /// The conversation that holds it.
        #[serde(rename = "conversation_id")]
        conversation: ConversationId,
        /// The message.
        #[serde(rename = "message_id")]
        message: MessageId,
    },
    /// By the provider's id, which is unique on its channel for ever.
    ProviderId {
        /// The channel.
        channel: Channel,
        /// The provider's id.
        provider_id: ProviderId,
    },
}

impl From<(Channel, ProviderId)> for MessageRef {
    fn from((channel, provider_id): (Channel, ProviderId)) -> Self {
        Self::ProviderId {
            channel,
            provider_id,
        }
    }
}

impl From<(Channel, &ProviderId)> for MessageRef {
    fn from((channel, provider_id): (Channel, &ProviderId)) -> Self {
        Self::from((channel, provider_id.clone()))
    }
}

impl From<(ConversationId, MessageId)> for MessageRef {
    fn from((conversation, message): (ConversationId, MessageId)) -> Self {
        Self::Id {
            conversation,
            message,
        }
    }
}

impl From<&Message> for MessageRef {
    fn from(message: &Message) -> Self {
        Self::from((message.conversation_id, message.id))
    }
}
