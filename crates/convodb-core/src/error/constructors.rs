//! How backends and commands make errors.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use super::{Details, EntityKind, Error, ErrorKind, Repr};
use crate::{
    AssigneeId, AssigneeKind, CommitSeq, ConsumerName, Conversation, ConversationId, EventSeq,
    InvalidInput, MessageId, NoteId, Precondition, ProviderId,
};

/// What backends and commands make errors with.
#[doc(hidden)]
impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Repr {
            kind,
            message: message.into(),
            details: Details::None,
            source: None,
        }))
    }

    pub fn corrupted(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Corrupted, message)
    }

    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the store is closed")
    }

    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    pub fn with_details(mut self, details: Details) -> Self {
        self.0.details = details;
        self
    }

    /// Whether this commit happened is unknown.
    pub fn commit_unknown(commit: CommitSeq, source: Self) -> Self {
        let message = format!("commit {commit} failed, and may have happened all the same");
        Self::new(ErrorKind::CommitUnknown, message)
            .with_source(source)
            .with_details(Details::Commit(commit))
    }

    /// Events before this one were asked for, and are gone.
    pub fn events_purged(oldest: EventSeq) -> Self {
        let message = format!("the events before {oldest} were purged");
        Self::new(ErrorKind::EventsPurged, message).with_details(Details::OldestEvent(oldest))
    }

    /// The same error; the field of an invalid input is named within an item of a list.
    pub fn within(self, item: &str) -> Self {
        match self.0.details {
            Details::Field { name, reason } => {
                InvalidInput::new(format!("{item}.{name}"), reason).into()
            }
            _ => self,
        }
    }

    fn not_found(kind: EntityKind, id: impl fmt::Display) -> Self {
        let id = id.to_string();
        Self::new(ErrorKind::NotFound, format!("there is no {kind} `{id}`"))
            .with_details(Details::Entity { kind, id })
    }

    pub fn conversation_not_found(id: ConversationId) -> Self {
        Self::not_found(EntityKind::Conversation, id)
    }

    pub fn message_not_found(id: MessageId) -> Self {
        Self::not_found(EntityKind::Message, id)
    }

    pub fn note_not_found(id: NoteId) -> Self {
        Self::not_found(EntityKind::Note, id)
    }

    pub fn consumer_not_found(name: &ConsumerName) -> Self {
        Self::not_found(EntityKind::Consumer, name)
    }

    pub fn assignee_not_found(id: &AssigneeId) -> Self {
        let kind = match id.kind() {
            AssigneeKind::User => EntityKind::User,
            AssigneeKind::Team => EntityKind::Team,
        };
        Self::not_found(kind, id)
    }

    pub fn provider_id_not_found(id: &ProviderId) -> Self {
        Self::not_found(EntityKind::ProviderId, id)
    }

    pub fn gone(id: &ProviderId) -> Self {
        let message = format!("the message of the provider's id `{id}` was deleted");
        Self::new(ErrorKind::Gone, message).with_details(Details::Entity {
            kind: EntityKind::ProviderId,
            id: id.to_string(),
        })
    }

    pub fn already_exists(
        kind: EntityKind,
        id: impl fmt::Display,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let id = id.to_string();
        Self::new(ErrorKind::AlreadyExists, message).with_details(Details::Existing { kind, id })
    }

    pub(crate) fn idempotency_key_reused() -> Self {
        let message = "the idempotency key was given with another command before";
        Self::new(ErrorKind::IdempotencyKeyReused, message)
    }

    pub(crate) fn not_created(message: &'static str) -> Self {
        Self::new(ErrorKind::PreconditionFailed, message)
    }

    pub(crate) fn precondition_failed(expected: &Precondition, known: &Conversation) -> Self {
        let id = known.id;
        let message = match expected {
            Precondition::Revision(_) => {
                format!(
                    "the conversation `{id}` has changed: its revision is {}",
                    known.revision
                )
            }
            Precondition::Assignee(_) => match known.assignee_id() {
                Some(assignee) => format!("the conversation `{id}` is assigned to `{assignee}`"),
                None => format!("the conversation `{id}` is unassigned"),
            },
            Precondition::Status(_) => format!("the conversation `{id}` is {}", known.status),
        };
        Self::new(ErrorKind::PreconditionFailed, message).with_details(Details::Precondition {
            conversation: id,
            expected: expected.clone(),
            revision: known.revision,
            status: known.status,
            assignee: known.assignee_id().cloned(),
        })
    }
}
