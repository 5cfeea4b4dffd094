//! Messages: packed, as histories consist of them.
//!
//! Layout: direction, status, kind of content, flags; the times that the flags name, the message's own
//! first, where the key has another one; the provider's
//! id; the code and the message of a failure; the content. The last text of each kind of content
//! reaches to the end of the record, and so do the parameters of a template.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::as_json;
use super::packed::{Fields, put_text};
use crate::codec::{CodecError, Record};
use crate::{
    Attachment, Content, ConversationId, Deliveries, DeliveryStatus, Direction, Extras, Message,
    MessageId, MessageType, ProviderId, time,
};

/// A message without its ids and its time, which its key has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord<'a>(Cow<'a, Message>);

/// Which optional fields a message has.
mod has {
    pub(super) const PROVIDER_ID: u8 = 1;
    /// The first of the times, in the order of [`Deliveries::FIELDS`](super::Deliveries::FIELDS).
    pub(super) const TIME: u8 = 1 << 1;
    pub(super) const FAILURE: u8 = 1 << 5;
    pub(super) const CAPTION: u8 = 1 << 6;
    /// Another byte of flags.
    pub(super) const MORE: u8 = 1 << 7;
}

/// Which fields of those that few messages have.
mod more {
    /// A time of its own, beside the order time that its key has.
    pub(super) const CREATED_AT: u8 = 1;
    pub(super) const PLAYED_AT: u8 = 1 << 1;
    /// A content in JSON, in place of the one at the end.
    pub(super) const CONTENT: u8 = 1 << 2;
    pub(super) const EXTRAS: u8 = 1 << 3;
    pub(super) const ALL: u8 = (1 << 4) - 1;
}

/// The time of a message whose key is not known yet. No stored time is before 1970.
const NO_TIME: DateTime<Utc> = DateTime::<Utc>::MIN_UTC;

impl<'a> From<&'a Message> for MessageRecord<'a> {
    fn from(message: &'a Message) -> Self {
        Self(Cow::Borrowed(message))
    }
}

impl MessageRecord<'_> {
    /// The message of this record under a key.
    #[inline]
    pub fn into_message(
        self,
        conversation: ConversationId,
        order_time: DateTime<Utc>,
        id: MessageId,
    ) -> Message {
        let mut message = self.0.into_owned();
        message.conversation_id = conversation;
        if message.created_at == NO_TIME {
            message.created_at = order_time;
        }
        message.order_time = order_time;
        message.id = id;
        message
    }
}

impl Record for MessageRecord<'_> {
    const VERSION: u8 = 1;

    fn encode(&self, payload: &mut Vec<u8>) -> Result<(), CodecError> {
        write(&self.0, payload)
    }

    fn decode(version: u8, payload: &[u8]) -> Result<Self, CodecError> {
        let (conversation, id) = (ConversationId::from_raw(0), MessageId::from_raw(0));
        let message = decode(version, payload, conversation, NO_TIME, id)?;
        Ok(Self(Cow::Owned(message)))
    }
}

/// The message of a record under a key.
#[inline]
pub fn decode(
    version: u8,
    payload: &[u8],
    conversation: ConversationId,
    order_time: DateTime<Utc>,
    id: MessageId,
) -> Result<Message, CodecError> {
    if version != MessageRecord::VERSION {
        return Err(CodecError::UnknownVersion(version));
    }
    let mut fields = Fields::new(payload);
    let (direction, status, kind, has) = read_head(&mut fields).ok_or_else(malformed)?;
    let mut created_at = order_time;
    let mut deliveries = Deliveries::default();
    let mut provider_id = None;
    let mut more = More::default();
    if has & !has::CAPTION != 0 {
        if has & has::MORE != 0 {
            more = More::read(&mut fields).ok_or_else(malformed)?;
            created_at = more.created_at.unwrap_or(order_time);
        }
        provider_id = read_more(has, &mut fields, &mut deliveries).ok_or_else(malformed)?;
        deliveries.played_at = more.played_at;
    }
    let content = match more.content {
        Some(content) => content,
        None => {
            let has_caption = has & has::CAPTION != 0;
            read_content(kind, has_caption, &mut fields).ok_or_else(malformed)?
        }
    };
    if !fields.is_empty() {
        return Err(CodecError::LeftOver);
    }
    // Built in its place: a message is too large to be moved from one result to the next.
    Ok(Message {
        id,
        conversation_id: conversation,
        direction,
        content,
        status,
        created_at,
        provider_id,
        deliveries,
        extras: more.extras,
        order_time,
    })
}

#[cold]
fn malformed() -> CodecError {
    CodecError::malformed("the fields are not those of a message")
}

/// The caption of a content that is stored in fields.
fn caption(content: &Content) -> Option<&str> {
    match content {
        Content::Template { text, .. } => text.as_deref(),
        Content::Media { caption, .. } => caption.as_deref(),
        _ => None,
    }
}

/// Whether a content is stored in fields, as the most common ones are, or in JSON.
fn has_fields(content: &Content) -> bool {
    match content {
        Content::Text { attachments, .. } | Content::Template { attachments, .. } => {
            attachments.is_empty()
        }
        _ => content.lone_url().is_some(),
    }
}

fn write(message: &Message, bytes: &mut Vec<u8>) -> Result<(), CodecError> {
    let deliveries = &message.deliveries;
    let failure = deliveries.failure.as_ref();
    let times = Deliveries::FIELDS.map(|(_, status)| deliveries.at(status));
    let more = More::write(message)?;
    let has_fields = has_fields(&message.content);
    let flag = |flag: u8, has: bool| if has { flag } else { 0 };
    let mut flags = flag(has::PROVIDER_ID, message.provider_id.is_some())
        | flag(has::FAILURE, failure.is_some())
        | flag(
            has::CAPTION,
            has_fields && caption(&message.content).is_some(),
        )
        | flag(has::MORE, !more.is_empty());
    for (index, time) in times.iter().enumerate() {
        flags |= flag(has::TIME << index, time.is_some());
    }
    let kind = message.content.message_type() as u8;
    bytes.extend_from_slice(&[message.direction as u8, message.status as u8, kind, flags]);
    bytes.extend_from_slice(&more);
    for time in times.into_iter().flatten() {
        put_time(bytes, time);
    }
    if let Some(id) = &message.provider_id {
        put_text(bytes, id.as_str());
    }
    if let Some(failure) = failure {
        put_json(bytes, failure)?;
    }
    if has_fields {
        write_content(&message.content, bytes);
    }
    Ok(())
}

/// What few messages have, behind a byte of flags.
#[derive(Default)]
struct More {
    created_at: Option<DateTime<Utc>>,
    played_at: Option<DateTime<Utc>>,
    content: Option<Content>,
    extras: Option<Box<Extras>>,
}

impl More {
    /// The bytes of a message; none where it has nothing of this.
    fn write(message: &Message) -> Result<Vec<u8>, CodecError> {
        let created_at = Some(message.created_at).filter(|time| *time != message.order_time);
        let played_at = message.deliveries.played_at;
        let content = Some(&message.content).filter(|content| !has_fields(content));
        let flag = |flag: u8, has: bool| if has { flag } else { 0 };
        let flags = flag(more::CREATED_AT, created_at.is_some())
            | flag(more::PLAYED_AT, played_at.is_some())
            | flag(more::CONTENT, content.is_some())
            | flag(more::EXTRAS, message.extras.is_some());
        if flags == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = vec![flags];
        for time in [created_at, played_at].into_iter().flatten() {
            put_time(&mut bytes, time);
        }
        content.map_or(Ok(()), |content| put_json(&mut bytes, content))?;
        let extras = message.extras.as_ref();
        extras.map_or(Ok(()), |extras| put_json(&mut bytes, extras))?;
        Ok(bytes)
    }

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let flags = fields
            .byte()
            .filter(|flags| (1..=more::ALL).contains(flags))?;
        let mut more = Self::default();
        if flags & more::CREATED_AT != 0 {
            more.created_at = Some(read_time(fields)?);
        }
        if flags & more::PLAYED_AT != 0 {
            more.played_at = Some(read_time(fields)?);
        }
        if flags & more::CONTENT != 0 {
            more.content = Some(read_json(fields)?);
        }
        if flags & more::EXTRAS != 0 {
            more.extras = Some(read_json(fields)?);
        }
        Some(more)
    }
}

fn put_time(bytes: &mut Vec<u8>, time: DateTime<Utc>) {
    bytes.extend_from_slice(&time.timestamp_micros().to_le_bytes());
}

fn put_json(bytes: &mut Vec<u8>, value: &impl Serialize) -> Result<(), CodecError> {
    let json = as_json::to_text(value)
        .map_err(|error| CodecError::malformed(format!("a value has no JSON: {error}")))?;
    put_text(bytes, &json);
    Ok(())
}

fn read_json<T: DeserializeOwned>(fields: &mut Fields<'_>) -> Option<T> {
    as_json::from_text(fields.text()?).ok()
}

fn write_content(content: &Content, bytes: &mut Vec<u8>) {
    match content {
        Content::Text { text, .. } => bytes.extend_from_slice(text.as_bytes()),
        Content::Template {
            name, params, text, ..
        } => {
            put_text(bytes, name);
            text.iter().for_each(|text| put_text(bytes, text));
            params.iter().for_each(|param| put_text(bytes, param));
        }
        other => {
            put_text(bytes, other.lone_url().unwrap_or_default());
            bytes.extend_from_slice(caption(other).unwrap_or_default().as_bytes());
        }
    }
}

/// Reads the first four bytes.
#[inline]
fn read_head(fields: &mut Fields<'_>) -> Option<(Direction, DeliveryStatus, MessageType, u8)> {
    let direction = *Direction::ALL.get(usize::from(fields.byte()?))?;
    let status = *DeliveryStatus::ALL.get(usize::from(fields.byte()?))?;
    let kind = *MessageType::ALL.get(usize::from(fields.byte()?))?;
    Some((direction, status, kind, fields.byte()?))
}

fn read_time(fields: &mut Fields<'_>) -> Option<DateTime<Utc>> {
    time::from_micros(fields.i64()?)
}

/// Reads what most messages do not have.
fn read_more(has: u8, fields: &mut Fields<'_>, to: &mut Deliveries) -> Option<Option<ProviderId>> {
    for (index, (_, status)) in Deliveries::FIELDS.into_iter().enumerate() {
        if has & (has::TIME << index) != 0 {
            *to.at_mut(status)? = Some(read_time(fields)?);
        }
    }
    let mut provider_id = None;
    if has & has::PROVIDER_ID != 0 {
        provider_id = Some(ProviderId::new(fields.text()?).ok()?);
    }
    if has & has::FAILURE != 0 {
        to.failure = Some(read_json(fields)?);
    }
    Some(provider_id)
}

#[inline]
fn read_content(kind: MessageType, has_caption: bool, fields: &mut Fields<'_>) -> Option<Content> {
    Some(match kind {
        MessageType::Text if has_caption => return None,
        MessageType::Text => Content::text(fields.last_text()?),
        MessageType::Template => {
            let name = fields.text()?.to_owned();
            let mut text = None;
            if has_caption {
                text = Some(fields.text()?.to_owned());
            }
            let mut params = Vec::new();
            while !fields.is_empty() {
                params.push(fields.text()?.to_owned());
            }
            Content::Template {
                name,
                params,
                text,
                attachments: Vec::new(),
            }
        }
        other => {
            let kind = other.medium()?;
            let attachments = vec![Attachment::url(kind, fields.text()?)];
            let mut caption = None;
            if has_caption {
                caption = Some(fields.last_text()?.to_owned());
            }
            Content::Media {
                kind,
                attachments,
                caption,
            }
        }
    })
}
