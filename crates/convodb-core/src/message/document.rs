//! The JSON of messages, of stored ones and of those that are yet to be stored: one list of fields, of
//! which each has its own.

use serde::{Deserialize, Deserializer, de};

use super::content::ContentFields;
use super::extras::{Author, Extras, Reaction, Reference, Revocation};
use super::parts::{Card, Choice, Location, SystemLine, Unsupported};
use super::{Address, Attachment, Content, DeliveryStatus, Direction, Failure, MessageType};
use crate::commands::Edit;
use crate::commands::request::{MessageNames, message_ref};
use crate::text::Object;
use crate::time::Time;
use crate::{
    Channel, ContactId, ConversationId, InboxId, InvalidInput, Json, MessageId, Metadata,
    ProviderId, Who,
};

/// Every field that a message has in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Document {
    // Of a stored message.
    pub(super) id: Option<String>,
    pub(super) conversation_id: Option<ConversationId>,
    pub(super) direction: Option<Direction>,
    pub(super) created_at: Option<Time>,
    pub(super) delivered_at: Option<Time>,
    pub(super) read_at: Option<Time>,
    pub(super) failed_at: Option<Time>,
    pub(super) played_at: Option<Time>,
    pub(super) error: Option<Box<Failure>>,
    pub(super) attempts: Option<u32>,
    pub(super) reactions: Option<Vec<ReactionDocument>>,
    pub(super) edited_at: Option<Time>,
    pub(super) versions: Option<u32>,
    pub(super) revoked_at: Option<Time>,
    pub(super) revoked_by: Option<Author>,
    pub(super) identity: Option<String>,
    // Of an edit.
    message_id: Option<MessageId>,
    at: Option<Time>,
    // Of one that is yet to be stored.
    pub(super) contact_id: Option<ContactId>,
    pub(super) identities: Option<Vec<String>>,
    pub(super) channel: Option<Channel>,
    pub(super) inbox_id: Option<InboxId>,
    pub(super) reopen: Option<bool>,
    pub(super) echo: Option<bool>,
    // Of both. `sent_at` is the provider's time of a message, and the time of a receipt of a stored
    // one.
    pub(super) r#type: Option<MessageType>,
    pub(super) status: Option<DeliveryStatus>,
    pub(super) sent_at: Option<Time>,
    content: Option<String>,
    template_name: Option<String>,
    template_params: Option<Vec<String>>,
    media_url: Option<String>,
    caption: Option<String>,
    attachments: Option<Vec<Attachment>>,
    location: Option<Box<Location>>,
    contacts: Option<Vec<Card>>,
    reply: Option<Box<Choice>>,
    system: Option<Box<SystemLine>>,
    unsupported: Option<Box<Unsupported>>,
    pub(super) provider_id: Option<ProviderId>,
    raw: Option<Json>,
    reply_to: Option<Reference>,
    forwarded: Option<bool>,
    author: Option<Author>,
    client_ref: Option<String>,
    provider_aliases: Option<Vec<ProviderId>>,
    placeholder: Option<bool>,
    metadata: Option<Metadata>,
}

/// One emoji of one reactor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct ReactionDocument {
    by: Author,
    emoji: String,
    at: Time,
}

impl Document {
    /// Whom the message is from or to.
    pub(super) fn address<E: de::Error>(&mut self) -> Result<Address, E> {
        let who = Who {
            contact: self.contact_id.take(),
            identities: self.identities.take().unwrap_or_default(),
        };
        Address::read(who, self.channel, self.inbox_id.take())
    }

    /// Refuses what an edit alone has.
    pub(super) fn refuse_edit(&self) -> Result<(), InvalidInput> {
        let fields = [
            ("message_id", self.message_id.is_some()),
            ("at", self.at.is_some()),
        ];
        Self::refuse(&fields, "is not a field of a message")
    }

    /// Refuses fields that are given and do not belong.
    pub(super) fn refuse(
        fields: &[(&'static str, bool)],
        reason: &str,
    ) -> Result<(), InvalidInput> {
        let given = fields.iter().find(|(_, is_given)| *is_given);
        given.map_or(Ok(()), |(field, _)| {
            Err(InvalidInput::new(*field, reason.to_owned()))
        })
    }

    pub(super) const fn of_stored(&self) -> [(&'static str, bool); 16] {
        [
            ("id", self.id.is_some()),
            ("conversation_id", self.conversation_id.is_some()),
            ("direction", self.direction.is_some()),
            ("created_at", self.created_at.is_some()),
            ("delivered_at", self.delivered_at.is_some()),
            ("read_at", self.read_at.is_some()),
            ("failed_at", self.failed_at.is_some()),
            ("played_at", self.played_at.is_some()),
            ("error", self.error.is_some()),
            ("attempts", self.attempts.is_some()),
            ("reactions", self.reactions.is_some()),
            ("edited_at", self.edited_at.is_some()),
            ("versions", self.versions.is_some()),
            ("revoked_at", self.revoked_at.is_some()),
            ("revoked_by", self.revoked_by.is_some()),
            ("identity", self.identity.is_some()),
        ]
    }

    pub(super) const fn of_draft(&self) -> [(&'static str, bool); 6] {
        [
            ("contact_id", self.contact_id.is_some()),
            ("identities", self.identities.is_some()),
            ("channel", self.channel.is_some()),
            ("inbox_id", self.inbox_id.is_some()),
            ("reopen", self.reopen.is_some()),
            ("echo", self.echo.is_some()),
        ]
    }

    pub(super) const fn of_outbound(&self) -> [(&'static str, bool); 3] {
        [
            ("status", self.status.is_some()),
            ("echo", self.echo.is_some()),
            ("author", self.author.is_some()),
        ]
    }

    /// The fields of the content, taken out of the others.
    fn content_fields(&mut self) -> ContentFields {
        ContentFields {
            content: self.content.take(),
            template_name: self.template_name.take(),
            template_params: self.template_params.take(),
            media_url: self.media_url.take(),
            caption: self.caption.take(),
            attachments: self.attachments.take(),
            location: self.location.take(),
            contacts: self.contacts.take(),
            reply: self.reply.take(),
            system: self.system.take(),
            unsupported: self.unsupported.take(),
            ..ContentFields::default()
        }
    }

    pub(super) fn content<E: de::Error>(&mut self) -> Result<Content, E> {
        let r#type = self.r#type.ok_or_else(|| E::missing_field("type"))?;
        let fields = self.content_fields();
        let kept = match self.revoked_at {
            Some(_) if fields.is_revoked() => Ok(Content::Revoked(r#type)),
            _ => fields.into_content(r#type),
        };
        kept.map_err(E::custom)
    }

    pub(super) fn extras(&mut self) -> Result<Option<Box<Extras>>, InvalidInput> {
        let mut extras = Extras {
            raw: self.raw.take(),
            reply_to: self.reply_to.take(),
            forwarded: self.forwarded.unwrap_or(false),
            author: self.author.take(),
            identity: self.identity.take(),
            client_ref: self.client_ref.take(),
            provider_aliases: self.provider_aliases.take().unwrap_or_default(),
            retries: self.attempts.unwrap_or(1).saturating_sub(1),
            edited_at: self.edited_at.take().map(Time::get),
            placeholder: self.placeholder.unwrap_or(false),
            metadata: self.metadata.take().unwrap_or_default(),
            ..Extras::default()
        };
        for ReactionDocument { by, emoji, at } in self.reactions.take().unwrap_or_default() {
            let known = extras.reactions.iter_mut().find(|it| it.by.is_same(&by));
            match known {
                Some(known) => known.emoji.push(emoji),
                None => extras
                    .reactions
                    .push(Reaction::new(by, vec![emoji], at.get())),
            }
        }
        extras.revoked = match (self.revoked_at.take(), self.revoked_by.take()) {
            (Some(at), by) => {
                let by = by.unwrap_or_else(Author::contact);
                Some(Revocation::new(at.get(), by, false))
            }
            (None, None) => None,
            (None, Some(_)) => {
                return Err(InvalidInput::new(
                    "revoked_at",
                    "is required beside revoked_by",
                ));
            }
        };
        Ok((!extras.is_empty()).then(|| Box::new(extras)))
    }
}

/// The names of a message, `contact_id`, `at`, and the fields of a content; without a `type`, that of a
/// text.
impl<'de> Deserialize<'de> for Edit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut document = Document::deserialize(Object(deserializer))?;
        document.r#type.get_or_insert(MessageType::Text);
        let content = document.content()?;
        let (at, contact) = (document.at.take(), document.contact_id.take());
        let names = MessageNames {
            conversation_id: document.conversation_id.take(),
            message_id: document.message_id.take(),
            channel: document.channel.take(),
            inbox_id: document.inbox_id.take(),
            provider_id: document.provider_id.take(),
            client_ref: document.client_ref.take(),
            direction: document.direction.take(),
        };
        let refused = Document::refuse(&document.of_stored(), "is not a field of an edit")
            .and_then(|()| Document::refuse(&document.of_draft(), "is not a field of an edit"))
            .and_then(|()| Document::refuse(&document.of_outbound(), "is not a field of an edit"));
        refused.map_err(de::Error::custom)?;
        let rest =
            document.sent_at.is_some() || document.extras().map_err(de::Error::custom)?.is_some();
        let reason = "has fields that do not belong to it";
        InvalidInput::unless(!rest, "edit", reason).map_err(de::Error::custom)?;
        Ok(Self {
            message: message_ref(names).map_err(de::Error::custom)?,
            contact: contact.map(crate::Who::from),
            content,
            at: at.map(Time::get),
        })
    }
}
