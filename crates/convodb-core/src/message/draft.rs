//! Messages that are yet to be stored.

use chrono::{DateTime, Utc};

use super::Content;
use crate::{Channel, ContactId, InvalidInput, ProviderId, time};

/// What inbound and outbound messages and replies share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Draft {
    pub(crate) content: Content,
    pub(super) provider_id: Option<String>,
    pub(super) provider_time: Option<DateTime<Utc>>,
}

impl Draft {
    fn new(content: impl Into<Content>) -> Self {
        Self {
            content: content.into(),
            provider_id: None,
            provider_time: None,
        }
    }

    /// The provider's id, checked.
    pub(crate) fn provider_id(&self) -> Result<Option<ProviderId>, InvalidInput> {
        self.provider_id.as_deref().map(ProviderId::new).transpose()
    }

    /// The provider's time, but never one in the future; without it, the store's time.
    pub(crate) fn created_at(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, InvalidInput> {
        match self.provider_time {
            Some(time) => Ok(time::checked("sent_at", time)?.min(now)),
            None => Ok(now),
        }
    }
}

/// A message from a contact, for `receive`.
///
/// ```
/// use convodb::{Channel, ContactId, Content, Inbound};
///
/// let contact = ContactId::new("con_01HXYZ")?;
/// let hello = Inbound::text(&contact, Channel::Whatsapp, "Hello").provider_id("wamid.1");
/// let photo = Inbound::new(&contact, Channel::Whatsapp, Content::image("https://example.com/1.jpg"));
/// # let _ = (hello, photo);
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Inbound {
    #[doc(hidden)]
    pub contact_id: ContactId,
    #[doc(hidden)]
    pub channel: Channel,
    pub(crate) draft: Draft,
}

impl Inbound {
    /// A message from this contact on this channel.
    pub fn new(
        contact: impl Into<ContactId>,
        channel: Channel,
        content: impl Into<Content>,
    ) -> Self {
        Self {
            contact_id: contact.into(),
            channel,
            draft: Draft::new(content),
        }
    }

    /// A text from this contact on this channel.
    pub fn text(contact: impl Into<ContactId>, channel: Channel, text: impl Into<String>) -> Self {
        Self::new(contact, channel, Content::text(text))
    }

    /// The provider's id of the message. The same id on the same channel is the same message.
    pub fn provider_id(mut self, id: impl Into<String>) -> Self {
        self.draft.provider_id = Some(id.into());
        self
    }

    /// The provider's time of the message; without it, the store's.
    pub const fn provider_time(mut self, time: DateTime<Utc>) -> Self {
        self.draft.provider_time = Some(time);
        self
    }
}

/// A message to a contact, for `send`.
///
/// ```
/// use convodb::{Channel, ContactId, Content, Outbound};
///
/// let contact = ContactId::new("con_01HXYZ")?;
/// let spring = Content::template("spring_sale", ["Ada", "20 %"]);
/// let broadcast = Outbound::new(&contact, Channel::Whatsapp, spring).reopen(false);
/// # let _ = broadcast;
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Outbound {
    #[doc(hidden)]
    pub contact_id: ContactId,
    #[doc(hidden)]
    pub channel: Channel,
    pub(crate) draft: Draft,
    pub(crate) reopen: bool,
}

impl Outbound {
    /// A message to this contact on this channel.
    pub fn new(
        contact: impl Into<ContactId>,
        channel: Channel,
        content: impl Into<Content>,
    ) -> Self {
        Self {
            contact_id: contact.into(),
            channel,
            draft: Draft::new(content),
            reopen: true,
        }
    }

    /// A text to this contact on this channel.
    pub fn text(contact: impl Into<ContactId>, channel: Channel, text: impl Into<String>) -> Self {
        Self::new(contact, channel, Content::text(text))
    }

    /// The provider's id of the message. The same id on the same channel is the same message.
    pub fn provider_id(mut self, id: impl Into<String>) -> Self {
        self.draft.provider_id = Some(id.into());
        self
    }

    /// The provider's time of the message; without it, the store's.
    pub const fn provider_time(mut self, time: DateTime<Utc>) -> Self {
        self.draft.provider_time = Some(time);
        self
    }

    /// Whether it reopens a resolved conversation, as it does by default. A broadcast should not
    /// reopen thousands of them.
    pub const fn reopen(mut self, reopen: bool) -> Self {
        self.reopen = reopen;
        self
    }
}

/// A message to the contact of a conversation, for `reply`.
///
/// An [`Outbound`] converts to one. Its contact and channel must then be the conversation's.
///
/// ```
/// use convodb::Reply;
///
/// assert_eq!(Reply::from("On its way."), Reply::text("On its way."));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Reply {
    pub(crate) draft: Draft,
    pub(crate) reopen: bool,
    pub(crate) address: Option<(ContactId, Channel)>,
}

impl Reply {
    /// A message within the conversation.
    pub fn new(content: impl Into<Content>) -> Self {
        Self {
            draft: Draft::new(content),
            reopen: true,
            address: None,
        }
    }

    /// A text within the conversation.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Content::text(text))
    }

    /// The provider's id of the message. The same id on the same channel is the same message.
    pub fn provider_id(mut self, id: impl Into<String>) -> Self {
        self.draft.provider_id = Some(id.into());
        self
    }

    /// The provider's time of the message; without it, the store's.
    pub const fn provider_time(mut self, time: DateTime<Utc>) -> Self {
        self.draft.provider_time = Some(time);
        self
    }

    /// Whether it reopens a resolved conversation, as it does by default.
    pub const fn reopen(mut self, reopen: bool) -> Self {
        self.reopen = reopen;
        self
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Content> for Reply {
    fn from(content: Content) -> Self {
        Self::new(content)
    }
}

impl From<Outbound> for Reply {
    fn from(outbound: Outbound) -> Self {
        Self {
            draft: outbound.draft,
            reopen: outbound.reopen,
            address: Some((outbound.contact_id, outbound.channel)),
        }
    }
}
