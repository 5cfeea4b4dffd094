//! Messages, what they carry, and what becomes of them on their way.

mod content;
mod delivery;
mod document;
mod draft;
mod request;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Channel, ConversationId, InvalidInput, MessageId, ProviderId, StoredAt, time};

pub use content::{Content, MessageType};
pub use delivery::{Deliveries, DeliveryStatus, Failure, Receipt};
pub(crate) use draft::Draft;
pub use draft::{Inbound, Outbound, Reply};
pub use request::ReceiptRequest;

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
    /// R9: the status that a message of this direction starts with.
    pub(crate) const fn first_status(self) -> DeliveryStatus {
        match self {
            Self::Inbound => DeliveryStatus::Delivered,
            Self::Outbound => DeliveryStatus::Sent,
        }
    }
}

/// A message of a conversation.
///
/// Serialises as the specification's Message: `id`, `conversation_id`, `direction`, `type`,
/// `content` (text, and a template's rendered text), `status`, `created_at`; after them, only where
/// they have a value, `template_name`, `template_params`, `media_url`, `caption`, `provider_id`,
/// the times `sent_at`, `delivered_at`, `read_at`, `failed_at` of its receipts, and `error`.
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
    /// How far it has come (R9).
    pub status: DeliveryStatus,
    /// The provider's time where it was given, else the store's (R7).
    pub created_at: DateTime<Utc>,
    /// The provider's own id, where it is known.
    pub provider_id: Option<ProviderId>,
    /// What receipts told, and when.
    pub deliveries: Deliveries,
}

impl Message {
    /// A message with the first status of its direction, for an [`Import`](crate::Import).
    #[must_use]
    pub fn new(
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
            deliveries: Deliveries::default(),
        }
    }

    /// R7: what orders messages, oldest first.
    #[doc(hidden)]
    pub fn position(&self) -> (DateTime<Utc>, MessageId) {
        (self.created_at, self.id)
    }

    pub(super) fn validate(&self) -> Result<(), InvalidInput> {
        self.content.validate()?;
        self.deliveries.validate()?;
        time::checked("created_at", self.created_at).map(drop)
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageRef {
    /// By the store's ids.
    Id {
        /// The conversation that holds it.
        conversation: ConversationId,
        /// The message.
        message: MessageId,
    },
    /// By the provider's own id, which is unique on its channel for ever (R10).
    ProviderId {
        /// The channel.
        channel: Channel,
        /// The provider's own id.
        provider_id: ProviderId,
    },
}

impl MessageRef {
    /// The place that it names, or whose id the provider's is.
    #[doc(hidden)]
    pub fn place(self) -> Result<StoredAt, (Channel, ProviderId)> {
        match self {
            Self::Id {
                conversation,
                message,
            } => Ok(StoredAt {
                conversation,
                message,
            }),
            Self::ProviderId {
                channel,
                provider_id,
            } => Err((channel, provider_id)),
        }
    }
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
