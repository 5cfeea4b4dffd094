//! Changes as bytes: `[version][payload]`, complete, so that whoever reads them back can apply
//! them to another copy of the same state.
//!
//! In builds with debug assertions every change passes through its bytes before it is applied:
//! what a change leaves out, no test can do without.

use convodb_core::{
    Actor, AssigneeId, Change, Channel, ConsumerName, ContactId, ConversationId, ConversationState,
    Fact, IdempotencyKey, Message, MessageId, Note, NoteId, ProviderId, Result, Status,
};
use serde::{Deserialize, Serialize};

use super::codec;
use super::records::{
    DoneV1, MessageV1, NoteV1, delivery_code, delivery_of, failure_of, failure_parts, nonsense,
    time_of,
};

/// The version of the layout below.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct ChangeV1<'a> {
    at_us: i64,
    actor: Option<&'a str>,
    #[serde(borrow)]
    fact: FactV1<'a>,
}

#[derive(Serialize, Deserialize)]
enum FactV1<'a> {
    ConversationCreated {
        conversation: u128,
        contact_id: &'a str,
        channel: u8,
        created_us: i64,
    },
    MessageAppended {
        conversation: u128,
        #[serde(borrow)]
        message: StampedMessageV1<'a>,
    },
    DeliveryRecorded {
        conversation: u128,
        message: u128,
        status: u8,
        at_us: i64,
        failure: Option<(&'a str, &'a str)>,
    },
    NoteAdded {
        conversation: u128,
        #[serde(borrow)]
        note: StampedNoteV1<'a>,
    },
    Assigned(u128, &'a str),
    Unassigned(u128),
    Resolved(u128),
    Reopened(u128),
    ConversationImported {
        #[serde(borrow)]
        conversation: StateV1<'a>,
        #[serde(borrow)]
        messages: Vec<StampedMessageV1<'a>>,
        #[serde(borrow)]
        notes: Vec<StampedNoteV1<'a>>,
    },
    ConversationDeleted(u128),
    AssigneePut(&'a str, &'a str),
    /// Whose it is, and since when.
    TakenOver(u128, Option<&'a str>, i64),
    /// Who left, and who takes over.
    AssigneeRemoved(&'a str, Option<&'a str>),
    ProviderIdSet {
        conversation: u128,
        message: u128,
        channel: u8,
        provider_id: &'a str,
    },
    ReceiptParked {
        channel: u8,
        provider_id: &'a str,
        status: u8,
        at_us: i64,
        failure: Option<(&'a str, &'a str)>,
    },
    ParkedPurged(i64),
    CommandDone {
        key: &'a str,
        #[serde(borrow)]
        done: DoneV1<'a>,
        forget_before_us: i64,
    },
    KeysPurged(i64),
    MarkedRead(u128, u64),
    ConsumerMoved(&'a str, u64),
    ConsumerRemoved(&'a str),
    EventsPurged(u64),
}

/// A message with what its key would say.
#[derive(Serialize, Deserialize)]
struct StampedMessageV1<'a> {
    id: u128,
    created_us: i64,
    #[serde(borrow)]
    message: MessageV1<'a>,
}

/// A note with what its key would say.
#[derive(Serialize, Deserialize)]
struct StampedNoteV1<'a> {
    id: u128,
    created_us: i64,
    #[serde(borrow)]
    note: NoteV1<'a>,
}

#[derive(Serialize, Deserialize)]
struct StateV1<'a> {
    id: u128,
    contact_id: &'a str,
    channel: u8,
    status: u8,
    assignee: Option<&'a str>,
    created_us: i64,
    updated_us: i64,
    revision: u64,
    inbound: u64,
    seen: u64,
}

impl<'a> From<&'a Message> for StampedMessageV1<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            id: message.id.raw(),
            created_us: message.created_at.timestamp_micros(),
            message: message.into(),
        }
    }
}

impl StampedMessageV1<'_> {
    fn into_message(self, conversation: ConversationId) -> Result<Message> {
        let created_at = time_of(self.created_us)?;
        self.message
            .into_message(conversation, created_at, MessageId::from_raw(self.id))
    }
}

impl<'a> From<&'a Note> for StampedNoteV1<'a> {
    fn from(note: &'a Note) -> Self {
        Self {
            id: note.id.raw(),
            created_us: note.created_at.timestamp_micros(),
            note: note.into(),
        }
    }
}

impl StampedNoteV1<'_> {
    fn into_note(self, conversation: ConversationId) -> Result<Note> {
        let created_at = time_of(self.created_us)?;
        self.note
            .into_note(conversation, created_at, NoteId::from_raw(self.id))
    }
}

impl<'a> From<&'a ConversationState> for StateV1<'a> {
    fn from(state: &'a ConversationState) -> Self {
        Self {
            id: state.id.raw(),
            contact_id: state.contact_id.as_str(),
            channel: state.channel.code(),
            status: state.status.code(),
            assignee: state.assignee.as_ref().map(AssigneeId::as_str),
            created_us: state.created_at.timestamp_micros(),
            updated_us: state.updated_at.timestamp_micros(),
            revision: state.revision,
            inbound: state.inbound,
            seen: state.seen,
        }
    }
}

impl StateV1<'_> {
    fn into_state(self) -> Result<ConversationState> {
        Ok(ConversationState {
            id: ConversationId::from_raw(self.id),
            contact_id: contact(self.contact_id)?,
            channel: Channel::of_code(self.channel).ok_or_else(|| nonsense("channel"))?,
            status: Status::of_code(self.status).ok_or_else(|| nonsense("status"))?,
            assignee: self.assignee.map(assignee).transpose()?,
            created_at: time_of(self.created_us)?,
            updated_at: time_of(self.updated_us)?,
            revision: self.revision,
            inbound: self.inbound,
            seen: self.seen,
        })
    }
}

fn contact(text: &str) -> Result<ContactId> {
    ContactId::new(text).map_err(|_| nonsense("contact"))
}

fn assignee(text: &str) -> Result<AssigneeId> {
    AssigneeId::new(text).map_err(|_| nonsense("assignee"))
}

fn provided(text: &str) -> Result<ProviderId> {
    ProviderId::new(text).map_err(|_| nonsense("provider id"))
}

fn consumer(text: &str) -> Result<ConsumerName> {
    ConsumerName::new(text).map_err(|_| nonsense("consumer"))
}

/// The bytes of a change.
pub(super) fn encode(change: &Change) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    encode_onto(&mut bytes, change)?;
    Ok(bytes)
}

/// Appends the bytes of a change.
pub(super) fn encode_onto(bytes: &mut Vec<u8>, change: &Change) -> Result<()> {
    bytes.push(VERSION);
    codec::encode_into(
        bytes,
        &ChangeV1 {
            at_us: change.at.timestamp_micros(),
            actor: change.actor.as_ref().map(Actor::as_str),
            fact: FactV1::from(&change.fact),
        },
    )
}

/// The change of these bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Change> {
    match bytes.split_first() {
        Some((&VERSION, payload)) => codec::decode_whole::<ChangeV1<'_>>(payload)?.into_change(),
        _ => Err(nonsense("version of a change")),
    }
}

/// Whether the bytes of a change say all of it.
pub(super) fn is_complete(change: &Change) -> bool {
    encode(change)
        .and_then(|bytes| decode(&bytes))
        .is_ok_and(|read_back| read_back == *change)
}

impl<'a> From<&'a Fact> for FactV1<'a> {
    fn from(fact: &'a Fact) -> Self {
        match fact {
            Fact::ConversationCreated {
                conversation,
                contact_id,
                channel,
                created_at,
            } => Self::ConversationCreated {
                conversation: conversation.raw(),
                contact_id: contact_id.as_str(),
                channel: channel.code(),
                created_us: created_at.timestamp_micros(),
            },
            Fact::MessageAppended { message } => Self::MessageAppended {
                conversation: message.conversation_id.raw(),
                message: message.into(),
            },
            Fact::DeliveryRecorded {
                conversation,
                message,
                status,
                at,
                failure,
            } => Self::DeliveryRecorded {
                conversation: conversation.raw(),
                message: message.raw(),
                status: delivery_code(*status),
                at_us: at.timestamp_micros(),
                failure: failure.as_ref().map(failure_parts),
            },
            Fact::NoteAdded { note } => Self::NoteAdded {
                conversation: note.conversation_id.raw(),
                note: note.into(),
            },
            Fact::Assigned {
                conversation,
                assignee,
            } => Self::Assigned(conversation.raw(), assignee.as_str()),
            Fact::Unassigned { conversation } => Self::Unassigned(conversation.raw()),
            Fact::Resolved { conversation } => Self::Resolved(conversation.raw()),
            Fact::Reopened { conversation } => Self::Reopened(conversation.raw()),
            Fact::ConversationImported {
                conversation,
                messages,
                notes,
            } => Self::ConversationImported {
                conversation: conversation.into(),
                messages: messages.iter().map(Into::into).collect(),
                notes: notes.iter().map(Into::into).collect(),
            },
            Fact::ConversationDeleted { conversation } => {
                Self::ConversationDeleted(conversation.raw())
            }
            Fact::AssigneePut { assignee, name } => Self::AssigneePut(assignee.as_str(), name),
            Fact::TakenOver {
                conversation,
                assignee,
                since,
            } => Self::TakenOver(
                conversation.raw(),
                assignee.as_ref().map(AssigneeId::as_str),
                since.timestamp_micros(),
            ),
            Fact::AssigneeRemoved {
                assignee,
                successor,
            } => Self::AssigneeRemoved(
                assignee.as_str(),
                successor.as_ref().map(AssigneeId::as_str),
            ),
            Fact::ProviderIdSet {
                conversation,
                message,
                channel,
                provider_id,
            } => Self::ProviderIdSet {
                conversation: conversation.raw(),
                message: message.raw(),
                channel: channel.code(),
                provider_id: provider_id.as_str(),
            },
            Fact::ReceiptParked {
                channel,
                provider_id,
                status,
                at,
                failure,
            } => Self::ReceiptParked {
                channel: channel.code(),
                provider_id: provider_id.as_str(),
                status: delivery_code(*status),
                at_us: at.timestamp_micros(),
                failure: failure.as_ref().map(failure_parts),
            },
            Fact::ParkedPurged { before } => Self::ParkedPurged(before.timestamp_micros()),
            Fact::CommandDone {
                key,
                done,
                forget_before,
            } => Self::CommandDone {
                key: key.as_str(),
                done: done.into(),
                forget_before_us: forget_before.timestamp_micros(),
            },
            Fact::KeysPurged { before } => Self::KeysPurged(before.timestamp_micros()),
            Fact::MarkedRead { conversation, seen } => Self::MarkedRead(conversation.raw(), *seen),
            Fact::ConsumerMoved { consumer, position } => {
                Self::ConsumerMoved(consumer.as_str(), *position)
            }
            Fact::ConsumerRemoved { consumer } => Self::ConsumerRemoved(consumer.as_str()),
            Fact::EventsPurged { before } => Self::EventsPurged(*before),
        }
    }
}

impl ChangeV1<'_> {
    fn into_change(self) -> Result<Change> {
        Ok(Change {
            at: time_of(self.at_us)?,
            actor: self
                .actor
                .map(|actor| Actor::new(actor).map_err(|_| nonsense("actor")))
                .transpose()?,
            fact: self.fact.into_fact()?,
        })
    }
}

impl FactV1<'_> {
    fn into_fact(self) -> Result<Fact> {
        let id = ConversationId::from_raw;
        Ok(match self {
            Self::ConversationCreated {
                conversation,
                contact_id,
                channel,
                created_us,
            } => Fact::ConversationCreated {
                conversation: id(conversation),
                contact_id: contact(contact_id)?,
                channel: Channel::of_code(channel).ok_or_else(|| nonsense("channel"))?,
                created_at: time_of(created_us)?,
            },
            Self::MessageAppended {
                conversation,
                message,
            } => Fact::MessageAppended {
                message: message.into_message(id(conversation))?,
            },
            Self::DeliveryRecorded {
                conversation,
                message,
                status,
                at_us,
                failure,
            } => Fact::DeliveryRecorded {
                conversation: id(conversation),
                message: MessageId::from_raw(message),
                status: delivery_of(status)?,
                at: time_of(at_us)?,
                failure: failure.map(failure_of),
            },
            Self::NoteAdded { conversation, note } => Fact::NoteAdded {
                note: note.into_note(id(conversation))?,
            },
            Self::Assigned(conversation, to) => Fact::Assigned {
                conversation: id(conversation),
                assignee: assignee(to)?,
            },
            Self::Unassigned(conversation) => Fact::Unassigned {
                conversation: id(conversation),
            },
            Self::Resolved(conversation) => Fact::Resolved {
                conversation: id(conversation),
            },
            Self::Reopened(conversation) => Fact::Reopened {
                conversation: id(conversation),
            },
            Self::ConversationImported {
                conversation,
                messages,
                notes,
            } => {
                let own = id(conversation.id);
                let messages = messages
                    .into_iter()
                    .map(|message| message.into_message(own));
                let notes = notes.into_iter().map(|note| note.into_note(own));
                Fact::ConversationImported {
                    messages: messages.collect::<Result<_>>()?,
                    notes: notes.collect::<Result<_>>()?,
                    conversation: conversation.into_state()?,
                }
            }
            Self::ConversationDeleted(conversation) => Fact::ConversationDeleted {
                conversation: id(conversation),
            },
            Self::AssigneePut(who, name) => Fact::AssigneePut {
                assignee: assignee(who)?,
                name: name.to_owned(),
            },
            Self::TakenOver(conversation, by, since_us) => Fact::TakenOver {
                conversation: id(conversation),
                assignee: by.map(assignee).transpose()?,
                since: time_of(since_us)?,
            },
            Self::AssigneeRemoved(who, successor) => Fact::AssigneeRemoved {
                assignee: assignee(who)?,
                successor: successor.map(assignee).transpose()?,
            },
            Self::ProviderIdSet {
                conversation,
                message,
                channel,
                provider_id,
            } => Fact::ProviderIdSet {
                conversation: id(conversation),
                message: MessageId::from_raw(message),
                channel: Channel::of_code(channel).ok_or_else(|| nonsense("channel"))?,
                provider_id: provided(provider_id)?,
            },
            Self::ReceiptParked {
                channel,
                provider_id,
                status,
                at_us,
                failure,
            } => Fact::ReceiptParked {
                channel: Channel::of_code(channel).ok_or_else(|| nonsense("channel"))?,
                provider_id: provided(provider_id)?,
                status: delivery_of(status)?,
                at: time_of(at_us)?,
                failure: failure.map(failure_of),
            },
            Self::ParkedPurged(before_us) => Fact::ParkedPurged {
                before: time_of(before_us)?,
            },
            Self::CommandDone {
                key,
                done,
                forget_before_us,
            } => Fact::CommandDone {
                key: IdempotencyKey::new(key).map_err(|_| nonsense("idempotency key"))?,
                done: done.into_done()?,
                forget_before: time_of(forget_before_us)?,
            },
            Self::KeysPurged(before_us) => Fact::KeysPurged {
                before: time_of(before_us)?,
            },
            Self::MarkedRead(conversation, seen) => Fact::MarkedRead {
                conversation: id(conversation),
                seen,
            },
            Self::ConsumerMoved(name, position) => Fact::ConsumerMoved {
                consumer: consumer(name)?,
                position,
            },
            Self::ConsumerRemoved(name) => Fact::ConsumerRemoved {
                consumer: consumer(name)?,
            },
            Self::EventsPurged(before) => Fact::EventsPurged { before },
        })
    }
}
