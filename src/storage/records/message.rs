//! Messages: packed, as a history is made of them. Within a change they are laid out as described.

use chrono::{DateTime, Utc};
use convodb_core::records::ContentV1;
use convodb_core::{
    ConversationId, Deliveries, DeliveryStatus, Direction, Failure, Message, MessageId, ProviderId,
    Result,
};
use serde::{Deserialize, Serialize};

use super::{micros, nonsense, optional_time};
use crate::kv::Table;
use crate::storage::codec::{self, Fields, Payload, Record, Unreadable, put_text};
use crate::storage::tables;

/// A message but its ids and time, which are the key.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::storage) struct MessageV1<'a> {
    direction: u8,
    status: u8,
    #[serde(borrow)]
    content: ContentV1<'a>,
    provider_id: Option<&'a str>,
    sent_us: Option<i64>,
    delivered_us: Option<i64>,
    read_us: Option<i64>,
    failed_us: Option<i64>,
    failure: Option<(&'a str, &'a str)>,
}

impl Record for MessageV1<'_> {
    const FORMAT: u8 = 1;
    const TABLE: Table = tables::MESSAGES;
}

/// The kinds of content.
mod kind {
    pub(super) const TEXT: u8 = 0;
    pub(super) const TEMPLATE: u8 = 1;
    pub(super) const IMAGE: u8 = 2;
    pub(super) const DOCUMENT: u8 = 3;
}

/// What a message has of what it need not have.
mod has {
    pub(super) const PROVIDER_ID: u8 = 1;
    pub(super) const SENT: u8 = 1 << 1;
    pub(super) const DELIVERED: u8 = 1 << 2;
    pub(super) const READ: u8 = 1 << 3;
    pub(super) const FAILED: u8 = 1 << 4;
    pub(super) const FAILURE: u8 = 1 << 5;
    pub(super) const CAPTION: u8 = 1 << 6;
    pub(super) const ALL: u8 = (1 << 7) - 1;
}

impl MessageV1<'_> {
    fn times(&self) -> [(u8, Option<i64>); 4] {
        [
            (has::SENT, self.sent_us),
            (has::DELIVERED, self.delivered_us),
            (has::READ, self.read_us),
            (has::FAILED, self.failed_us),
        ]
    }

    fn has(&self) -> u8 {
        let flag = |flag: u8, has: bool| if has { flag } else { 0 };
        let caption = match &self.content {
            ContentV1::Text(_) => None,
            ContentV1::Template { text, .. } => *text,
            ContentV1::Image(_, caption) | ContentV1::Document(_, caption) => *caption,
        };
        let times = self.times().map(|(has, time)| flag(has, time.is_some()));
        times.into_iter().fold(
            flag(has::PROVIDER_ID, self.provider_id.is_some())
                | flag(has::FAILURE, self.failure.is_some())
                | flag(has::CAPTION, caption.is_some()),
            std::ops::BitOr::bitor,
        )
    }
}

impl<'a> Payload<'a> for MessageV1<'a> {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.extend_from_slice(&[
            self.direction,
            self.status,
            kind_of(&self.content),
            self.has(),
        ]);
        for time in self.times().iter().filter_map(|(_, time)| *time) {
            bytes.extend_from_slice(&time.to_le_bytes());
        }
        if let Some(id) = self.provider_id {
            put_text(bytes, id);
        }
        if let Some((code, message)) = self.failure {
            put_text(bytes, code);
            put_text(bytes, message);
        }
        write_content(&self.content, bytes);
        Ok(())
    }

    #[inline]
    fn read(bytes: &'a [u8]) -> std::result::Result<Self, Unreadable> {
        codec::unpack(bytes, |fields| {
            let (direction, status) = (fields.byte()?, fields.byte()?);
            let (kind, has) = (fields.byte()?, fields.byte()?);
            if has & !has::ALL != 0 {
                return None;
            }
            let mut message = Self {
                direction,
                status,
                content: ContentV1::Text(""),
                provider_id: None,
                sent_us: None,
                delivered_us: None,
                read_us: None,
                failed_us: None,
                failure: None,
            };
            if has & !has::CAPTION != 0 {
                message.read_more(has, fields)?;
            }
            message.content = read_content(kind, has & has::CAPTION != 0, fields)?;
            Some(message)
        })
    }
}

impl<'a> MessageV1<'a> {
    /// Reads what most messages do not have.
    fn read_more(&mut self, has: u8, fields: &mut Fields<'a>) -> Option<()> {
        for (flag, time) in [
            (has::SENT, &mut self.sent_us),
            (has::DELIVERED, &mut self.delivered_us),
            (has::READ, &mut self.read_us),
            (has::FAILED, &mut self.failed_us),
        ] {
            if has & flag != 0 {
                *time = Some(fields.i64()?);
            }
        }
        if has & has::PROVIDER_ID != 0 {
            self.provider_id = Some(fields.text()?);
        }
        if has & has::FAILURE != 0 {
            self.failure = Some((fields.text()?, fields.text()?));
        }
        Some(())
    }
}

const fn kind_of(content: &ContentV1<'_>) -> u8 {
    match content {
        ContentV1::Text(_) => kind::TEXT,
        ContentV1::Template { .. } => kind::TEMPLATE,
        ContentV1::Image(..) => kind::IMAGE,
        ContentV1::Document(..) => kind::DOCUMENT,
    }
}

/// The last text of each kind reaches to the end of the record, and a template's parameters do.
fn write_content(content: &ContentV1<'_>, bytes: &mut Vec<u8>) {
    match content {
        ContentV1::Text(text) => bytes.extend_from_slice(text.as_bytes()),
        ContentV1::Template { name, params, text } => {
            for text in [Some(*name), *text].into_iter().flatten() {
                put_text(bytes, text);
            }
            for param in params {
                put_text(bytes, param);
            }
        }
        ContentV1::Image(address, caption) | ContentV1::Document(address, caption) => {
            put_text(bytes, address);
            bytes.extend_from_slice(caption.unwrap_or_default().as_bytes());
        }
    }
}

fn read_content<'a>(kind: u8, has_caption: bool, fields: &mut Fields<'a>) -> Option<ContentV1<'a>> {
    Some(match kind {
        kind::TEXT if !has_caption => ContentV1::Text(fields.last_text()?),
        kind::TEMPLATE => {
            let name = fields.text()?;
            let text = match has_caption {
                true => Some(fields.text()?),
                false => None,
            };
            let mut params = Vec::new();
            while !fields.is_empty() {
                params.push(fields.text()?);
            }
            ContentV1::Template { name, params, text }
        }
        kind::IMAGE | kind::DOCUMENT => {
            let address = fields.text()?;
            let caption = match has_caption {
                true => Some(fields.last_text()?),
                false => None,
            };
            match kind {
                kind::IMAGE => ContentV1::Image(address, caption),
                _ => ContentV1::Document(address, caption),
            }
        }
        _ => return None,
    })
}

pub(in crate::storage) const fn direction_code(direction: Direction) -> u8 {
    match direction {
        Direction::Inbound => 0,
        Direction::Outbound => 1,
    }
}

fn direction_of(code: u8) -> Result<Direction> {
    match code {
        0 => Ok(Direction::Inbound),
        1 => Ok(Direction::Outbound),
        _ => Err(nonsense("direction")),
    }
}

pub(in crate::storage) const fn delivery_code(status: DeliveryStatus) -> u8 {
    match status {
        DeliveryStatus::Sent => 0,
        DeliveryStatus::Failed => 1,
        DeliveryStatus::Delivered => 2,
        DeliveryStatus::Read => 3,
    }
}

pub(in crate::storage) fn delivery_of(code: u8) -> Result<DeliveryStatus> {
    match code {
        0 => Ok(DeliveryStatus::Sent),
        1 => Ok(DeliveryStatus::Failed),
        2 => Ok(DeliveryStatus::Delivered),
        3 => Ok(DeliveryStatus::Read),
        _ => Err(nonsense("delivery status")),
    }
}

pub(in crate::storage) fn failure_parts(failure: &Failure) -> (&str, &str) {
    (&failure.code, &failure.message)
}

pub(in crate::storage) fn failure_of((code, message): (&str, &str)) -> Failure {
    Failure::new(code, message)
}

impl<'a> From<&'a Message> for MessageV1<'a> {
    fn from(message: &'a Message) -> Self {
        let deliveries = &message.deliveries;
        Self {
            direction: direction_code(message.direction),
            status: delivery_code(message.status),
            content: ContentV1::from(&message.content),
            provider_id: message.provider_id.as_ref().map(ProviderId::as_str),
            sent_us: micros(deliveries.sent_at),
            delivered_us: micros(deliveries.delivered_at),
            read_us: micros(deliveries.read_at),
            failed_us: micros(deliveries.failed_at),
            failure: deliveries.failure.as_ref().map(failure_parts),
        }
    }
}

impl MessageV1<'_> {
    #[inline]
    pub(in crate::storage) fn into_message(
        self,
        conversation: ConversationId,
        created_at: DateTime<Utc>,
        id: MessageId,
    ) -> Result<Message> {
        let provider_id = self.provider_id.map(ProviderId::new).transpose();
        let direction = direction_of(self.direction)?;
        let content = self.content.into();
        let mut message = Message::new(id, conversation, direction, content, created_at);
        message.status = delivery_of(self.status)?;
        message.provider_id = provider_id.map_err(|_| nonsense("provider id"))?;
        message.deliveries = Deliveries::new(
            optional_time(self.sent_us)?,
            optional_time(self.delivered_us)?,
            optional_time(self.read_us)?,
            optional_time(self.failed_us)?,
            self.failure.map(failure_of),
        );
        Ok(message)
    }
}
