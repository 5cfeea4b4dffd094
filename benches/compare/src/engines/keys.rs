//! Keys and records written by hand, for the engines that know bytes alone.

use anyhow::{Context as _, Result, ensure};
use convodb::{Channel, DeliveryStatus, Direction, Status};

use crate::data::{Conversation, Directory, Message};
use crate::engine::Row;

pub(super) const POSITION_LEN: usize = 24;
pub(super) const ID_LEN: usize = 16;

/// A place in a list, complemented: ascending is the list's order, latest activity first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    time: u64,
    id: u128,
}

impl Position {
    pub(super) const fn new(updated_us: i64, id: u128) -> Self {
        Self {
            time: !updated_us.cast_unsigned(),
            id: !id,
        }
    }

    pub(super) const fn id(self) -> u128 {
        !self.id
    }

    pub(super) fn bytes(self) -> [u8; POSITION_LEN] {
        let mut bytes = [0; POSITION_LEN];
        bytes[..8].copy_from_slice(&self.time.to_be_bytes());
        bytes[8..].copy_from_slice(&self.id.to_be_bytes());
        bytes
    }

    /// The end of a key.
    pub(super) fn parse(key: &[u8]) -> Option<Self> {
        let (_, position) = key.split_last_chunk::<POSITION_LEN>()?;
        let (time, id) = position.split_first_chunk()?;
        Some(Self {
            time: u64::from_be_bytes(*time),
            id: u128::from_be_bytes(id.try_into().ok()?),
        })
    }
}

/// The key of a message: those of one conversation are together, oldest first.
pub(super) fn message_key(conversation: u128, message: u128) -> [u8; 2 * ID_LEN] {
    let mut key = [0; 2 * ID_LEN];
    key[..ID_LEN].copy_from_slice(&conversation.to_be_bytes());
    key[ID_LEN..].copy_from_slice(&message.to_be_bytes());
    key
}

/// A conversation but its id.
#[derive(Clone)]
pub(super) struct Record<'a> {
    pub(super) channel: Channel,
    pub(super) status: Status,
    pub(super) assignee: u16,
    pub(super) created_us: i64,
    pub(super) updated_us: i64,
    pub(super) contact: &'a str,
}

const RECORD_HEAD: usize = 1 + 1 + 2 + 8 + 8;

impl<'a> Record<'a> {
    pub(super) fn of(conversation: &'a Conversation) -> Self {
        Self {
            channel: conversation.channel,
            status: conversation.status,
            assignee: conversation.assignee,
            created_us: conversation.created_us,
            updated_us: conversation.updated_us,
            contact: conversation.contact(),
        }
    }

    pub(super) fn write(&self, into: &mut Vec<u8>) {
        into.clear();
        into.extend([self.channel as u8, self.status as u8]);
        into.extend(self.assignee.to_le_bytes());
        into.extend(self.created_us.to_le_bytes());
        into.extend(self.updated_us.to_le_bytes());
        into.extend(self.contact.as_bytes());
    }

    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let (head, contact) = bytes
            .split_first_chunk::<RECORD_HEAD>()
            .context("a record is too short")?;
        let [channel, status, a0, a1, times @ ..] = *head;
        let (created, updated) = times.split_at(8);
        Ok(Self {
            channel: *Channel::ALL.get(usize::from(channel)).context("channel")?,
            status: *Status::ALL.get(usize::from(status)).context("status")?,
            assignee: u16::from_le_bytes([a0, a1]),
            created_us: i64::from_le_bytes(created.try_into()?),
            updated_us: i64::from_le_bytes(updated.try_into()?),
            contact: std::str::from_utf8(contact)?,
        })
    }

    pub(super) fn row(&self, id: u128, directory: &Directory) -> Row {
        Row {
            id,
            contact: self.contact.into(),
            channel: self.channel,
            status: self.status,
            assignee: directory.get(self.assignee).cloned(),
            created_us: self.created_us,
            updated_us: self.updated_us,
        }
    }
}

pub(super) fn write_message(message: &Message, into: &mut Vec<u8>) {
    into.clear();
    into.extend([message.direction as u8, message.status as u8]);
    into.extend(message.created_us.to_le_bytes());
    into.extend(message.content.as_bytes());
}

pub(super) fn parse_message(key: &[u8], bytes: &[u8]) -> Result<Message> {
    const HEAD: usize = 1 + 1 + 8;
    let (_, id) = key.split_last_chunk::<ID_LEN>().context("key")?;
    let (head, content) = bytes.split_first_chunk::<HEAD>().context("message")?;
    let [direction, status, time @ ..] = *head;
    ensure!(direction <= 1, "direction");
    Ok(Message {
        id: u128::from_be_bytes(*id),
        direction: if direction == Direction::Inbound as u8 {
            Direction::Inbound
        } else {
            Direction::Outbound
        },
        status: delivery(status)?,
        content: std::str::from_utf8(content)?.into(),
        created_us: i64::from_le_bytes(time),
    })
}

pub(super) fn delivery(code: u8) -> Result<DeliveryStatus> {
    [
        DeliveryStatus::Sent,
        DeliveryStatus::Failed,
        DeliveryStatus::Delivered,
        DeliveryStatus::Read,
    ]
    .into_iter()
    .find(|status| *status as u8 == code)
    .context("delivery status")
}
