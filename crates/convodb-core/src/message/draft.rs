//! Messages that are yet to be stored.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::document::Document;
use super::{Author, Content, DeliveryStatus, Direction, Extras, Message, Reference};
use crate::text::{Object, ObjectWriter};
use crate::time::Time;
use crate::validate::Origin;
use crate::{
    Channel, ConversationId, Halt, InboxId, InboxRef, InvalidInput, Json, MessageId, MetadataValue,
    ProviderId, State, Who, time,
};

/// A message that is yet to be stored. See [`Inbound`], [`Outbound`] and [`Reply`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Draft<A, const INBOUND: bool> {
    pub(crate) address: A,
    pub(crate) content: Content,
    provider_id: Option<String>,
    provider_time: Option<DateTime<Utc>>,
    pub(crate) reopen: bool,
    pub(crate) is_pending: bool,
    pub(crate) is_echo: bool,
    pub(crate) extras: Option<Box<Extras>>,
}

/// Whom a message is from or to, and through which inbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    pub(crate) who: Who,
    pub(crate) inbox: InboxRef,
    /// What a request gave beside an inbox: it must be its channel.
    pub(crate) channel: Option<Channel>,
}

impl Address {
    /// The channel of its inbox, which must be there and of the channel that was given.
    pub(crate) fn check(&self, state: &State) -> Result<Channel, Halt> {
        let channel = state.channel(&self.inbox)?;
        let is_same = self.channel.is_none_or(|given| given == channel);
        let reason = format_args!("must be that of the inbox, `{channel}`");
        InvalidInput::unless(is_same, "channel", reason)?;
        Ok(channel)
    }

    /// From the fields of a request: a contact or identities, and a channel or an inbox.
    pub(crate) fn read<E: de::Error>(
        who: Who,
        channel: Option<Channel>,
        inbox_id: Option<InboxId>,
    ) -> Result<Self, E> {
        if who.contact.is_none() && who.identities.is_empty() {
            return Err(E::custom(format_args!("contact_id: {}", Who::UNNAMED)));
        }
        let inbox = InboxRef::given(channel, inbox_id);
        let inbox =
            inbox.ok_or_else(|| E::custom("channel: `channel` or `inbox_id` is required"))?;
        Ok(Self {
            who,
            channel: channel.filter(|_| inbox.id().is_some()),
            inbox,
        })
    }

    pub(crate) fn write<S: Serializer>(
        &self,
        object: &mut ObjectWriter<S>,
    ) -> Result<(), S::Error> {
        let (channel, inbox_id) = match &self.inbox {
            InboxRef::Channel(channel) => (Some(*channel), None),
            InboxRef::Inbox(id) => (self.channel, Some(id)),
        };
        let identities = &self.who.identities;
        object.put_some("contact_id", self.who.contact.as_ref())?;
        object.put_some("identities", (!identities.is_empty()).then_some(identities))?;
        object.put_some("channel", channel)?;
        object.put_some("inbox_id", inbox_id)
    }
}

/// Where a draft names its address, if it does.
pub(crate) trait Addressed {
    fn address(&self) -> Option<&Address>;
}

impl Addressed for Address {
    fn address(&self) -> Option<&Address> {
        Some(self)
    }
}

impl Addressed for Option<Address> {
    fn address(&self) -> Option<&Address> {
        self.as_ref()
    }
}

/// A message from a contact, for `receive`.
///
/// Its JSON is the body of a request that brings it: `contact_id` or `identities`, `channel` or `inbox_id`, and
/// `type`; as the type has it `content`, `template_name` and `template_params`, or `media_url` and `caption`; and, if
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
pub type Inbound = Draft<Address, true>;

/// A message to a contact, for `send`.
///
/// Its JSON has the fields of an [`Inbound`] and, if need be, `author`, `echo` and `"status": "pending"`.
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
pub type Outbound = Draft<Address, false>;

/// A message to the contact of a conversation, for `reply`.
///
/// An [`Outbound`] converts to one. Its contact, its inbox or its channel must then be the conversation's.
///
/// ```
/// use convodb::Reply;
///
/// assert_eq!(Reply::from("On its way."), Reply::text("On its way."));
/// ```
pub type Reply = Draft<Option<Address>, false>;

impl<const INBOUND: bool> Draft<Address, INBOUND> {
    /// A message from or to this contact, by its [`ContactId`](crate::ContactId) or as [`Who`], through this
    /// inbox, or on this channel.
    pub fn new(
        who: impl Into<Who>,
        inbox: impl Into<InboxRef>,
        content: impl Into<Content>,
    ) -> Self {
        let address = Address {
            who: who.into(),
            inbox: inbox.into(),
            channel: None,
        };
        Self::to(address, content.into())
    }

    /// A text from or to this contact through this inbox, or on this channel.
    pub fn text(who: impl Into<Who>, inbox: impl Into<InboxRef>, text: impl Into<String>) -> Self {
        Self::new(who, inbox, Content::text(text))
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
    /// It starts as `pending`: the caller says later whether the provider took it.
    pub const fn pending(mut self) -> Self {
        self.is_pending = true;
        self
    }

    /// It is what the provider reports that was sent, perhaps by this store's own service: it joins the
    /// message that has its id or its reference, or else the oldest pending one of the last five
    /// minutes that says the same.
    pub const fn echo(mut self) -> Self {
        self.is_echo = true;
        self
    }

    /// Who wrote it.
    pub fn author(mut self, author: Author) -> Self {
        self.extras_mut().author = Some(author);
        self
    }
}

impl<A, const INBOUND: bool> Draft<A, INBOUND> {
    #[doc(hidden)]
    pub fn written_by(&self) -> Option<&Author> {
        self.extras.as_ref()?.author.as_ref()
    }

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
            is_pending: false,
            is_echo: false,
            extras: None,
        }
    }

    fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Whether it reopens a resolved conversation, as it does by default. A broadcast should not
    /// reopen thousands of them, and the answer to a survey asks nothing. One that does not starts its
    /// conversation as resolved, and counts as read.
    pub const fn reopen(mut self, reopen: bool) -> Self {
        self.reopen = reopen;
        self
    }

    /// The sender's own reference: the same one on the same channel and in the same direction is the
    /// same message, as long as that exists. At most 128 bytes.
    pub fn client_ref(mut self, reference: impl Into<String>) -> Self {
        self.extras_mut().client_ref = Some(reference.into());
        self
    }

    /// Another id that the provider has for it: at most four.
    pub fn provider_alias(mut self, id: ProviderId) -> Self {
        self.extras_mut().provider_aliases.push(id);
        self
    }

    /// What it answers.
    pub fn reply_to(mut self, reference: impl Into<Reference>) -> Self {
        self.extras_mut().reply_to = Some(reference.into());
        self
    }

    /// It was forwarded.
    pub fn forwarded(mut self) -> Self {
        self.extras_mut().forwarded = true;
        self
    }

    /// Its content is yet to come, by another one with the same provider's id.
    pub fn placeholder(mut self) -> Self {
        self.extras_mut().placeholder = true;
        self
    }

    /// The provider's own JSON of it: at most 64 KiB.
    pub fn raw(mut self, raw: Json) -> Self {
        self.extras_mut().raw = Some(raw);
        self
    }

    /// A value of the caller's own.
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<MetadataValue>) -> Self {
        self.extras_mut().metadata.set(name, value);
        self
    }

    /// It is an edit of a message that has not come.
    pub(crate) fn edited(mut self, at: DateTime<Utc>) -> Self {
        let extras = self.extras_mut();
        extras.edited_at = Some(at);
        extras.awaits_original = true;
        self
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

    /// Whether it happened, as what came and what another application sent, or is asked for.
    const fn origin(&self) -> Origin {
        match self.is_echo {
            true => Origin::Fact,
            false => Self::ORIGIN,
        }
    }

    /// Every id under which it may be stored already, checked.
    pub(crate) fn foreign_ids(&self) -> Result<Vec<ProviderId>, InvalidInput> {
        let given = self
            .provider_id
            .as_deref()
            .map(ProviderId::new)
            .transpose()?;
        let extras = self.extras.as_ref();
        let aliases = extras
            .into_iter()
            .flat_map(|extras| &extras.provider_aliases);
        let reference = extras.and_then(|extras| extras.client_ref.as_deref());
        let reference = reference.map(|text| ProviderId::of_reference(Self::DIRECTION, text));
        Ok(given
            .into_iter()
            .chain(aliases.cloned())
            .chain(reference)
            .collect())
    }

    /// The message, checked, without a place in a conversation. Its time is the provider's, but never
    /// one in the future; without it, the store's.
    pub(crate) fn message(&self, now: DateTime<Utc>) -> Result<Message, InvalidInput> {
        self.extras
            .iter()
            .try_for_each(|extras| extras.validate())?;
        let (of, id) = (ConversationId::from_raw(0), MessageId::from_raw(0));
        let content = self.content.clone().accepted(self.origin())?;
        let created_at = time::reported("sent_at", self.provider_time, now)?;
        let mut message = Message::new(id, of, Self::DIRECTION, content, created_at);
        message.provider_id = self
            .provider_id
            .as_deref()
            .map(ProviderId::new)
            .transpose()?;
        message.extras.clone_from(&self.extras);
        if self.is_pending && !self.is_echo {
            message.status = DeliveryStatus::Pending;
        }
        Ok(message)
    }

    pub(crate) const fn has_provider_time(&self) -> bool {
        self.provider_time.is_some()
    }
}

#[expect(private_bounds, reason = "the addresses of drafts are these alone")]
impl<A: Addressed, const INBOUND: bool> Draft<A, INBOUND> {
    /// Checks its own values, as a command does: the bounds of its content, its ids, its time and all
    /// else that it carries. What the store knows, such as its directory, is left to the command.
    ///
    /// # Errors
    ///
    /// The first field that a command would refuse.
    ///
    /// ```
    /// # use convodb::{Channel, ContactId, Inbound};
    /// let contact = ContactId::new("con_01HXYZ")?;
    /// let long = Inbound::text(&contact, Channel::Whatsapp, "x".repeat(65_537));
    /// assert_eq!(long.validate().unwrap_err().field(), "content");
    /// # Ok::<(), convodb::InvalidInput>(())
    /// ```
    pub fn validate(&self) -> Result<(), InvalidInput> {
        if let Some(address) = self.address.address() {
            address.who.validate()?;
        }
        self.foreign_ids()?;
        let latest = time::clamped(DateTime::<Utc>::MAX_UTC);
        self.message(latest).map(drop)
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
            is_pending: outbound.is_pending,
            is_echo: outbound.is_echo,
            extras: outbound.extras,
        }
    }
}

impl<A, const INBOUND: bool> Draft<A, INBOUND> {
    /// `reopen` is written where it is not the default.
    fn write<S: Serializer>(&self, to: Option<&Address>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ObjectWriter::new(serializer)?;
        if let Some(to) = to {
            to.write(&mut object)?;
        }
        object.put("type", self.content.message_type())?;
        object.put_some("content", self.content.as_text())?;
        self.content.write_first(&mut object)?;
        object.put_some("provider_id", self.provider_id.as_deref())?;
        object.put_some("sent_at", self.provider_time.map(Time))?;
        object.put_some("reopen", (!self.reopen).then_some(false))?;
        object.put_some("status", self.is_pending.then_some(DeliveryStatus::Pending))?;
        object.put_some("echo", self.is_echo.then_some(true))?;
        self.content.write_last(&mut object)?;
        if let Some(extras) = &self.extras {
            extras.write(&mut object)?;
        }
        object.end()
    }
}

impl<const INBOUND: bool> Serialize for Draft<Address, INBOUND> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write(Some(&self.address), serializer)
    }
}

/// The fields of an [`Outbound`]; `contact_id`, `channel` and `inbox_id` only where the reply names them.
impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write(self.address.as_ref(), serializer)
    }
}

impl<'de, const INBOUND: bool> Deserialize<'de> for Draft<Address, INBOUND> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut document = Document::deserialize(Object(deserializer))?;
        let custom = <D::Error as de::Error>::custom::<InvalidInput>;
        let reason = "belongs to a message that is stored";
        Document::refuse(&document.of_stored(), reason)
            .and_then(|()| document.refuse_edit())
            .map_err(custom)?;
        let is_pending = document.status == Some(DeliveryStatus::Pending);
        let is_echo = document.echo == Some(true);
        if INBOUND {
            let reason = "is allowed only in an outbound message";
            Document::refuse(&document.of_outbound(), reason).map_err(custom)?;
        }
        let reason = "must be `pending`, or left out";
        InvalidInput::unless(is_pending || document.status.is_none(), "status", reason)
            .map_err(custom)?;
        Ok(Self {
            address: document.address()?,
            content: document.content()?,
            provider_id: document.provider_id.take().map(|id| id.to_string()),
            provider_time: document.sent_at.take().map(Time::get),
            reopen: document.reopen.unwrap_or(true),
            is_pending,
            is_echo,
            extras: document.extras().map_err(custom)?,
        })
    }
}
