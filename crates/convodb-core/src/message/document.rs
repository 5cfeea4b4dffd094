//! The JSON of a message.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::content::ContentFields;
use super::{Deliveries, DeliveryStatus, Direction, Failure, Message, MessageType};
use crate::object::Object;
use crate::records::MessageRecord;
use crate::records::embedded::Embedded;
use crate::time::Time;
use crate::{ConversationId, MessageId, ProviderId, time};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
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

/// An object in JSON, a row in changes.
impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            let key = (self.conversation_id, self.id, Time(self.created_at));
            let record = MessageRecord::from(self);
            return Embedded { key, record }.serialize(serializer);
        }
        let fields = ContentFields::from(&self.content);
        MessageDocument {
            id: self.id,
            conversation_id: self.conversation_id,
            direction: self.direction,
            r#type: self.content.message_type(),
            content: fields.content,
            status: Some(self.status),
            created_at: self.created_at,
            template_name: fields.template_name,
            template_params: fields.template_params,
            media_url: fields.media_url,
            caption: fields.caption,
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
        if !deserializer.is_human_readable() {
            let row = Embedded::<_, MessageRecord<'_>>::deserialize(deserializer)?;
            let (conversation, id, Time(created_at)) = row.key;
            return Ok(row.record.into_message(conversation, created_at, id));
        }
        let document = MessageDocument::deserialize(Object(deserializer))?;
        let fields = ContentFields {
            content: document.content,
            template_name: document.template_name,
            template_params: document.template_params,
            media_url: document.media_url,
            caption: document.caption,
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
