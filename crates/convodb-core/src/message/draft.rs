//! Messages that are yet to be stored.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::content::ContentFields;
use super::{Content, Direction, MessageType};
use crate::text::{Object, ObjectWriter};
use crate::time::Time;
use crate::validate::Origin;
use crate::{Channel, ContactId, InvalidInput, ProviderId, time};

/// A message that is yet to be stored. See [`Inbound`], [`Outbound`] and [`Reply`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Draft<A, const INBOUND: bool> {
    pub(crate) address: A,
    pub(crate) content: Content,
    provider_id: Option<String>,
    provider_time: Option<DateTime<Utc>>,
    pub(crate) reopen: bool,
}

/// Whom a message is from or to.
pub(crate) type Address = (ContactId, Channel);

/// A message from a contact, for `receive`.
///
/// Its JSON is the body of a request that brings it: `contact_id`, `channel` and `type`; as the type
/// has it `content`, `template_name` and `template_params`, or `media_url` and `caption`; and, if
/// need be, `provider_id` and `sent_at`.
///
/// ```
/// use convodb::{Channel, ContactId, Content, Inbound};
///
/// let contact = ContactId::new("con_01HXYZ")?;
/// let photo = Inbound::new(&contact, Channel::Whatsapp, Content::image("https://example.com/1.jpg"));
/// let hello = Inbound::text(&contact, Channel::Whatsapp, "Hello").provider_id("wamid.1");
/// let body = r#"{"contact_id": "con_01HXYZ", "channel": "whatsapp", "type": "text",
///     "content": "Hello", "provider_id": "wamid.1"}"#;
/// assert_eq!(serde_json::from_str::<Inbound>(body)?, hello);
/// # let _ = photo;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Inbound = Draft<(ContactId, Channel), true>;

/// A message to a contact, for `send`.
///
/// Its JSON has the fields of an [`Inbound`] and, if need be, `reopen`.
///
/// ```
/// use convodb::{Channel, ContactId, Content, Outbound};
///
/// let contact = ContactId::new("con_01HXYZ")?;
/// let spring = Content::template("spring_sale", ["Ada", "20 %"]);
/// let broadcast = Outbound::new(&contact, Channel::Whatsapp, spring).reopen(false);
/// let body = r#"{
///     "contact_id": "con_01HXYZ", "channel": "whatsapp",
///     "type": "template", "template_name": "spring_sale", "template_params": ["Ada", "20 %"],
///     "reopen": false
/// }"#;
/// assert_eq!(serde_json::from_str::<Outbound>(body)?, broadcast);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Outbound = Draft<(ContactId, Channel), false>;

/// A message to the contact of a conversation, for `reply`.
///
/// An [`Outbound`] converts to one. Its contact and channel must then be the conversation's.
///
/// ```
/// use convodb::Reply;
///
/// assert_eq!(Reply::from("On its way."), Reply::text("On its way."));
/// ```
pub type Reply = Draft<Option<(ContactId, Channel)>, false>;

impl<const INBOUND: bool> Draft<Address, INBOUND> {
    /// A message from or to this contact on this channel.
    pub fn new(
        contact: impl Into<ContactId>,
        channel: Channel,
        content: impl Into<Content>,
    ) -> Self {
        Self::to((contact.into(), channel), content.into())
    }

    /// A text from or to this contact on this channel.
    pub fn text(contact: impl Into<ContactId>, channel: Channel, text: impl Into<String>) -> Self {
        Self::new(contact, channel, Content::text(text))
    }
}

impl Reply {
    /// A message within the conversation.
    pub fn new(content: impl Into<Content>) -> Self {
        Self::to(None, content.into())
    }

    /// A text within the conversation.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::text(text))
    }
}

impl<A> Draft<A, false> {
    /// Whether it reopens a resolved conversation, as it does by default. A broadcast should not
    /// reopen thousands of them.
    pub const fn reopen(mut self, reopen: bool) -> Self {
        self.reopen = reopen;
        self
    }
}

impl<A, const INBOUND: bool> Draft<A, INBOUND> {
    pub(crate) const DIRECTION: Direction = match INBOUND {
        true => Direction::Inbound,
        false => Direction::Outbound,
    };

    pub(crate) const ORIGIN: Origin = match INBOUND {
        true => Origin::Fact,
        false => Origin::Intent,
    };

    const fn to(address: A, content: Content) -> Self {
        Self {
            address,
            content,
            provider_id: None,
            provider_time: None,
            reopen: true,
        }
    }

    /// The provider's id of the message, unique on its channel. The same id from the same contact and
    /// in the same direction is the same message again, whatever else differs. Where a provider counts
    /// the messages of each chat, put the chat's id before the number.
    pub fn provider_id(mut self, id: impl Into<String>) -> Self {
        self.provider_id = Some(id.into());
        self
    }

    /// The provider's time of the message, from the year 2000 on; without it, the store's. A time in
    /// whole seconds means somewhere within that second: the message takes its place behind those of
    /// the second that arrived before it.
    pub const fn provider_time(mut self, time: DateTime<Utc>) -> Self {
        self.provider_time = Some(time);
        self
    }

    /// The provider's id, checked.
    pub(crate) fn checked_id(&self) -> Result<Option<ProviderId>, InvalidInput> {
        self.provider_id.as_deref().map(ProviderId::new).transpose()
    }

    /// The provider's time, but never one in the future; without it, the store's time.
    pub(crate) fn created_at(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, InvalidInput> {
        match self.provider_time {
            Some(time) => Ok(time::recent("sent_at", time)?.min(now)),
            None => Ok(now),
        }
    }

    pub(crate) const fn has_provider_time(&self) -> bool {
        self.provider_time.is_some()
    }
}

impl<C: Into<Content>> From<C> for Reply {
    fn from(content: C) -> Self {
        Self::new(content)
    }
}

impl From<Outbound> for Reply {
    fn from(outbound: Outbound) -> Self {
        Self {
            address: Some(outbound.address),
            content: outbound.content,
            provider_id: outbound.provider_id,
            provider_time: outbound.provider_time,
            reopen: outbound.reopen,
        }
    }
}

impl<A, const INBOUND: bool> Draft<A, INBOUND> {
    /// `reopen` is written where it is not the default.
    fn write<S: Serializer>(&self, to: Option<&Address>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ObjectWriter::new(serializer)?;
        object.put_some("contact_id", to.map(|(contact_id, _)| contact_id))?;
        object.put_some("channel", to.map(|(_, channel)| channel))?;
        object.put("type", self.content.message_type())?;
        object.put_some("content", self.content.as_text())?;
        self.content.write_more(&mut object)?;
        object.put_some("provider_id", self.provider_id.as_deref())?;
        object.put_some("sent_at", self.provider_time.map(Time))?;
        object.put_some("reopen", (!self.reopen).then_some(false))?;
        object.end()
    }
}

impl<const INBOUND: bool> Serialize for Draft<Address, INBOUND> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write(Some(&self.address), serializer)
    }
}

/// The fields of an [`Outbound`]; `contact_id` and `channel` only where the reply names them.
impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write(self.address.as_ref(), serializer)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct DraftDocument {
    contact_id: Option<ContactId>,
    channel: Option<Channel>,
    r#type: MessageType,
    content: Option<String>,
    template_name: Option<String>,
    template_params: Option<Vec<String>>,
    media_url: Option<String>,
    caption: Option<String>,
    provider_id: Option<String>,
    sent_at: Option<Time>,
    reopen: Option<bool>,
}

impl<'de, const INBOUND: bool> Deserialize<'de> for Draft<Address, INBOUND> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = DraftDocument::deserialize(Object(deserializer))?;
        let reason = "belongs to a message to a contact alone";
        InvalidInput::unless(!INBOUND || document.reopen.is_none(), "reopen", reason)
            .map_err(de::Error::custom)?;
        let missing = <D::Error as de::Error>::missing_field;
        let contact_id = document.contact_id.ok_or_else(|| missing("contact_id"))?;
        let channel = document.channel.ok_or_else(|| missing("channel"))?;
        let content = ContentFields {
            content: document.content,
            template_name: document.template_name,
            template_params: document.template_params,
            media_url: document.media_url,
            caption: document.caption,
        };
        let provider_id = document.provider_id.as_deref().map(ProviderId::new);
        provider_id.transpose().map_err(de::Error::custom)?;
        let content = content.into_content(document.r#type);
        Ok(Self {
            address: (contact_id, channel),
            content: content.map_err(de::Error::custom)?,
            provider_id: document.provider_id,
            provider_time: document.sent_at.map(Time::get),
            reopen: document.reopen.unwrap_or(true),
        })
    }
}
