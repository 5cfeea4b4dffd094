//! Messages: packed, as histories consist of them.
//!
//! Layout: direction, status, kind of content, flags; the times that the flags name, the message's own
//! first, where the key has another one; the provider's
//! id; the code and the message of a failure; the content. The last text of each kind of content
//! reaches to the end of the record, and so do the parameters of a template.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::packed::{Fields, put_text};
use crate::codec::{CodecError, Record};
use crate::{
    Content, ConversationId, Deliveries, DeliveryStatus, Direction, Failure, Message, MessageId,
    MessageType, ProviderId, time,
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
    /// A time of its own, beside the order time that its key has.
    pub(super) const CREATED_AT: u8 = 1 << 7;
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
        write(&self.0, payload);
        Ok(())
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
    if has & !has::CAPTION != 0 {
        if has & has::CREATED_AT != 0 {
            created_at = read_time(&mut fields).ok_or_else(malformed)?;
        }
        provider_id = read_more(has, &mut fields, &mut deliveries).ok_or_else(malformed)?;
    }
    let Some(content) = read_content(kind, has & has::CAPTION != 0, &mut fields) else {
        return Err(malformed());
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
        order_time,
    })
}

#[cold]
fn malformed() -> CodecError {
    CodecError::malformed("the fields are not those of a message")
}

fn caption(content: &Content) -> Option<&str> {
    match content {
        Content::Text { .. } => None,
        Content::Template { text, .. } => text.as_deref(),
        Content::Image { caption, .. } | Content::Document { caption, .. } => caption.as_deref(),
    }
}

fn write(message: &Message, bytes: &mut Vec<u8>) {
    let deliveries = &message.deliveries;
    let failure = deliveries.failure.as_ref();
    let times = Deliveries::FIELDS.map(|(_, status)| deliveries.at(status));
    let flag = |flag: u8, has: bool| if has { flag } else { 0 };
    let mut flags = flag(has::PROVIDER_ID, message.provider_id.is_some())
        | flag(has::FAILURE, failure.is_some())
        | flag(has::CAPTION, caption(&message.content).is_some())
        | flag(has::CREATED_AT, message.created_at != message.order_time);
    for (index, time) in times.iter().enumerate() {
        flags |= flag(has::TIME << index, time.is_some());
    }
    let kind = message.content.message_type() as u8;
    bytes.extend_from_slice(&[message.direction as u8, message.status as u8, kind, flags]);
    let created_at = (message.created_at != message.order_time).then_some(message.created_at);
    for time in created_at.into_iter().chain(times.into_iter().flatten()) {
        bytes.extend_from_slice(&time.timestamp_micros().to_le_bytes());
    }
    if let Some(id) = &message.provider_id {
        put_text(bytes, id.as_str());
    }
    if let Some(failure) = failure {
        put_text(bytes, &failure.code);
        put_text(bytes, &failure.message);
    }
    write_content(&message.content, bytes);
}

fn write_content(content: &Content, bytes: &mut Vec<u8>) {
    match content {
        Content::Text { text } => bytes.extend_from_slice(text.as_bytes()),
        Content::Template { name, params, text } => {
            put_text(bytes, name);
            text.iter().for_each(|text| put_text(bytes, text));
            params.iter().for_each(|param| put_text(bytes, param));
        }
        Content::Image { media_url, caption } | Content::Document { media_url, caption } => {
            put_text(bytes, media_url);
            let caption = caption.as_deref().unwrap_or_default();
            bytes.extend_from_slice(caption.as_bytes());
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
            *to.at_mut(status) = Some(read_time(fields)?);
        }
    }
    let mut provider_id = None;
    if has & has::PROVIDER_ID != 0 {
        provider_id = Some(ProviderId::new(fields.text()?).ok()?);
    }
    if has & has::FAILURE != 0 {
        to.failure = Some(Failure::new(fields.text()?, fields.text()?));
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
            Content::Template { name, params, text }
        }
        MessageType::Image | MessageType::Document => {
            let media_url = fields.text()?.to_owned();
            let mut caption = None;
            if has_caption {
                caption = Some(fields.last_text()?.to_owned());
            }
            match kind {
                MessageType::Image => Content::Image { media_url, caption },
                _ => Content::Document { media_url, caption },
            }
        }
    })
}
