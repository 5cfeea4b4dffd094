//! Messages: what they carry, and what becomes of them on their way.

mod content;
mod delivery;
mod draft;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::records::{Embedded, MessageRecord};
use crate::text::{Object, ObjectWriter};
use crate::time::Time;
use crate::validate::Origin;
use crate::{Channel, ConversationId, InvalidInput, MessageField, MessageId, ProviderId, time};
use content::ContentFields;

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
    /// The provider's time where it was given, else the store's. Messages are not sorted by it alone:
    /// keep the order in which a store lists them.
    pub created_at: DateTime<Utc>,
    /// The provider's id, where the store has it.
    pub provider_id: Option<ProviderId>,
    /// The times and the failure of its receipts.
    pub deliveries: Deliveries,
    /// The time by which it takes its place in the conversation: `created_at`, or the latest of the
    /// messages before it within the second that `created_at` names.
    #[doc(hidden)]
    pub order_time: DateTime<Utc>,
}

impl Message {
    /// A message with the first status of its direction, for an [`Import`](crate::Import).
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
            order_time: created_at,
        }
    }

    /// What orders messages, oldest first.
    #[doc(hidden)]
    pub const fn position(&self) -> (DateTime<Utc>, MessageId) {
        (self.order_time, self.id)
    }

    #[doc(hidden)]
    pub fn times(&mut self) -> impl Iterator<Item = &mut DateTime<Utc>> {
        [&mut self.created_at, &mut self.order_time]
            .into_iter()
            .chain(self.deliveries.times())
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        self.content.validate(Origin::Fact)?;
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

/// An object in JSON, a row in changes.
impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            let key = (self.conversation_id, self.id, Time(self.order_time));
            let record = MessageRecord::from(self);
            return Embedded { key, record }.serialize(serializer);
        }
        let mut object = ObjectWriter::new(serializer)?;
        object.put("id", self.id)?;
        object.put("conversation_id", self.conversation_id)?;
        object.put("direction", self.direction)?;
        object.put("type", self.content.message_type())?;
        object.put_some("content", self.content.as_text())?;
        object.put("status", self.status)?;
        object.put("created_at", Time(self.created_at))?;
        self.content.write_more(&mut object)?;
        object.put_some("provider_id", self.provider_id.as_ref())?;
        for (field, status) in Deliveries::FIELDS {
            object.put_some(field, self.deliveries.at(status).map(Time))?;
        }
        object.put_some("error", self.deliveries.failure.as_ref())?;
        object.end()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct MessageDocument {
    id: MessageId,
    conversation_id: ConversationId,
    direction: Direction,
    r#type: MessageType,
    content: Option<String>,
    status: Option<DeliveryStatus>,
    created_at: Time,
    template_name: Option<String>,
    template_params: Option<Vec<String>>,
    media_url: Option<String>,
    caption: Option<String>,
    provider_id: Option<ProviderId>,
    sent_at: Option<Time>,
    delivered_at: Option<Time>,
    read_at: Option<Time>,
    failed_at: Option<Time>,
    error: Option<Failure>,
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let row = Embedded::<_, MessageRecord<'_>>::deserialize(deserializer)?;
            let (conversation, id, Time(order_time)) = row.key;
            return Ok(row.record.into_message(conversation, order_time, id));
        }
        let document = MessageDocument::deserialize(Object(deserializer))?;
        let content = ContentFields {
            content: document.content,
            template_name: document.template_name,
            template_params: document.template_params,
            media_url: document.media_url,
            caption: document.caption,
        };
        let content = content.into_content(document.r#type);
        let created_at = document.created_at.get();
        Ok(Self {
            id: document.id,
            conversation_id: document.conversation_id,
            direction: document.direction,
            content: content.map_err(de::Error::custom)?,
            status: document.status.unwrap_or(document.direction.first_status()),
            created_at,
            provider_id: document.provider_id,
            deliveries: Deliveries {
                sent_at: document.sent_at.map(Time::get),
                delivered_at: document.delivered_at.map(Time::get),
                read_at: document.read_at.map(Time::get),
                failed_at: document.failed_at.map(Time::get),
                failure: document.error,
            },
            order_time: created_at,
        })
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
