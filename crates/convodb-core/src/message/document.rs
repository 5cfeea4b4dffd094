//! The JSON of a message.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::content::ContentFields;
use super::{Deliveries, DeliveryStatus, Direction, Failure, Message, MessageType};
use crate::records::Embedded;
use crate::records::MessageRecord;
use crate::text::Object;
use crate::time::Time;
use crate::{ConversationId, MessageId, ProviderId};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct MessageDocument<'a> {
    id: MessageId,
    conversation_id: ConversationId,
    direction: Direction,
    r#type: MessageType,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Cow<'a, str>>,
    status: Option<DeliveryStatus>,
    created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_params: Option<Cow<'a, [String]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_url: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_id: Option<Cow<'a, ProviderId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
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
            created_at: Time(self.created_at),
            template_name: fields.template_name,
            template_params: fields.template_params,
            media_url: fields.media_url,
            caption: fields.caption,
            provider_id: self.provider_id.as_ref().map(Cow::Borrowed),
            sent_at: self.deliveries.sent_at.map(Time),
            delivered_at: self.deliveries.delivered_at.map(Time),
            read_at: self.deliveries.read_at.map(Time),
            failed_at: self.deliveries.failed_at.map(Time),
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
        let content = fields.into_content(document.r#type);
        let direction = document.direction;
        Ok(Self {
            id: document.id,
            conversation_id: document.conversation_id,
            direction,
            content: content.map_err(de::Error::custom)?,
            status: document.status.unwrap_or(direction.first_status()),
            created_at: document.created_at.get(),
            provider_id: document.provider_id.map(Cow::into_owned),
            deliveries: Deliveries {
                sent_at: document.sent_at.map(Time::get),
                delivered_at: document.delivered_at.map(Time::get),
                read_at: document.read_at.map(Time::get),
                failed_at: document.failed_at.map(Time::get),
                failure: document.error.map(Cow::into_owned),
            },
        })
    }
}
