//! What rows and changes store: one definition each.
//!
//! A record has no field that its key has. An idempotency record, an event, the state of a provider's
//! id, the conversation of a thread and the position of a consumer are their own records: their keys
//! have nothing of them. Ids, times and texts are checked when a record is decoded. A layout that was
//! released is never edited: a changed one is another version.

pub(crate) mod as_json;
pub mod message;
pub mod packed;

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::codec::{CodecError, Record};
use crate::{
    Actor, Assignee, AssigneeId, Channel, Contact, ContactId, Conversation, ConversationId, Effect,
    Field, Identity, InboxId, InboxNumber, Metadata, Note, NoteId, Revision, Status, Subject,
    UserId, View, time,
};

pub use message::MessageRecord;

/// What a command with a key did. It holds ids and no content, so that what is erased is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    /// The keyed hash of the command with all that was given with it.
    pub fingerprint: [u8; 16],
    pub subject: Subject,
    pub effect: Effect,
}

/// A user or team, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssigneeRecord {
    /// Its number, by which conversations are stored.
    pub owner: u32,
    pub name: String,
    /// The members of a team, by their ids.
    pub members: Vec<UserId>,
}

/// A tag, by what it is compared by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRecord {
    /// How many conversations have it.
    pub count: u64,
    /// As it was first spelled since the last one was without it.
    pub tag: String,
}

/// An inbox, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxRecord {
    /// Its number, by which keys hold it.
    pub number: InboxNumber,
    pub channel: Channel,
    pub name: String,
}

/// A saved view, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRecord {
    #[serde(with = "as_json")]
    pub view: View,
    /// The number of its list, by which keys hold it.
    pub list: u32,
    pub built: ViewBuilt,
}

/// How far the list of a view was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewBuilt {
    /// The conversation up to which it was.
    pub through: Option<ConversationId>,
    /// How many conversations were looked at.
    pub done: u64,
    pub is_complete: bool,
}

impl ViewBuilt {
    pub const fn complete() -> Self {
        Self {
            through: None,
            done: 0,
            is_complete: true,
        }
    }

    pub const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether a conversation was looked at.
    pub fn has(&self, id: ConversationId) -> bool {
        self.is_complete || Some(id) <= self.through
    }
}

/// A removed user or team, by its number: where the conversations belong that are still stored under
/// that number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectRecord {
    pub removed: AssigneeId,
    /// How the conversations were reassigned since, in order. The last step leads to a user or team
    /// that is present, or to none.
    pub steps: Vec<RedirectStep>,
}

/// A removal on the way of a redirect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedirectStep {
    pub successor: Option<AssigneeId>,
    /// The number of the successor, or that of no assignee.
    pub owner: u32,
    /// When its predecessor was removed.
    #[serde(with = "time")]
    pub at: DateTime<Utc>,
    /// The actor of the command that removed it.
    pub actor: Option<Actor>,
}

/// The order time of a message whose id has another millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageTimeRecord {
    #[serde(with = "time")]
    pub order_time: DateTime<Utc>,
}

/// The numbers by which a record holds what the directory names, so that a removal does not rewrite
/// conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    pub inbox: InboxNumber,
    /// That of its assignee, or of no assignee.
    pub owner: u32,
    /// That of its team, or of no assignee.
    pub team: u32,
}

/// A conversation without its id, which its key has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRecord {
    pub numbers: Numbers,
    pub contact_id: ContactId,
    pub status: Status,
    #[serde(with = "time")]
    pub created_at: DateTime<Utc>,
    #[serde(with = "time")]
    pub updated_at: DateTime<Utc>,
    pub revision: Revision,
    pub inbound_count: u64,
    pub read_count: u64,
    /// The attributes that have no field here, where they have a value: another attribute changes no
    /// layout.
    pub more: Vec<Field>,
}

impl ConversationRecord {
    /// The record of a conversation that has these numbers in the directory.
    pub fn new(conversation: &Conversation, numbers: Numbers) -> Self {
        Self {
            numbers,
            contact_id: conversation.contact_id.clone(),
            status: conversation.status,
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
            revision: conversation.revision,
            inbound_count: conversation.inbound_count,
            read_count: conversation.read_count(),
            more: conversation.more(),
        }
    }

    /// The conversation of this record under a key, with its inbox, its assignee and its team as the
    /// directory has them.
    pub fn into_conversation(
        self,
        id: ConversationId,
        (channel, inbox_id): (Channel, Option<InboxId>),
        (assigned_to, team): (Option<Assignee>, Option<Assignee>),
    ) -> Result<Conversation, CodecError> {
        let unread_count = self.inbound_count.checked_sub(self.read_count);
        let mut conversation = Conversation::new(id, self.contact_id, channel, self.created_at);
        conversation.inbox_id = inbox_id;
        conversation.status = self.status;
        conversation.assigned_to = assigned_to;
        conversation.updated_at = self.updated_at;
        conversation.revision = self.revision;
        conversation.inbound_count = self.inbound_count;
        conversation.unread_count = unread_count
            .ok_or_else(|| CodecError::malformed("more messages are read than there are"))?;
        self.more
            .iter()
            .for_each(|field| conversation.put(field, None));
        conversation.put_team(team);
        if conversation.more() != self.more {
            let reason = "an attribute is stored twice, or where it does not belong";
            return Err(CodecError::malformed(reason));
        }
        Ok(conversation)
    }
}

/// A contact without its id, which its key has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactRecord {
    pub name: Option<String>,
    pub identities: Vec<Identity>,
    #[serde(with = "as_json")]
    pub metadata: Metadata,
    #[serde(with = "time")]
    pub created_at: DateTime<Utc>,
}

impl From<Contact> for ContactRecord {
    fn from(contact: Contact) -> Self {
        Self {
            name: contact.name,
            identities: contact.identities,
            metadata: contact.metadata,
            created_at: contact.created_at,
        }
    }
}

impl ContactRecord {
    /// The contact of this record under a key.
    pub fn into_contact(self, id: ContactId) -> Contact {
        let mut contact = Contact::new(id, self.created_at);
        contact.name = self.name;
        contact.identities = self.identities;
        contact.metadata = self.metadata;
        contact
    }
}

/// A note without its ids and its time, which its key has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteRecord<'a> {
    content: Cow<'a, str>,
    author: Option<Actor>,
}

impl<'a> From<&'a Note> for NoteRecord<'a> {
    fn from(note: &'a Note) -> Self {
        Self {
            content: Cow::Borrowed(&note.content),
            author: note.author.clone(),
        }
    }
}

impl NoteRecord<'_> {
    /// The note of this record under a key.
    pub fn into_note(
        self,
        conversation: ConversationId,
        created_at: DateTime<Utc>,
        id: NoteId,
    ) -> Note {
        let mut note = Note::new(id, conversation, self.content, created_at);
        note.author = self.author;
        note
    }
}

/// A row within a change: its key, and its record with its version.
#[derive(Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Serialize, R: Record",
    deserialize = "K: Deserialize<'de>, R: Record"
))]
pub(crate) struct Embedded<K, R> {
    pub(crate) key: K,
    #[serde(serialize_with = "serialize", deserialize_with = "deserialize")]
    pub(crate) record: R,
}

fn serialize<R: Record, S: Serializer>(record: &R, serializer: S) -> Result<S::Ok, S::Error> {
    // More than most records have.
    let mut bytes = Vec::with_capacity(256);
    bytes.push(R::VERSION);
    record.encode(&mut bytes).map_err(ser::Error::custom)?;
    serializer.serialize_bytes(&bytes)
}

fn deserialize<'de, R: Record, D: Deserializer<'de>>(deserializer: D) -> Result<R, D::Error> {
    let Some((version, payload)) = <&[u8]>::deserialize(deserializer)?.split_first() else {
        return Err(de::Error::custom("a record within a change is empty"));
    };
    R::decode(*version, payload).map_err(de::Error::custom)
}
