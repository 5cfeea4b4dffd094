//! What a command answers.

use serde::{Deserialize, Serialize};

use crate::{ChangeKind, CommitSeq, Conversation, ConversationId, Field, Result, Status};

/// What a command answers: its value, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Outcome<T> {
    /// What the command is about, as it is now.
    pub value: T,
    /// What it did.
    pub effect: Effect,
    /// Whether the same had been done before: under this idempotency key, or under this provider's
    /// id.
    pub is_duplicate: bool,
    /// The commit that holds the change; the latest one where nothing changed. Always there for a
    /// store in a file.
    pub commit: Option<CommitSeq>,
}

impl<T> Outcome<T> {
    /// An outcome of its parts, for the backends.
    #[doc(hidden)]
    pub const fn new(value: T, effect: Effect, is_duplicate: bool, commit: CommitSeq) -> Self {
        Self {
            value,
            effect,
            is_duplicate,
            commit: Some(commit),
        }
    }
}

/// What a command did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Effect {
    /// Whether anything changed.
    pub changed: bool,
    /// Whether it created something: a conversation, a user, a team or a consumer, or by an edit a
    /// message.
    pub created: bool,
    /// Whether it reopened a resolved conversation.
    pub reopened: bool,
}

impl Effect {
    /// An effect of its parts.
    #[doc(hidden)]
    pub const fn new(changed: bool, created: bool, reopened: bool) -> Self {
        Self {
            changed,
            created,
            reopened,
        }
    }

    /// What changes amount to.
    pub(crate) fn of(changes: &[ChangeKind]) -> Self {
        let mut effect = Self::default();
        for change in changes {
            effect.changed = true;
            match change {
                ChangeKind::ConversationCreated { .. } | ChangeKind::ConversationImported(_) => {
                    effect.created = true;
                }
                ChangeKind::ConversationUpdated { set, .. } => {
                    effect.reopened |= set.contains(&Field::Status(Status::Open));
                }
                _ => {}
            }
        }
        effect
    }
}

/// What a bulk command did to one conversation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchItem {
    /// The conversation.
    pub id: ConversationId,
    /// The conversation as it is now, or why nothing was done to it.
    pub result: Result<Conversation>,
    /// What was done.
    pub effect: Effect,
}
