//! What a command means: the facts that follow from it and the state it meets, or its refusal.
//!
//! Invariant: nothing is changed here. A no-op decides no fact at all.

mod guard;

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

pub use guard::{assign_if, check_revision, claim, mark_read};

use crate::message::{Draft, Inbound, Outbound, Receipt, Reply};
use crate::{
    Actor, AssigneeId, Change, Channel, ConsumerName, ContactId, ConversationId, ConversationState,
    Direction, Fact, Import, InvalidInput, Message, MessageId, Note, NoteId, Parked, Provided,
    ProviderId, Status, StoredAt, Succession, Takeover, time, validate,
};

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    #[error("there is no {what} `{id}`")]
    NotFound { what: &'static str, id: String },
    #[error("the conversation `{conversation}` is assigned to `{winner}`")]
    Taken {
        conversation: ConversationId,
        winner: AssigneeId,
    },
    #[error("the conversation `{0}` is assigned to nobody")]
    Unassigned(ConversationId),
    #[error("the conversation `{conversation}` has changed: its revision is {present}")]
    Revised {
        conversation: ConversationId,
        present: u64,
    },
    #[error("the conversation `{0}` exists already")]
    Exists(ConversationId),
    #[error("the provider's id `{provider_id}` on `{channel}` is that of the message `{message}`")]
    ProviderIdTaken {
        channel: Channel,
        provider_id: ProviderId,
        message: MessageId,
    },
    #[error("the idempotency key was given with another command")]
    KeyUsed,
    #[error("the message has the provider's id `{0}` already")]
    ProviderIdSet(ProviderId),
    #[error("the message of the provider's id `{provider_id}` on `{channel}` was erased")]
    Erased {
        channel: Channel,
        provider_id: ProviderId,
    },
    #[error("the contact `{contact_id}` has a conversation on `{channel}` already: `{existing}`")]
    ThreadExists {
        contact_id: ContactId,
        channel: Channel,
        existing: ConversationId,
    },
}

impl Rejection {
    pub fn erased(channel: Channel, provider_id: &ProviderId) -> Self {
        Self::Erased {
            channel,
            provider_id: provider_id.clone(),
        }
    }

    pub fn not_found(what: &'static str, id: impl ToString) -> Self {
        Self::NotFound {
            what,
            id: id.to_string(),
        }
    }
}

type Decision = Result<Vec<Fact>, Rejection>;

/// A message with everything about it checked and settled but its ids.
#[derive(Clone, Debug)]
pub struct Appending {
    pub direction: Direction,
    pub created_at: DateTime<Utc>,
    pub provider_id: Option<ProviderId>,
    draft: Draft,
    reopen: bool,
}

impl Appending {
    pub fn received(now: DateTime<Utc>, inbound: Inbound) -> Result<Self, Rejection> {
        Self::checked(now, Direction::Inbound, inbound.draft, true)
    }

    pub fn sent(now: DateTime<Utc>, outbound: Outbound) -> Result<Self, Rejection> {
        Self::checked(now, Direction::Outbound, outbound.draft, outbound.reopen)
    }

    /// A reply that names an address must name the conversation's own.
    pub fn replied(
        now: DateTime<Utc>,
        reply: Reply,
        state: &ConversationState,
    ) -> Result<Self, Rejection> {
        if let Some((contact_id, channel)) = &reply.address {
            if *contact_id != state.contact_id {
                return Err(InvalidInput::new("contact_id", "is not the conversation's").into());
            }
            if *channel != state.channel {
                return Err(InvalidInput::new("channel", "is not the conversation's").into());
            }
        }
        Self::checked(now, Direction::Outbound, reply.draft, reply.reopen)
    }

    fn checked(
        now: DateTime<Utc>,
        direction: Direction,
        draft: Draft,
        reopen: bool,
    ) -> Result<Self, Rejection> {
        draft.content.validate()?;
        let provider_id = draft
            .provider_id
            .as_deref()
            .map(ProviderId::new)
            .transpose()?;
        // R7: the provider's time, but never one that has not come yet.
        let created_at = match draft.sent_at {
            Some(sent_at) => time::checked("sent_at", sent_at)?.min(now),
            None => now,
        };
        Ok(Self {
            direction,
            created_at,
            provider_id,
            draft,
            reopen,
        })
    }

    fn into_message(self, id: MessageId, conversation_id: ConversationId) -> Message {
        let mut message = Message::new(
            id,
            conversation_id,
            self.direction,
            self.draft.content,
            self.created_at,
        );
        message.provider_id = self.provider_id;
        message
    }
}

/// R9, R10: what parked receipts tell of a message that has come, each status once.
fn unpark(conversation: ConversationId, message: MessageId, parked: Option<Parked>) -> Vec<Fact> {
    let told = parked.map(|parked| parked.deliveries.told());
    let recorded = |(status, at, failure)| Fact::DeliveryRecorded {
        conversation,
        message,
        status,
        at,
        failure,
    };
    told.into_iter().flatten().map(recorded).collect()
}

/// R1: the first message creates the conversation.
pub fn create(
    conversation: ConversationId,
    contact_id: ContactId,
    channel: Channel,
    appending: Appending,
    message: MessageId,
    parked: Option<Parked>,
) -> Vec<Fact> {
    let mut facts = vec![
        Fact::ConversationCreated {
            conversation,
            contact_id,
            channel,
            created_at: appending.created_at,
        },
        Fact::MessageAppended {
            message: appending.into_message(message, conversation),
        },
    ];
    facts.extend(unpark(conversation, message, parked));
    facts
}

/// R5: a message reopens a resolved conversation, unless it says that it does not.
pub fn append(
    state: &ConversationState,
    appending: Appending,
    message: MessageId,
    parked: Option<Parked>,
) -> Vec<Fact> {
    let reopens = appending.reopen && state.status == Status::Resolved;
    let mut facts = vec![Fact::MessageAppended {
        message: appending.into_message(message, state.id),
    }];
    if reopens {
        facts.push(Fact::Reopened {
            conversation: state.id,
        });
    }
    facts.extend(unpark(state.id, message, parked));
    facts
}

/// R10: a message without a provider's id gets one that no other has; its own again changes
/// nothing.
pub fn set_provider_id(
    message: &Message,
    channel: Channel,
    provider_id: ProviderId,
    known: Provided,
) -> Decision {
    match &message.provider_id {
        Some(own) if *own == provider_id => return Ok(Vec::new()),
        Some(own) => return Err(Rejection::ProviderIdSet(own.clone())),
        None => {}
    }
    let parked = match known {
        Provided::Awaited(parked) => parked,
        Provided::Stored(StoredAt { message, .. }) => {
            return Err(Rejection::ProviderIdTaken {
                channel,
                provider_id,
                message,
            });
        }
        Provided::Erased => {
            return Err(Rejection::erased(channel, &provider_id));
        }
    };
    let (conversation, message) = (message.conversation_id, message.id);
    let mut facts = vec![Fact::ProviderIdSet {
        conversation,
        message,
        channel,
        provider_id,
    }];
    facts.extend(unpark(conversation, message, parked));
    Ok(facts)
}

/// The time that lies so long ago; the earliest of all where none does.
pub fn before(now: DateTime<Utc>, age: Duration) -> DateTime<Utc> {
    let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    now.checked_sub_signed(age)
        .map_or(DateTime::UNIX_EPOCH, |before| {
            before.max(DateTime::UNIX_EPOCH)
        })
}

/// R10: what waited for an imported message is part of it.
pub fn merge_parked(message: &mut Message, parked: Parked) {
    for (status, at, failure) in parked.deliveries.told() {
        message.status = message.status.max(status);
        message.deliveries.merge(status, at, &failure);
    }
}

/// R10: a receipt that comes before its message waits for it; one that tells nothing new is no
/// change.
pub fn park(
    channel: Channel,
    provider_id: ProviderId,
    known: Option<&Parked>,
    now: DateTime<Utc>,
    receipt: Receipt,
) -> Decision {
    let (status, at, failure) = receipt.resolve(now)?;
    if let Some(Parked { deliveries, .. }) = known {
        let mut merged = deliveries.clone();
        merged.merge(status, at, &failure);
        if merged == *deliveries {
            return Ok(Vec::new());
        }
    }
    Ok(vec![Fact::ReceiptParked {
        channel,
        provider_id,
        status,
        at,
        failure,
    }])
}

/// R4: assigning reopens; the assignee that an open conversation has already changes nothing.
pub fn assign(state: &ConversationState, assignee: &AssigneeId) -> Vec<Fact> {
    let mut facts = Vec::new();
    if state.assignee.as_ref() != Some(assignee) {
        facts.push(Fact::Assigned {
            conversation: state.id,
            assignee: assignee.clone(),
        });
    }
    if state.status == Status::Resolved {
        facts.push(Fact::Reopened {
            conversation: state.id,
        });
    }
    facts
}

/// R4: unassigning does not reopen.
pub fn unassign(state: &ConversationState) -> Vec<Fact> {
    match state.assignee {
        Some(_) => vec![Fact::Unassigned {
            conversation: state.id,
        }],
        None => Vec::new(),
    }
}

/// R3: resolving keeps the assignee, and a resolved conversation as it is.
pub fn resolve(state: &ConversationState) -> Vec<Fact> {
    match state.status {
        Status::Open => vec![Fact::Resolved {
            conversation: state.id,
        }],
        Status::Resolved => Vec::new(),
    }
}

/// R6: a note never reopens.
pub fn add_note(
    state: &ConversationState,
    now: DateTime<Utc>,
    id: NoteId,
    content: &str,
    author: Option<Actor>,
) -> Decision {
    let mut note = Note::new(id, state.id, content, now);
    note.author = author;
    note.validate()?;
    Ok(vec![Fact::NoteAdded { note }])
}

/// R9: a receipt that tells nothing new is no change.
pub fn record_delivery(message: &Message, now: DateTime<Utc>, receipt: Receipt) -> Decision {
    let (status, at, failure) = receipt.resolve(now)?;
    let mut merged = message.deliveries.clone();
    merged.merge(status, at, &failure);
    if merged == message.deliveries && status <= message.status {
        return Ok(Vec::new());
    }
    Ok(vec![Fact::DeliveryRecorded {
        conversation: message.conversation_id,
        message: message.id,
        status,
        at,
        failure,
    }])
}

/// R11: a name is put once; the same again changes nothing.
pub fn put_assignee(known: Option<&str>, assignee: &AssigneeId, name: &str) -> Decision {
    validate::name("name", name)?;
    if known == Some(name) {
        return Ok(Vec::new());
    }
    Ok(vec![Fact::AssigneePut {
        assignee: assignee.clone(),
        name: name.to_owned(),
    }])
}

/// R11: who takes over what the one that leaves has.
pub fn remove_assignee(assignee: &AssigneeId, takeover: &Takeover) -> Decision {
    let successor = match takeover {
        Takeover::By(other) if other == assignee => {
            let reason = "must be another than the one removed";
            return Err(InvalidInput::new("takeover", reason).into());
        }
        Takeover::By(other) => Some(other.clone()),
        Takeover::Unassign => None,
    };
    Ok(vec![Fact::AssigneeRemoved {
        assignee: assignee.clone(),
        successor,
    }])
}

/// R11: the takeovers that a conversation has not been filed by yet, in their order, each by who
/// gave it.
pub fn take_over(
    conversation: ConversationId,
    now: DateTime<Utc>,
    successions: Vec<Succession>,
) -> impl Iterator<Item = Change> {
    successions.into_iter().map(move |succession| Change {
        at: now,
        actor: succession.actor,
        fact: Fact::TakenOver {
            conversation,
            assignee: succession.assignee,
            since: succession.since,
        },
    })
}

/// An acknowledgement moves a consumer on and never back.
pub fn ack_events(consumer: &ConsumerName, position: u64, newest: u64, sequence: u64) -> Decision {
    if sequence > newest {
        return Err(InvalidInput::new("sequence", "is that of no event yet").into());
    }
    if sequence <= position {
        return Ok(Vec::new());
    }
    Ok(vec![Fact::ConsumerMoved {
        consumer: consumer.clone(),
        position: sequence,
    }])
}

/// What the slowest consumer has not acknowledged stays, if a position is given for it.
pub fn purge_events(oldest: u64, keep_from: u64, slowest: Option<u64>) -> Vec<Fact> {
    let before = slowest.map_or(keep_from, |position| keep_from.min(position + 1));
    if before > oldest {
        vec![Fact::EventsPurged { before }]
    } else {
        Vec::new()
    }
}

/// The greatest number that every reader of JSON takes as it is: room for as many changes again.
const MAX_IMPORTED_REVISION: u64 = (1 << 53) - 1;

/// Checks a whole conversation, sorts it by R7, and keeps every id and time of it.
pub fn import(import: Import) -> Decision {
    let Import {
        conversation,
        mut messages,
        mut notes,
    } = import;
    time::checked("created_at", conversation.created_at)?;
    time::checked("updated_at", conversation.updated_at)?;
    if conversation.updated_at < conversation.created_at {
        return Err(InvalidInput::new("updated_at", "must not lie before created_at").into());
    }
    if let Some(assignee) = &conversation.assigned_to {
        validate::name("name", &assignee.name).map_err(|error| error.within("assigned_to"))?;
    }
    let mut ids = HashSet::with_capacity(messages.len());
    let mut provided = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        let item = || format!("messages[{index}]");
        message.validate().map_err(|error| error.within(&item()))?;
        if message.conversation_id != conversation.id {
            return Err(foreign("conversation_id").within(&item()).into());
        }
        if !ids.insert(message.id) {
            return Err(repeated("id").within(&item()).into());
        }
        if let Some(id) = &message.provider_id
            && !provided.insert(id)
        {
            return Err(repeated("provider_id").within(&item()).into());
        }
    }
    let mut ids = HashSet::with_capacity(notes.len());
    for (index, note) in notes.iter().enumerate() {
        let item = || format!("notes[{index}]");
        note.validate().map_err(|error| error.within(&item()))?;
        if note.conversation_id != conversation.id {
            return Err(foreign("conversation_id").within(&item()).into());
        }
        if !ids.insert(note.id) {
            return Err(repeated("id").within(&item()).into());
        }
    }
    let from_contact = |message: &&Message| message.direction == Direction::Inbound;
    let inbound = messages.iter().filter(from_contact).count() as u64;
    let Some(seen) = inbound.checked_sub(conversation.unread_count) else {
        let reason = format!("must not be above the number of inbound messages, {inbound}");
        return Err(InvalidInput::new("unread_count", reason).into());
    };
    if conversation.revision > MAX_IMPORTED_REVISION {
        let reason = format!("must not be above {MAX_IMPORTED_REVISION}");
        return Err(InvalidInput::new("revision", reason).into());
    }
    messages.sort_by_key(Message::position);
    notes.sort_by_key(|note| note.id);
    Ok(vec![Fact::ConversationImported {
        conversation: ConversationState {
            id: conversation.id,
            contact_id: conversation.contact_id,
            channel: conversation.channel,
            status: conversation.status,
            assignee: conversation.assigned_to.map(|assignee| assignee.id),
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
            revision: conversation.revision,
            inbound,
            seen,
        },
        messages,
        notes,
    }])
}

fn foreign(field: &'static str) -> InvalidInput {
    InvalidInput::new(field, "must be the conversation's own id")
}

fn repeated(field: &'static str) -> InvalidInput {
    InvalidInput::new(field, "stands twice in the conversation")
}
