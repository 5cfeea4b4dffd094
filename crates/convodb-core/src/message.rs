//! Messages: what they carry, and what becomes of them on their way.

mod attachment;
mod content;
mod delivery;
mod document;
mod draft;
mod extras;
mod history;
mod parts;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::change::Original;
use crate::records::{Embedded, MessageRecord};
use crate::text::{Object, ObjectWriter};
use crate::time::Time;
use crate::validate::Origin;
use crate::{
    Conversation, ConversationId, InboxRef, InvalidInput, MessageField, MessageId, ProviderId, time,
};
use document::Document;

pub use attachment::{Attachment, AttachmentUpdate};
pub use content::{Content, MediaKind, MessageType};
pub use delivery::{
    Deliveries, Delivery, DeliveryStatus, Failure, ProviderIdState, Receipt, Unmatched,
};
pub use draft::{Address, Draft, Inbound, Outbound, Reply};
pub use extras::{Author, AuthorType, Extras, Reaction, Reference, Revocation, Story, Version};
pub use history::ImportMessage;
pub use parts::{
    Card, Choice, ChoiceKind, Degrees, Email, Location, Phone, SystemLine, Unsupported,
};

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
/// Its JSON has `id`, `conversation_id`, `direction`, `type`, `content` (the text, or what was said
/// with another content), `status` and `created_at`; after them, each where it has a value,
/// `template_name`, `template_params`, `media_url`, `caption`, `provider_id`, the times `sent_at`,
/// `delivered_at`, `read_at` and `failed_at` of its receipts, `error` and `played_at`; then
/// `attachments`, `location`, `contacts`, `reply`, `system` and `unsupported`; and those of its
/// [`Extras`]. A thread is not ordered by `created_at`: the order of a list is that of the thread.
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
    /// What most messages do not have.
    pub extras: Option<Box<Extras>>,
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
            extras: None,
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
        let extras = self.extras.iter_mut().flat_map(|extras| extras.times());
        [&mut self.created_at, &mut self.order_time]
            .into_iter()
            .chain(self.deliveries.times())
            .chain(extras)
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        self.content.validate(Origin::Fact)?;
        self.deliveries.validate()?;
        self.extras
            .iter()
            .try_for_each(|extras| extras.validate())?;
        time::checked("created_at", self.created_at).map(drop)
    }

    /// What most messages do not have, to be changed.
    pub(crate) fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Whether it was taken back.
    pub fn is_revoked(&self) -> bool {
        self.extras.as_ref().is_some_and(|it| it.revoked.is_some())
    }

    /// Whether it is a line of the provider's.
    pub(crate) const fn is_system(&self) -> bool {
        self.content.is_system()
    }

    /// Whether a person wrote it to the team.
    #[doc(hidden)]
    pub fn is_from_contact(&self) -> bool {
        self.direction == Direction::Inbound && !self.is_system()
    }

    /// What the contact is called that it came from.
    pub(crate) fn identity_of_contact(&self) -> Option<&str> {
        let extras = self.extras.as_deref()?;
        (self.direction == Direction::Inbound)
            .then_some(extras.identity.as_deref())
            .flatten()
    }

    /// Whether it asks for nothing, as a broadcast or the answer to a survey.
    pub(crate) fn is_silent(&self) -> bool {
        self.extras.as_ref().is_some_and(|it| it.is_silent)
    }

    pub(crate) fn is_of_bot(&self) -> bool {
        let author = self.extras.as_ref().and_then(|it| it.author.as_ref());
        author.is_some_and(|author| author.r#type == AuthorType::Bot)
    }

    /// Whether it counted as unread when it arrived, unless it had been taken back by then.
    #[doc(hidden)]
    pub fn counts_as_unread(&self) -> bool {
        self.is_from_contact() && !self.is_silent()
    }

    /// What orders messages by their arrival. The id of a message that a store gave carries the time of
    /// the arrival. One that an import brought came before, in the order of the list.
    #[doc(hidden)]
    pub fn arrival(&self) -> (u128, (DateTime<Utc>, MessageId)) {
        /// Places are later than arrivals by less than the second that they share with others.
        const SLACK_MS: u64 = 2_000;
        /// No provider reports a message later than a hundred years.
        const LATEST_MS: u64 = 100 * 366 * 86_400_000;
        let number = self.id.raw() & ((1 << 80) - 1);
        let (place_ms, ms) = (self.id.timestamp_ms(), (number >> 32) as u64);
        let is_own = ms + SLACK_MS >= place_ms && ms < place_ms + LATEST_MS;
        (if is_own { number } else { 0 }, self.position())
    }

    /// Every id under which it is found: the provider's, their aliases, and the sender's reference.
    #[doc(hidden)]
    pub fn foreign_ids(&self) -> impl Iterator<Item = ProviderId> + '_ {
        let aliases = self
            .extras
            .iter()
            .flat_map(|extras| &extras.provider_aliases);
        let given = self.provider_id.iter().chain(aliases).cloned();
        let reference = self.extras.as_ref().and_then(|it| self.reference_of(it));
        let imported = self.extras.as_ref().and_then(|it| it.import_id.as_deref());
        let imported = imported.map(|id| ProviderId::of_import(self.conversation_id, id));
        given.chain(reference).chain(imported)
    }

    /// What it is found under by its sender's reference.
    pub(crate) fn reference_of(&self, extras: &Extras) -> Option<ProviderId> {
        let reference = extras.client_ref.as_deref();
        reference.map(|text| ProviderId::of_reference(self.direction, text))
    }

    /// Whether what its conversation records of deliveries may advance its status.
    #[doc(hidden)]
    pub const fn is_under_way(&self) -> bool {
        let is_unread = matches!(
            self.status,
            DeliveryStatus::Sent | DeliveryStatus::Delivered
        );
        is_unread && matches!(self.direction, Direction::Outbound)
    }

    /// Whether it answers a message that only the provider's id names.
    #[doc(hidden)]
    pub fn answers_by_provider_id(&self) -> bool {
        let extras = self.extras.as_ref();
        let reference = extras.and_then(|extras| extras.reply_to.as_ref());
        reference.is_some_and(|it| it.message_id.is_none() && it.provider_id.is_some())
    }

    /// Takes the status that follows from its own and from what was delivered or read until a time.
    #[doc(hidden)]
    pub fn follow(&mut self, conversation: &Conversation) {
        let until = |until: Option<DateTime<Utc>>| until.is_some_and(|it| self.created_at <= it);
        if self.is_under_way() {
            if until(conversation.read_until) {
                self.status = DeliveryStatus::Read;
            } else if until(conversation.delivered_until) {
                self.status = DeliveryStatus::Delivered;
            }
        }
    }

    /// A contact's message is neither sent by the team nor lost on its way.
    pub(crate) fn check_receipt(&self, receipt: &Delivery) -> Result<(), InvalidInput> {
        let is_of_outbound = matches!(
            receipt.status,
            DeliveryStatus::Sent | DeliveryStatus::Failed
        );
        let is_possible = self.direction == Direction::Outbound || !is_of_outbound;
        InvalidInput::unless(
            is_possible,
            "status",
            "does not apply to a contact's message",
        )
    }

    /// Whether a receipt is about an attempt before the present one, and so no longer counts.
    pub(crate) fn is_of_former_attempt(&self, by: &MessageRef, receipt: &Delivery) -> bool {
        let MessageRef::ProviderId { provider_id, .. } = by else {
            return false;
        };
        self.extras
            .as_ref()
            .is_some_and(|extras| extras.retries > 0)
            && self.provider_id.as_ref() != Some(provider_id)
            && receipt.status < DeliveryStatus::Delivered
    }

    /// A change, perhaps one that waited for this message, as it is one of it; nothing where it is none.
    /// Of one that was taken back only receipts and ids change.
    pub(crate) fn fitted(&self, field: MessageField) -> Option<MessageField> {
        if self.is_revoked() && !field.is_of_revoked() {
            return None;
        }
        Some(match field {
            MessageField::Delivery(receipt) => {
                self.check_receipt(&receipt).ok()?;
                MessageField::Delivery(receipt)
            }
            MessageField::Edit(Version { content, at }) => {
                let content = content.in_place_of(&self.content).ok()?;
                MessageField::Edit(Version { content, at })
            }
            MessageField::Filled(content, extras) => {
                let is_alike = self.is_system() == content.is_system();
                let fills = self.awaits_content() && !content.is_unsupported() && is_alike;
                fills.then_some(MessageField::Filled(content, extras))?
            }
            field => field,
        })
    }

    /// Whether its content is yet to come.
    pub(crate) fn awaits_content(&self) -> bool {
        let is_placeholder = self.extras.as_ref().is_some_and(|it| it.placeholder);
        is_placeholder || self.content.is_unsupported()
    }

    /// The aliases that it had and has no longer.
    pub(crate) fn lost_aliases(&self, before: Option<&Extras>) -> Vec<ProviderId> {
        let aliases = |extras: Option<&Extras>| extras.map(|it| it.provider_aliases.clone());
        let before = aliases(before).unwrap_or_default();
        let kept = aliases(self.extras.as_deref()).unwrap_or_default();
        let lost = before.into_iter().filter(|alias| !kept.contains(alias));
        lost.collect()
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
            MessageField::Alias(alias) => self.extras_mut().add_alias(alias),
            MessageField::Reaction(reaction) => self.extras_mut().react(reaction),
            MessageField::Edit(version) => self.edit(version),
            MessageField::Original(original) => self.take_original(*original),
            MessageField::Revoked(revocation) => self.revoke(revocation),
            MessageField::Filled(content, extras) => self.fill(content, *extras),
            MessageField::Content(content) => self.content = content,
            MessageField::Metadata(changes) => {
                let extras = self.extras_mut();
                extras.metadata = extras.metadata.merged(&changes);
            }
            MessageField::Retried => {
                self.status = DeliveryStatus::Pending;
                self.deliveries.sent_at = None;
                self.deliveries.failed_at = None;
                self.deliveries.failure = None;
                let former = self.provider_id.take();
                let extras = self.extras_mut();
                extras.retries += 1;
                former.into_iter().for_each(|id| extras.add_alias(id));
            }
            // Its conversation changes.
            MessageField::UpTo(_) => {}
        }
        // A message is the same message however it came to have nothing more.
        self.extras = self.extras.take().filter(|extras| !extras.is_empty());
    }

    /// Takes the place of the message itself, whose edit came before it.
    fn take_original(&mut self, original: Original) {
        let Original {
            version,
            order_time,
            extras,
        } = original;
        (self.created_at, self.order_time) = (version.at, order_time);
        let is_erased = matches!(self.content, Content::Revoked(_));
        if is_erased {
            self.content = Content::Revoked(version.content.message_type());
        } else if let Ok(content) = self.content.clone().in_place_of(&version.content) {
            // A text that came as an edit is the caption of media, as in the other order.
            self.content = content;
        }
        let own = self.extras_mut();
        own.awaits_original = false;
        own.client_ref = extras.client_ref;
        if !is_erased {
            own.identity = extras.identity;
            own.reply_to = extras.reply_to;
            own.forwarded = extras.forwarded;
            own.bring(extras.raw, &extras.metadata);
            // What is no content yet is no former one.
            own.placeholder = extras.placeholder || version.content.is_unsupported();
            if !own.placeholder {
                own.found(version);
            }
        }
    }

    /// Takes the content that was yet to come. If it was edited by then, the edits stay.
    fn fill(&mut self, content: Content, extras: Extras) {
        let former = std::mem::replace(&mut self.content, content);
        let at = self.created_at;
        let own = self.extras.get_or_insert_default();
        own.placeholder = false;
        own.bring(extras.raw, &extras.metadata);
        if own.edited_at.is_some() {
            let content = self.content.clone();
            let edited = match former {
                // What was seen of it was no more than a preview.
                Content::Media {
                    caption: Some(words),
                    ..
                } => Content::text(words),
                other => other,
            };
            if let Ok(edited) = edited.in_place_of(&content) {
                self.content = edited;
            }
            own.found(Version { content, at });
        }
    }

    fn edit(&mut self, mut version: Version) {
        let is_present = self.content == version.content;
        let awaits_content = self.awaits_content();
        let extras = self.extras_mut();
        // The same once more.
        if extras.edited_at == Some(version.at) && is_present || extras.versions.contains(&version)
        {
            return;
        }
        match extras.edited_at {
            Some(edited_at) if edited_at > version.at => {}
            edited_at => {
                extras.edited_at = Some(version.at);
                extras.placeholder |= awaits_content;
                let at = edited_at.unwrap_or(self.created_at);
                let content = std::mem::replace(&mut self.content, version.content);
                if awaits_content && edited_at.is_none() {
                    // What is no content yet is no former one.
                    return;
                }
                version = Version { content, at };
            }
        }
        self.extras_mut().keep(version);
    }

    /// Takes a message back: all but its place, its ids, its author and its receipts goes, unless the
    /// content is to be kept.
    fn revoke(&mut self, revocation: Revocation) {
        if self.is_revoked() {
            return;
        }
        if revocation.keeps_content {
            self.extras_mut().revoked = Some(revocation);
            return;
        }
        self.content = Content::Revoked(self.content.message_type());
        let known = std::mem::take(self.extras_mut());
        *self.extras_mut() = Extras {
            author: known.author,
            client_ref: known.client_ref,
            import_id: known.import_id,
            provider_aliases: known.provider_aliases,
            retries: known.retries,
            awaits_original: known.awaits_original,
            revoked: Some(revocation),
            ..Extras::default()
        };
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
        self.write(&mut object)?;
        object.end()
    }
}

impl Message {
    /// Writes the fields of its JSON but its ids.
    fn write<S: Serializer>(&self, object: &mut ObjectWriter<S>) -> Result<(), S::Error> {
        object.put("direction", self.direction)?;
        object.put("type", self.content.message_type())?;
        object.put_some("content", self.content.as_text())?;
        object.put("status", self.status)?;
        object.put("created_at", Time(self.created_at))?;
        self.content.write_first(object)?;
        object.put_some("provider_id", self.provider_id.as_ref())?;
        for (field, status) in Deliveries::FIELDS {
            object.put_some(field, self.deliveries.at(status).map(Time))?;
        }
        object.put_some("error", self.deliveries.failure.as_ref())?;
        object.put_some("played_at", self.deliveries.played_at.map(Time))?;
        self.content.write_last(object)?;
        match &self.extras {
            Some(extras) => extras.write(object),
            None => Ok(()),
        }
    }

    /// The message of a document that has its direction and its time.
    fn of_document<E: de::Error>(
        mut document: Document,
        (id, of): (MessageId, ConversationId),
        created_at: DateTime<Utc>,
    ) -> Result<Self, E> {
        let direction = document
            .direction
            .ok_or_else(|| E::missing_field("direction"))?;
        let deliveries = Deliveries {
            sent_at: document.sent_at.take().map(Time::get),
            delivered_at: document.delivered_at.take().map(Time::get),
            read_at: document.read_at.take().map(Time::get),
            failed_at: document.failed_at.take().map(Time::get),
            failure: document.error.take(),
            played_at: document.played_at.take().map(Time::get),
        };
        let content = document.content()?;
        let mut extras = document.extras().map_err(E::custom)?;
        if let Some(revoked) = extras.as_mut().and_then(|extras| extras.revoked.as_mut()) {
            revoked.keeps_content = !matches!(content, Content::Revoked(_));
        }
        Ok(Self {
            id,
            conversation_id: of,
            direction,
            content,
            status: document.status.unwrap_or(direction.first_status()),
            created_at,
            provider_id: document.provider_id.take(),
            deliveries,
            extras,
            order_time: created_at,
        })
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let row = Embedded::<_, MessageRecord<'_>>::deserialize(deserializer)?;
            let (conversation, id, Time(order_time)) = row.key;
            return Ok(row.record.into_message(conversation, order_time, id));
        }
        let missing = <D::Error as de::Error>::missing_field;
        let mut document = Document::deserialize(Object(deserializer))?;
        let reason = "belongs to a message that is yet to be stored";
        Document::refuse(&document.of_draft(), reason)
            .and_then(|()| document.refuse_edit())
            .map_err(de::Error::custom)?;
        let id = document.id.take().ok_or_else(|| missing("id"))?;
        let id = MessageId::new(&id).map_err(de::Error::custom)?;
        let of = document.conversation_id.take();
        let of = of.ok_or_else(|| missing("conversation_id"))?;
        let created_at = document.created_at.take();
        let created_at = created_at.ok_or_else(|| missing("created_at"))?.get();
        Self::of_document(document, (id, of), created_at)
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
    /// By the provider's id, which is unique in its inbox for ever.
    ProviderId {
        /// The inbox.
        inbox: InboxRef,
        /// The provider's id.
        provider_id: ProviderId,
    },
    /// By the sender's own reference, which is unique in its inbox and its direction while the message
    /// exists.
    ClientRef {
        /// The inbox.
        inbox: InboxRef,
        /// Which way the message went.
        direction: Direction,
        /// The reference.
        client_ref: String,
    },
}

impl MessageRef {
    /// What a message is found under that is not named by the store's ids.
    #[doc(hidden)]
    pub fn foreign_id(&self) -> Option<(&InboxRef, ProviderId)> {
        match self {
            Self::Id { .. } => None,
            Self::ProviderId { inbox, provider_id } => Some((inbox, provider_id.clone())),
            Self::ClientRef {
                inbox,
                direction,
                client_ref,
            } => Some((inbox, ProviderId::of_reference(*direction, client_ref))),
        }
    }
}

impl<I: Into<InboxRef>> From<(I, ProviderId)> for MessageRef {
    fn from((inbox, provider_id): (I, ProviderId)) -> Self {
        Self::ProviderId {
            inbox: inbox.into(),
            provider_id,
        }
    }
}

impl<I: Into<InboxRef>> From<(I, &ProviderId)> for MessageRef {
    fn from((inbox, provider_id): (I, &ProviderId)) -> Self {
        Self::from((inbox, provider_id.clone()))
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
