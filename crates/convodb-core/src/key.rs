//! The addresses of what commands read: single entities, and questions about many of them.

use std::ops::Range;

use chrono::{DateTime, Utc};

use crate::{
    AssigneeId, ConsumerName, ContactId, ConversationId, EventSeq, Filter, IdempotencyKey,
    Identity, ImportName, InboxId, InboxRef, Message, MessageId, NoteId, ProviderId, TeamId,
    ViewId,
};

/// The address of one entity, or a question about many.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Conversation(ConversationId),
    /// The conversation of a contact in an inbox.
    Thread(InboxRef, ContactId),
    Message(ConversationId, MessageId),
    /// A note of a conversation, by its time and id.
    Note(ConversationId, DateTime<Utc>, NoteId),
    ProviderId(InboxRef, ProviderId),
    Assignee(AssigneeId),
    /// The members of a team.
    Members(TeamId),
    Inbox(InboxId),
    View(ViewId),
    Idempotency(IdempotencyKey),
    Consumer(ConsumerName),
    /// How far a named import has come.
    Import(ImportName),
    Contact(ContactId),
    /// The contact that a provider calls so.
    Identity(Identity),
    /// A question about many entities. Its answer is forgotten when the command is done.
    Query(Query),
}

/// What bulk commands, removals and purges ask.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// The first conversations of a list: [`Answer::Conversations`].
    First(Box<Filter>, u32),
    /// The conversations whose snooze ends by a time, the earliest first: [`Answer::Conversations`].
    Due(DateTime<Utc>, u32),
    /// The conversations of a contact, in every inbox: [`Answer::Conversations`].
    Threads(ContactId),
    /// How many conversations a filter selects: [`Answer::Number`].
    Count(Box<Filter>),
    /// The oldest event that is kept, or the next one, and the newest: [`Answer::Events`].
    EventRange,
    /// The first event that is not older than a time: [`Answer::Number`].
    FirstEventSince(DateTime<Utc>),
    /// The position of the consumer that is farthest behind: [`Answer::Position`].
    SlowestConsumer,
    /// How many messages that have not arrived have had receipts waiting since before a time:
    /// [`Answer::Number`].
    UnmatchedBefore(DateTime<Utc>),
    /// Since when the newest has waited of what more messages have waiting than this many:
    /// [`Answer::Time`].
    UnmatchedBeyond(u64),
    /// The resolved conversations without activity since before a time, the oldest first, as many as
    /// [`DeleteResolved`](crate::commands::DeleteResolved) deletes at once: [`Answer::Conversations`].
    Stale(DateTime<Utc>, u32),
    /// The latest message of a conversation within a range of order times: [`Answer::Message`].
    LatestMessage(ConversationId, Range<DateTime<Utc>>),
    /// How many messages that arrived after one could be unread: [`Answer::Number`].
    UnreadAfter(ConversationId, MessageId),
    /// The outbound messages of a conversation since a time that are pending and have no id of the
    /// provider, oldest first: [`Answer::Messages`].
    Pending(ConversationId, DateTime<Utc>),
    /// The time of a note: [`Answer::Time`].
    NoteTime(ConversationId, NoteId),
    /// Which of these conversations has the message from the contact that arrived last, of those that name
    /// an identity: [`Answer::Conversations`].
    LatestIdentity(Vec<ConversationId>),
    /// How many idempotency keys are older than a time: [`Answer::Number`].
    KeysBefore(DateTime<Utc>),
    /// How many views there are: [`Answer::Number`].
    Views,
}

/// What a backend answers to a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Number(u64),
    Conversations(Vec<ConversationId>),
    /// The range of the events that are kept.
    Events {
        /// The oldest, or the number of the next event where none is kept.
        oldest: EventSeq,
        /// The newest; zero before the first.
        newest: EventSeq,
    },
    Messages(Vec<Message>),
    Time(Option<DateTime<Utc>>),
    /// The place of a message, if there is one.
    Message(Option<(DateTime<Utc>, MessageId)>),
    /// A position among the events, if there is one.
    Position(Option<EventSeq>),
}
