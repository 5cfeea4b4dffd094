//! The JSON of messages that are yet to be stored: the bodies of the requests that bring them.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::content::ContentFields;
use super::{Draft, Inbound, MessageType, Outbound, Reply};
use crate::object::Object;
use crate::time::Time;
use crate::{Channel, ContactId, InvalidInput, ProviderId};

/// A message that is yet to be stored, whichever way it goes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct DraftDocument<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_id: Option<Cow<'a, ContactId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Channel>,
    r#type: MessageType,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_params: Option<Cow<'a, [String]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_url: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    caption: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reopen: Option<bool>,
}

impl<'a> DraftDocument<'a> {
    /// `reopen` is written where it is not the default.
    fn new(address: Option<(&'a ContactId, Channel)>, draft: &'a Draft, reopens: bool) -> Self {
        let fields = ContentFields::from(&draft.content);
        Self {
            contact_id: address.map(|(contact_id, _)| Cow::Borrowed(contact_id)),
            channel: address.map(|(_, channel)| channel),
            r#type: draft.content.message_type(),
            content: fields.content,
            template_name: fields.template_name,
            template_params: fields.template_params,
            media_url: fields.media_url,
            caption: fields.caption,
            provider_id: draft.provider_id.as_deref().map(Cow::Borrowed),
            sent_at: draft.provider_time.map(Time),
            reopen: (!reopens).then_some(false),
        }
    }

    fn into_parts<E: de::Error>(self) -> Result<(ContactId, Channel, Draft), E> {
        let missing = E::missing_field;
        let contact_id = self.contact_id.ok_or_else(|| missing("contact_id"))?;
        let channel = self.channel.ok_or_else(|| missing("channel"))?;
        let fields = ContentFields {
            content: self.content,
            template_name: self.template_name,
            template_params: self.template_params,
            media_url: self.media_url,
            caption: self.caption,
        };
        let provider_id = self.provider_id.as_deref().map(ProviderId::new);
        provider_id.transpose().map_err(E::custom)?;
        let draft = Draft {
            content: fields.into_content(self.r#type).map_err(E::custom)?,
            provider_id: self.provider_id.map(Cow::into_owned),
            provider_time: self.sent_at.map(Time::get),
        };
        Ok((contact_id.into_owned(), channel, draft))
    }
}

impl Serialize for Inbound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let address = Some((&self.contact_id, self.channel));
        DraftDocument::new(address, &self.draft, true).serialize(serializer)
    }
}

/// The body of a request that brings a message from a contact: `contact_id`, `channel` and `type`;
/// as the type has it `content`, `template_name` and `template_params`, or `media_url` and
/// `caption`; and, if need be, `provider_id` and `sent_at`.
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
        let document = DraftDocument::deserialize(Object(deserializer))?;
        let reason = "belongs to a message to a contact alone";
        InvalidInput::unless(document.reopen.is_none(), "reopen", reason)
            .map_err(de::Error::custom)?;
        let (contact_id, channel, draft) = document.into_parts()?;
        Ok(Self {
            contact_id,
            channel,
            draft,
        })
    }
}

impl Serialize for Outbound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let address = Some((&self.contact_id, self.channel));
        DraftDocument::new(address, &self.draft, self.reopen).serialize(serializer)
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
        let document = DraftDocument::deserialize(Object(deserializer))?;
        let reopen = document.reopen.unwrap_or(true);
        let (contact_id, channel, draft) = document.into_parts()?;
        Ok(Self {
            contact_id,
            channel,
            draft,
            reopen,
        })
    }
}

/// The fields of an [`Outbound`]; `contact_id` and `channel` only where the reply names them.
impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let address = self.address.as_ref();
        let address = address.map(|(contact_id, channel)| (contact_id, *channel));
        DraftDocument::new(address, &self.draft, self.reopen).serialize(serializer)
    }
}
