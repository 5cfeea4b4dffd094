//! The JSON of commands about a message, as the bodies of requests have it: one list of fields, of which
//! each command takes its own.

use serde::{Deserializer, de};

use super::*;
use crate::Failure;
use crate::metadata::MetadataChanges;
use crate::text::Object;
use crate::time::Time;

/// Every field that such a request may have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct Request {
    // Which message.
    conversation_id: Option<ConversationId>,
    message_id: Option<MessageId>,
    channel: Option<Channel>,
    inbox_id: Option<InboxId>,
    provider_id: Option<ProviderId>,
    client_ref: Option<String>,
    direction: Option<Direction>,
    // What of it.
    contact_id: Option<ContactId>,
    by: Option<Author>,
    #[serde(default)]
    emoji: Option<Emoji>,
    at: Option<Time>,
    keep_content: Option<bool>,
    attachments: Option<Vec<AttachmentUpdate>>,
    metadata: Option<MetadataChanges>,
    status: Option<Reported>,
    error: Option<Failure>,
    until: Option<Time>,
    #[serde(default, deserialize_with = "yes")]
    up_to: bool,
}

/// What is said or left out.
fn yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match bool::deserialize(deserializer)? {
        true => Ok(true),
        false => Err(de::Error::custom("must be true, or left out")),
    }
}

/// One emoji, or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a text, a list of texts or null")]
enum Emoji {
    One(String),
    Several(Vec<String>),
}

/// What a provider reports of a message.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Reported {
    Pending,
    Sent,
    Failed,
    Delivered,
    Read,
    Played,
}

impl Request {
    /// Reads a request that has no other fields than these, beside those that name its message.
    fn read<'de, D: Deserializer<'de>>(deserializer: D, fields: &[&str]) -> Result<Self, D::Error> {
        let request = Self::deserialize(Object(deserializer))?;
        let given = [
            ("contact_id", request.contact_id.is_some()),
            ("by", request.by.is_some()),
            ("emoji", request.emoji.is_some()),
            ("at", request.at.is_some()),
            ("keep_content", request.keep_content.is_some()),
            ("attachments", request.attachments.is_some()),
            ("metadata", request.metadata.is_some()),
            ("status", request.status.is_some()),
            ("error", request.error.is_some()),
            ("until", request.until.is_some()),
            ("up_to", request.up_to),
        ];
        let foreign = given
            .into_iter()
            .find(|(field, is_given)| *is_given && !fields.contains(field));
        match foreign {
            Some((field, _)) => Err(de::Error::custom(InvalidInput::new(
                field,
                "is not a field of this request",
            ))),
            None => Ok(request),
        }
    }

    /// The message that it names, in exactly one way.
    fn message(&mut self) -> Result<MessageRef, InvalidInput> {
        message_ref(MessageNames {
            conversation_id: self.conversation_id,
            message_id: self.message_id,
            channel: self.channel,
            inbox_id: self.inbox_id.take(),
            provider_id: self.provider_id.take(),
            client_ref: self.client_ref.take(),
            direction: self.direction,
        })
    }

    fn at(&self) -> Option<DateTime<Utc>> {
        self.at.as_ref().map(|Time(at)| *at)
    }
}

/// The ways in which a request names a message.
pub(crate) struct MessageNames {
    pub(crate) conversation_id: Option<ConversationId>,
    pub(crate) message_id: Option<MessageId>,
    pub(crate) channel: Option<Channel>,
    pub(crate) inbox_id: Option<InboxId>,
    pub(crate) provider_id: Option<ProviderId>,
    pub(crate) client_ref: Option<String>,
    pub(crate) direction: Option<Direction>,
}

/// The message that a request names by a `conversation_id` and a `message_id`, or by a `channel` or
/// an `inbox_id` and a `provider_id` or a `client_ref`.
pub(crate) fn message_ref(names: MessageNames) -> Result<MessageRef, InvalidInput> {
    let required = |field: &'static str, beside: &str| {
        InvalidInput::new(field, format!("must be given beside {beside}"))
    };
    let is_inbox_named = names.inbox_id.is_some();
    let inbox = one_inbox(names.channel, names.inbox_id)?;
    let (by_id, foreign) = (
        (names.conversation_id, names.message_id),
        (inbox, names.provider_id, names.client_ref),
    );
    let reason = "belongs to a client_ref";
    let is_of_reference = foreign.2.is_some() || names.direction.is_none();
    InvalidInput::unless(is_of_reference, "direction", reason)?;
    match (by_id, foreign) {
        ((Some(conversation), Some(message)), (None, None, None)) => {
            Ok(MessageRef::from((conversation, message)))
        }
        ((None, None), (Some(inbox), Some(id), None)) => Ok(MessageRef::from((inbox, id))),
        ((None, None), (Some(inbox), None, Some(client_ref))) => Ok(MessageRef::ClientRef {
            inbox,
            direction: names.direction.unwrap_or(Direction::Outbound),
            client_ref,
        }),
        ((None, None), (None, None, None)) => {
            let reason = "with conversation_id, or provider_id or client_ref with channel, must be \
                given";
            Err(InvalidInput::new("message_id", reason))
        }
        ((None, Some(_)), (None, None, None)) => Err(required("conversation_id", "message_id")),
        ((Some(_), None), (None, None, None)) => Err(required("message_id", "conversation_id")),
        ((None, None), (None, Some(_), None)) => Err(required("channel", "provider_id")),
        ((None, None), (None, None, Some(_))) => Err(required("channel", "client_ref")),
        ((None, None), (Some(_), None, None)) => {
            let beside = if is_inbox_named {
                "inbox_id"
            } else {
                "channel"
            };
            Err(required("provider_id", beside))
        }
        ((None, None), (_, Some(_), Some(_))) => {
            let reason = "must not be given beside provider_id";
            Err(InvalidInput::new("client_ref", reason))
        }
        (_, (inbox, provider_id, _)) => {
            let field = match (inbox, provider_id) {
                (Some(_), _) if is_inbox_named => "inbox_id",
                (Some(_), _) => "channel",
                (None, Some(_)) => "provider_id",
                (None, None) => "client_ref",
            };
            let reason = "must not be given beside conversation_id or message_id";
            Err(InvalidInput::new(field, reason))
        }
    }
}

/// The inbox that one of two fields names.
fn one_inbox(
    channel: Option<Channel>,
    inbox_id: Option<InboxId>,
) -> Result<Option<InboxRef>, InvalidInput> {
    let reason = "must not be given beside inbox_id";
    let is_one = channel.is_none() || inbox_id.is_none();
    InvalidInput::unless(is_one, "channel", reason)?;
    Ok(InboxRef::given(channel, inbox_id))
}

/// The names of a message, `by`, `emoji` (a text, a list or null) and `at`.
impl<'de> Deserialize<'de> for React {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut request = Request::read(deserializer, &["by", "emoji", "at"])?;
        Ok(Self {
            message: request.message().map_err(de::Error::custom)?,
            at: request.at(),
            by: request.by.unwrap_or_else(Author::contact),
            emoji: match request.emoji {
                None => Vec::new(),
                Some(Emoji::One(emoji)) => vec![emoji],
                Some(Emoji::Several(emoji)) => emoji,
            },
        })
    }
}

/// The names of a message, `by`, `at` and `keep_content`.
impl<'de> Deserialize<'de> for Revoke {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut request = Request::read(deserializer, &["by", "at", "keep_content"])?;
        Ok(Self {
            message: request.message().map_err(de::Error::custom)?,
            at: request.at(),
            by: request.by.unwrap_or_else(Author::contact),
            keep_content: request.keep_content.unwrap_or(false),
        })
    }
}

/// The names of a message, and `status`, which can be `pending` alone.
impl<'de> Deserialize<'de> for Retry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut request = Request::read(deserializer, &["status"])?;
        let is_pending = matches!(request.status, None | Some(Reported::Pending));
        InvalidInput::unless(is_pending, "status", "must be `pending`, or left out")
            .map_err(de::Error::custom)?;
        let message = request.message().map_err(de::Error::custom)?;
        Ok(Self { message })
    }
}

/// The names of a message, `attachments` with their `index`, and `metadata`.
impl<'de> Deserialize<'de> for UpdateMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut request = Request::read(deserializer, &["attachments", "metadata"])?;
        Ok(Self {
            message: request.message().map_err(de::Error::custom)?,
            attachments: request.attachments.unwrap_or_default(),
            metadata: request.metadata.unwrap_or_default(),
        })
    }
}

/// What a provider reports: how far a message has come, how far all of them have, or the id that it has
/// given to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Of one message.
    Delivery(RecordDelivery),
    /// Of all until a time or a message.
    Watermark(RecordWatermark),
    /// The id of a message.
    ProviderId(SetProviderId),
}

/// The names of a message with `status`, `at` and `error`, and with `up_to` for those before it too; a
/// conversation or a contact with its channel, `status` and `until`; or the store's names of a message,
/// or its `client_ref`, and the `provider_id` that it was given.
impl<'de> Deserialize<'de> for Report {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = ["contact_id", "status", "at", "error", "until", "up_to"];
        let request = Request::read(deserializer, &fields)?;
        request.report().map_err(de::Error::custom)
    }
}

impl Request {
    fn report(mut self) -> Result<Report, InvalidInput> {
        let is_watermark = self.until.is_some() || self.up_to;
        let is_named_otherwise = self.message_id.is_some() || self.client_ref.is_some();
        if is_named_otherwise
            && self.status.is_none()
            && let Some(provider_id) = self.provider_id.take()
        {
            Self::refuse(self.error.is_some(), "error", "belongs to `failed` alone")?;
            let message = self.message()?;
            return Ok(Report::ProviderId(SetProviderId {
                message,
                provider_id,
            }));
        }
        let required = || InvalidInput::new("status", "is required");
        let status = self.status.ok_or_else(required)?;
        let is_error_given = self.error.is_some() && status != Reported::Failed;
        Self::refuse(is_error_given, "error", "belongs to `failed` alone")?;
        if is_watermark {
            return self.watermark(status).map(Report::Watermark);
        }
        Self::refuse(
            self.contact_id.is_some(),
            "contact_id",
            "belongs to `until`",
        )?;
        let message = self.message()?;
        let mut receipt = match status {
            Reported::Pending => {
                return Err(InvalidInput::new("status", "is no report of a provider"));
            }
            Reported::Sent => Receipt::sent(),
            Reported::Failed => Receipt::new(DeliveryStatus::Failed),
            Reported::Delivered => Receipt::delivered(),
            Reported::Read => Receipt::read(),
            Reported::Played => Receipt::played(),
        };
        if let Some(failure) = self.error.take() {
            receipt = receipt.failure(failure);
        }
        if let Some(at) = self.at() {
            receipt = receipt.at(at);
        }
        Ok(Report::Delivery(RecordDelivery { message, receipt }))
    }

    fn watermark(mut self, status: Reported) -> Result<RecordWatermark, InvalidInput> {
        let status = match status {
            Reported::Delivered => DeliveryStatus::Delivered,
            Reported::Read => DeliveryStatus::Read,
            _ => {
                let reason = "must be `delivered` or `read` beside `until` or `up_to`";
                return Err(InvalidInput::new("status", reason));
            }
        };
        Self::refuse(
            self.at.is_some(),
            "at",
            "must not be given beside `until` or `up_to`",
        )?;
        let of = match self.until.take() {
            None => {
                let reason = "must not be given beside `up_to`";
                Self::refuse(self.contact_id.is_some(), "contact_id", reason)?;
                WatermarkOf::UpTo(self.message()?)
            }
            Some(Time(until)) => {
                let is_message_named = self.message_id.is_some()
                    || self.provider_id.is_some()
                    || self.client_ref.is_some()
                    || self.up_to;
                let reason = "must not be given beside a message or `up_to`";
                Self::refuse(is_message_named, "until", reason)?;
                let inbox = one_inbox(self.channel, self.inbox_id.take())?;
                match (self.conversation_id, self.contact_id.take(), inbox) {
                    (Some(id), None, None) => WatermarkOf::Conversation(id, until),
                    (None, Some(contact), Some(inbox)) => {
                        WatermarkOf::Contact(contact.into(), inbox, until)
                    }
                    _ => {
                        let reason = "alone, or contact_id with channel or inbox_id, must be given \
                            beside `until`";
                        return Err(InvalidInput::new("conversation_id", reason));
                    }
                }
            }
        };
        Ok(RecordWatermark { of, status })
    }

    fn refuse(is_given: bool, field: &'static str, reason: &str) -> Result<(), InvalidInput> {
        InvalidInput::unless(!is_given, field, reason)
    }
}
