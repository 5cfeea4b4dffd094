//! When what happened in a conversation: what follows from its messages, its status and its assignee.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Direction, Message, Status, time};

/// When what happened in a conversation. An import brings these times, and none follows from its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timeline {
    /// Since when the contact waits for an answer: the time of the first message since the last answer.
    #[serde(with = "time::optional")]
    pub waiting_since: Option<DateTime<Utc>>,
    /// The latest time of a message from the contact, by the provider.
    #[serde(with = "time::optional")]
    pub last_inbound_at: Option<DateTime<Utc>>,
    /// The latest time of a message that is no line of the provider's.
    #[serde(with = "time::optional")]
    pub last_message_at: Option<DateTime<Utc>>,
    /// When it was created or last reopened.
    #[serde(with = "time::optional")]
    pub opened_at: Option<DateTime<Utc>>,
    /// The time of the first message to the contact since then that no bot wrote.
    #[serde(with = "time::optional")]
    pub first_reply_at: Option<DateTime<Utc>>,
    /// When it was resolved, while it is.
    #[serde(with = "time::optional")]
    pub resolved_at: Option<DateTime<Utc>>,
    /// Whether a bot wrote the latest message that answers, and the contact none since. A user or team that is
    /// assigned then takes over from the bot, and the contact waits again.
    #[serde(default)]
    pub answered_by_bot: bool,
}

impl Timeline {
    pub(crate) fn created(status: Status, at: DateTime<Utc>) -> Self {
        let resolved = status == Status::Resolved;
        Self {
            opened_at: Some(at),
            resolved_at: resolved.then_some(at),
            ..Self::default()
        }
    }

    /// A message arrived that is no line of the provider's.
    pub(crate) fn message(&mut self, message: &Message, status: Status, at: DateTime<Utc>) {
        let created_at = Some(message.created_at);
        self.last_message_at = self.last_message_at.max(created_at);
        // What was taken back by then says nothing.
        let asks = !message.is_silent() && !message.is_revoked();
        if asks && status == Status::Resolved {
            self.open(at);
        }
        match message.direction {
            Direction::Inbound => {
                self.last_inbound_at = self.last_inbound_at.max(created_at);
                self.answered_by_bot = false;
                if asks {
                    self.waiting_since = self.waiting_since.or(created_at);
                }
            }
            Direction::Outbound if asks => {
                self.waiting_since = None;
                self.answered_by_bot = message.is_of_bot();
                if !self.answered_by_bot {
                    self.first_reply_at = self.first_reply_at.or(created_at);
                }
            }
            // A broadcast answers nothing.
            Direction::Outbound => {}
        }
    }

    /// It is reopened, unless the message that reopens it has said so.
    pub(crate) fn open(&mut self, at: DateTime<Utc>) {
        if self.opened_at != Some(at) || self.resolved_at.is_some() {
            self.opened_at = Some(at);
            self.first_reply_at = None;
            self.resolved_at = None;
        }
    }

    pub(crate) fn resolve(&mut self, at: DateTime<Utc>) {
        self.resolved_at = Some(at);
        self.waiting_since = None;
    }

    /// A user or team has it.
    pub(crate) fn assign(&mut self, at: DateTime<Utc>) {
        if self.answered_by_bot {
            self.waiting_since = self.waiting_since.or(Some(at));
        }
    }

    /// The messages of another conversation belong to it. It was opened and resolved as it was before.
    pub(crate) fn absorb(&mut self, other: &Self) {
        if other.last_message_at > self.last_message_at {
            self.answered_by_bot = other.answered_by_bot;
        }
        self.last_message_at = self.last_message_at.max(other.last_message_at);
        self.last_inbound_at = self.last_inbound_at.max(other.last_inbound_at);
        let waiting = [self.waiting_since, other.waiting_since].into_iter();
        self.waiting_since = waiting.flatten().min();
    }

    pub(crate) fn times(&mut self) -> impl Iterator<Item = &mut DateTime<Utc>> {
        let Self {
            waiting_since,
            last_inbound_at,
            last_message_at,
            opened_at,
            first_reply_at,
            resolved_at,
            answered_by_bot: _,
        } = self;
        [
            waiting_since,
            last_inbound_at,
            last_message_at,
            opened_at,
            first_reply_at,
            resolved_at,
        ]
        .into_iter()
        .flatten()
    }
}
