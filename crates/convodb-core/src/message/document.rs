//! The JSON of a message: the specification's fields in its order, then those of ours that have a
//! value. What is written here can be read again by an import.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::content::ContentFields;
use super::{Content, Deliveries, DeliveryStatus, Direction, Failure, Message, MessageType};
use crate::{ConversationId, MessageId, ProviderId, object, time};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageDocument<'a> {
    id: MessageId,
    conversation_id: ConversationId,
    direction: Direction,
    r#type: MessageType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Cow<'a, str>>,
    status: Option<DeliveryStatus>,
    #[serde(with = "time")]
    created_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template_name: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    template_params: Option<Cow<'a, [String]>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_url: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    caption: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_id: Option<Cow<'a, ProviderId>>,
    #[serde(
        default,
        with = "time::optional",
        skip_serializing_if = "Option::is_none"
    )]
    sent_at: Option<DateTime<Utc>>,
    #[serde(
        default,
        with = "time::optional",
        skip_serializing_if = "Option::is_none"
    )]
    delivered_at: Option<DateTime<Utc>>,
    #[serde(
        default,
        with = "time::optional",
        skip_serializing_if = "Option::is_none"
    )]
    read_at: Option<DateTime<Utc>>,
    #[serde(
        default,
        with = "time::optional",
        skip_serializing_if = "Option::is_none"
    )]
    failed_at: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, Failure>>,
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (template_name, template_params) = match &self.content {
            Content::Template { name, params, .. } => {
                (Some(name.into()), Some(Cow::Borrowed(params.as_slice())))
            }
            _ => (None, None),
        };
        let (media_url, caption) = match &self.content {
            Content::Image { media_url, caption } | Content::Document { media_url, caption } => {
                (Some(media_url.into()), caption.as_ref().map(Into::into))
            }
            _ => (None, None),
        };
        MessageDocument {
            id: self.id,
            conversation_id: self.conversation_id,
            direction: self.direction,
            r#type: self.content.message_type(),
            content: self.content.as_text().map(Into::into),
            status: Some(self.status),
            created_at: self.created_at,
            template_name,
            template_params,
            media_url,
            caption,
            provider_id: self.provider_id.as_ref().map(Cow::Borrowed),
            sent_at: self.deliveries.sent_at,
            delivered_at: self.deliveries.delivered_at,
            read_at: self.deliveries.read_at,
            failed_at: self.deliveries.failed_at,
            error: self.deliveries.failure.as_ref().map(Cow::Borrowed),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = object::<MessageDocument<'_>, _>(deserializer)?;
        let fields = ContentFields {
            content: document.content.map(Cow::into_owned),
            template_name: document.template_name.map(Cow::into_owned),
            template_params: document.template_params.map(Cow::into_owned),
            media_url: document.media_url.map(Cow::into_owned),
            caption: document.caption.map(Cow::into_owned),
        };
        let content = fields
            .into_content(document.r#type)
            .map_err(de::Error::custom)?;
        Ok(Self {
            id: document.id,
            conversation_id: document.conversation_id,
            direction: document.direction,
            content,
            status: document
                .status
                .unwrap_or_else(|| document.direction.first_status()),
            created_at: document.created_at,
            provider_id: document.provider_id.map(Cow::into_owned),
            deliveries: Deliveries {
                sent_at: document.sent_at,
                delivered_at: document.delivered_at,
                read_at: document.read_at,
                failed_at: document.failed_at,
                failure: document.error.map(Cow::into_owned),
            },
        })
    }
}
