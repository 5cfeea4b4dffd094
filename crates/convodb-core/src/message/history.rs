//! Messages of the past, as lines of an import bring them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::document::Document;
use super::{Address, Content, Direction, Message};
use crate::metadata::IMPORT_ID;
use crate::text::{Object, ObjectWriter};
use crate::time::{self, Time};
use crate::validate::{self, Origin};
use crate::{ConversationId, InboxRef, InvalidInput, MessageId, Who};

/// A message of the past from or to a contact, for a line of an import.
///
/// Its JSON has `contact_id` or `identities`, `channel` or `inbox_id`, `direction`, `sent_at` and `type` with the fields of the type,
/// and all that a [`Message`] has where it has a value. `sent_at` is its time; where `created_at` is given
/// beside it, that is its time, and `sent_at` the time of the receipt. `id` is any text of at most 512
/// bytes: the second message of an id in one conversation is the same message.
///
/// ```
/// use convodb::{Channel, ContactId, Content, Direction, ImportMessage};
///
/// let contact = ContactId::new("con_01HXYZ")?;
/// let at = chrono::DateTime::from_timestamp(1_776_000_000, 0).unwrap_or_default();
/// let mut hello = ImportMessage::new(
///     &contact, Channel::Whatsapp, Direction::Inbound, Content::text("Hello"), at,
/// );
/// hello.id = Some("4711".to_owned());
/// let line = r#"{"contact_id": "con_01HXYZ", "channel": "whatsapp", "direction": "inbound",
///     "type": "text", "content": "Hello", "sent_at": 1776000000, "id": "4711"}"#;
/// assert_eq!(serde_json::from_str::<ImportMessage>(line)?, hello);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ImportMessage {
    /// Whom it is from or to, and through which inbox.
    pub(crate) to: Address,
    /// Its id, where it comes from. One that a store gave is kept; another is kept in its
    /// `metadata.import_id`.
    pub id: Option<String>,
    /// The message. Its ids are those that it gets when it is stored.
    pub message: Message,
}

impl ImportMessage {
    /// A message with the first status of its direction.
    pub fn new(
        who: impl Into<Who>,
        inbox: impl Into<InboxRef>,
        direction: Direction,
        content: Content,
        at: DateTime<Utc>,
    ) -> Self {
        let (id, of) = (MessageId::from_raw(0), ConversationId::from_raw(0));
        Self {
            to: Address {
                who: who.into(),
                inbox: inbox.into(),
                channel: None,
            },
            id: None,
            message: Message::new(id, of, direction, content, at),
        }
    }

    /// The message as it is stored, but for its ids and its place. What lies in the future happened now.
    pub(crate) fn checked(&self, now: DateTime<Utc>) -> Result<Message, InvalidInput> {
        let mut message = self.message.clone();
        message.created_at = time::checked("sent_at", message.created_at)?;
        message.order_time = message.created_at;
        message.content = message.content.accepted(Origin::Fact)?;
        message.id = MessageId::from_raw(0);
        if let Some(given) = &self.id {
            validate::optional("id", Some(given), 512)?;
            InvalidInput::unless(!given.is_empty(), "id", "must not be empty")?;
            match self.own_id() {
                Some(id) => message.id = id,
                None => {
                    let extras = message.extras_mut();
                    extras.import_id = Some(given.clone());
                    extras.metadata.set(IMPORT_ID, given.as_str());
                }
            }
        }
        message.validate()?;
        let direction = message.direction;
        let is_possible =
            direction == Direction::Outbound || message.status >= direction.first_status();
        let reason = "does not apply to a contact's message";
        InvalidInput::unless(is_possible, "status", reason)?;
        time::clamp(message.times(), now);
        Ok(message)
    }

    /// The id that a store gave. It carries the time of the message.
    fn own_id(&self) -> Option<MessageId> {
        let id = MessageId::new(self.id.as_deref()?).ok()?;
        let first = time::millis(self.message.created_at);
        (first..first + 1_000)
            .contains(&id.timestamp_ms())
            .then_some(id)
    }
}

impl Serialize for ImportMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = ObjectWriter::new(serializer)?;
        self.to.write(&mut object)?;
        object.put_some("id", self.id.as_ref())?;
        self.message.write(&mut object)?;
        object.end()
    }
}

impl<'de> Deserialize<'de> for ImportMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let missing = <D::Error as de::Error>::missing_field;
        let mut document = Document::deserialize(Object(deserializer))?;
        let refused = [
            ("conversation_id", document.conversation_id.is_some()),
            ("reopen", document.reopen.is_some()),
            ("echo", document.echo.is_some()),
        ];
        Document::refuse(&refused, "is not a field of a message that is imported")
            .and_then(|()| document.refuse_edit())
            .map_err(de::Error::custom)?;
        let to = document.address()?;
        let at = document.created_at.take();
        let at = at.or_else(|| document.sent_at.take());
        let at = at.map(Time::get).ok_or_else(|| missing("sent_at"))?;
        let id = document.id.take();
        let ids = (MessageId::from_raw(0), ConversationId::from_raw(0));
        Ok(Self {
            to,
            id,
            message: Message::of_document(document, ids, at)?,
        })
    }
}
