//! Changes: what a decided command does to the store, complete and replayable.
//!
//! Invariant: nothing else alters the store. A change carries its time, its ids and its actor, so
//! whoever applies the same changes to the same state gets the same state, without a clock, a
//! generator or the caller's input.

use chrono::{DateTime, Utc};

use crate::{
    Actor, AssigneeId, Channel, ConsumerName, ContactId, ConversationId, ConversationState,
    DeliveryStatus, Done, Failure, IdempotencyKey, Message, MessageId, Note, ProviderId,
};

/// One fact, with when it was decided and who gave the command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct Change {
    pub at: DateTime<Utc>,
    pub actor: Option<Actor>,
    pub fact: Fact,
}

/// A takeover that a conversation has not been filed by yet (R11).
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub struct Succession {
    /// Who has it instead of the one who was removed.
    pub assignee: Option<AssigneeId>,
    /// When that one was removed, and by whom.
    pub since: DateTime<Utc>,
    pub actor: Option<Actor>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Fact {
    /// R1: the first message of a contact on a channel made a conversation.
    ConversationCreated {
        conversation: ConversationId,
        contact_id: ContactId,
        channel: Channel,
        /// The first message's time, which is the conversation's too.
        created_at: DateTime<Utc>,
    },
    MessageAppended {
        message: Message,
    },
    /// A receipt that told something new (R9).
    DeliveryRecorded {
        conversation: ConversationId,
        message: MessageId,
        status: DeliveryStatus,
        at: DateTime<Utc>,
        failure: Option<Failure>,
    },
    /// R10: a provider told its own id of a message that was stored without.
    ProviderIdSet {
        conversation: ConversationId,
        message: MessageId,
        channel: Channel,
        provider_id: ProviderId,
    },
    /// R10: a receipt came before its message.
    ReceiptParked {
        channel: Channel,
        provider_id: ProviderId,
        status: DeliveryStatus,
        at: DateTime<Utc>,
        failure: Option<Failure>,
    },
    /// Receipts whose messages never came were given up.
    ParkedPurged {
        /// Those that had waited since before this.
        before: DateTime<Utc>,
    },
    NoteAdded {
        note: Note,
    },
    Assigned {
        conversation: ConversationId,
        assignee: AssigneeId,
    },
    Unassigned {
        conversation: ConversationId,
    },
    Resolved {
        conversation: ConversationId,
    },
    Reopened {
        conversation: ConversationId,
    },
    ConversationImported {
        conversation: ConversationState,
        messages: Vec<Message>,
        notes: Vec<Note>,
    },
    /// R16: the conversation and all that belongs to it is gone.
    ConversationDeleted {
        conversation: ConversationId,
    },
    /// A user or team joined the directory, or got another name.
    AssigneePut {
        assignee: AssigneeId,
        name: String,
    },
    /// R11: a conversation of one who was removed is filed as another's, or as nobody's. It is no
    /// activity, and has shown so since the removal.
    TakenOver {
        conversation: ConversationId,
        assignee: Option<AssigneeId>,
        since: DateTime<Utc>,
    },
    /// A command with a key was done; keys that are older are forgotten by and by.
    CommandDone {
        key: IdempotencyKey,
        done: Done,
        forget_before: DateTime<Utc>,
    },
    /// Keys of commands were forgotten.
    KeysPurged {
        before: DateTime<Utc>,
    },
    /// R11: a user or team left the directory. Its conversations are another's from here on, or
    /// nobody's, whenever each is filed so.
    AssigneeRemoved {
        assignee: AssigneeId,
        successor: Option<AssigneeId>,
    },
    /// So many messages from the contact, by arrival, are read.
    MarkedRead {
        conversation: ConversationId,
        seen: u64,
    },
    /// A consumer of events joined, or acknowledged what it had taken.
    ConsumerMoved {
        consumer: ConsumerName,
        position: u64,
    },
    ConsumerRemoved {
        consumer: ConsumerName,
    },
    /// Events were given up.
    EventsPurged {
        /// Those with a smaller number than this.
        before: u64,
    },
}

impl Fact {
    /// The conversation that the fact is about, if it is about one.
    pub fn conversation(&self) -> Option<ConversationId> {
        match self {
            Self::ConversationCreated { conversation, .. }
            | Self::DeliveryRecorded { conversation, .. }
            | Self::ProviderIdSet { conversation, .. }
            | Self::Assigned { conversation, .. }
            | Self::Unassigned { conversation }
            | Self::Resolved { conversation }
            | Self::Reopened { conversation }
            | Self::ConversationDeleted { conversation }
            | Self::TakenOver { conversation, .. }
            | Self::MarkedRead { conversation, .. } => Some(*conversation),
            Self::MessageAppended { message } => Some(message.conversation_id),
            Self::NoteAdded { note } => Some(note.conversation_id),
            Self::ConversationImported { conversation, .. } => Some(conversation.id),
            Self::ReceiptParked { .. }
            | Self::ParkedPurged { .. }
            | Self::CommandDone { .. }
            | Self::KeysPurged { .. }
            | Self::AssigneePut { .. }
            | Self::AssigneeRemoved { .. }
            | Self::ConsumerMoved { .. }
            | Self::ConsumerRemoved { .. }
            | Self::EventsPurged { .. } => None,
        }
    }
}
