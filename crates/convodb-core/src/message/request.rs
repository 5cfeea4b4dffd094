//! The JSON that messages and receipts come as: the bodies of the requests that feed an inbox.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de};

use super::content::ContentFields;
use super::{DeliveryStatus, Draft, Failure, Inbound, MessageRef, MessageType, Outbound, Receipt};
use crate::{
    Channel, ContactId, ConversationId, InvalidInput, MessageId, ProviderId, object, time,
};

/// A message that is yet to be stored, whichever way it goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DraftDocument {
    contact_id: ContactId,
    channel: Channel,
    r#type: MessageType,
    content: Option<String>,
    template_name: Option<String>,
    template_params: Option<Vec<String>>,
    media_url: Option<String>,
    caption: Option<String>,
    provider_id: Option<ProviderId>,
    #[serde(default, with = "time::optional")]
    sent_at: Option<DateTime<Utc>>,
    reopen: Option<bool>,
}

impl DraftDocument {
    fn into_draft(self) -> Result<Draft, InvalidInput> {
        let fields = ContentFields {
            content: self.content,
            template_name: self.template_name,
            template_params: self.template_params,
            media_url: self.media_url,
            caption: self.caption,
        };
        Ok(Draft {
            content: fields.into_content(self.r#type)?,
            provider_id: self.provider_id.map(|id| id.as_str().to_owned()),
            sent_at: self.sent_at,
        })
    }
}

/// The body of a request that brings a message from a contact: `contact_id`, `channel` and `type`;
/// as the type has it `content`, `template_name` and `template_params`, or `media_url` and `caption`;
/// and, if need be, `provider_id` and `sent_at`.
///
/// ```
/// use convodb::{Channel, ContactId, Inbound};
///
/// let body = r#"{"contact_id": "con_01HXYZ", "channel": "whatsapp", "type": "text", "content": "Hello"}"#;
/// let hello = Inbound::text(&ContactId::new("con_01HXYZ")?, Channel::Whatsapp, "Hello");
/// assert_eq!(serde_json::from_str::<Inbound>(body)?, hello);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<'de> Deserialize<'de> for Inbound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document: DraftDocument = object(deserializer)?;
        if document.reopen.is_some() {
            return Err(de::Error::custom(InvalidInput::new(
                "reopen",
                "belongs to a message to a contact alone",
            )));
        }
        Ok(Self {
            contact_id: document.contact_id.clone(),
            channel: document.channel,
            draft: document.into_draft().map_err(de::Error::custom)?,
        })
    }
}

/// The body of a request that sends a message to a contact: the fields of an [`Inbound`] and, if
/// need be, `reopen`.
///
/// ```
/// use convodb::{Channel, ContactId, Content, Outbound};
///
/// let body = r#"{
///     "contact_id": "con_01HXYZ", "channel": "whatsapp",
///     "type": "template", "template_name": "spring_sale", "template_params": ["Ada"],
///     "reopen": false
/// }"#;
/// let spring = Content::template("spring_sale", ["Ada"]);
/// let broadcast = Outbound::new(&ContactId::new("con_01HXYZ")?, Channel::Whatsapp, spring);
/// assert_eq!(serde_json::from_str::<Outbound>(body)?, broadcast.reopen(false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl<'de> Deserialize<'de> for Outbound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document: DraftDocument = object(deserializer)?;
        Ok(Self {
            contact_id: document.contact_id.clone(),
            channel: document.channel,
            reopen: document.reopen.unwrap_or(true),
            draft: document.into_draft().map_err(de::Error::custom)?,
        })
    }
}

/// The body of a request that brings a delivery receipt: of the message of a `conversation_id` and a
/// `message_id`, or of a `channel` and a `provider_id`, its `status`; and, if need be, `at` and, of
/// one that failed, its `error` with `code` and `message`.
///
/// ```
/// use convodb::{Channel, DeliveryStatus, MessageRef, ProviderId, ReceiptRequest};
///
/// let body = r#"{"channel": "whatsapp", "provider_id": "wamid.1", "status": "read"}"#;
/// let request: ReceiptRequest = serde_json::from_str(body)?;
/// let message = MessageRef::from((Channel::Whatsapp, ProviderId::new("wamid.1")?));
/// assert_eq!(request.message, message);
/// assert_eq!(request.receipt.status(), DeliveryStatus::Read);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ReceiptRequest {
    /// Which message it is about.
    pub message: MessageRef,
    /// What became of it.
    pub receipt: Receipt,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiptDocument {
    conversation_id: Option<ConversationId>,
    message_id: Option<MessageId>,
    channel: Option<Channel>,
    provider_id: Option<ProviderId>,
    status: DeliveryStatus,
    #[serde(default, with = "time::optional")]
    at: Option<DateTime<Utc>>,
    error: Option<Failure>,
}

impl ReceiptDocument {
    fn into_request(self) -> Result<ReceiptRequest, InvalidInput> {
        let required = |field, beside: &str| {
            InvalidInput::new(field, format!("must be given beside {beside}"))
        };
        let by_id = (self.conversation_id, self.message_id);
        let message = match (by_id, (self.channel, self.provider_id)) {
            ((Some(conversation), Some(message)), (None, None)) => {
                MessageRef::from((conversation, message))
            }
            ((None, None), (Some(channel), Some(id))) => MessageRef::from((channel, id)),
            ((None, None), (None, None)) => {
                return Err(InvalidInput::new(
                    "message_id",
                    "with conversation_id, or provider_id with channel, must be given",
                ));
            }
            ((None, Some(_)), (None, None)) => {
                return Err(required("conversation_id", "message_id"));
            }
            ((Some(_), None), (None, None)) => {
                return Err(required("message_id", "conversation_id"));
            }
            ((None, None), (None, Some(_))) => return Err(required("channel", "provider_id")),
            ((None, None), (Some(_), None)) => return Err(required("provider_id", "channel")),
            (_, (channel, _)) => {
                let field = channel.map_or("provider_id", |_| "channel");
                let reason = "must not be given beside conversation_id or message_id";
                return Err(InvalidInput::new(field, reason));
            }
        };
        if self.error.is_some() && self.status != DeliveryStatus::Failed {
            return Err(InvalidInput::new("error", "belongs to `failed` alone"));
        }
        let receipt = Receipt::of(self.status, self.at, self.error);
        Ok(ReceiptRequest { message, receipt })
    }
}

impl<'de> Deserialize<'de> for ReceiptRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document: ReceiptDocument = object(deserializer)?;
        document.into_request().map_err(de::Error::custom)
    }
}
