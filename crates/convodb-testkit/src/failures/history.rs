//! What writers gave, when, and what was answered.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// What a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    Receive,
    Reply,
    Note,
    /// Assigns, if no one has it.
    Claim,
    Unassign,
    Resolve,
    Reopen,
    Deliver,
}

impl What {
    pub const ALL: [Self; 8] = [
        Self::Receive,
        Self::Reply,
        Self::Note,
        Self::Claim,
        Self::Unassign,
        Self::Resolve,
        Self::Reopen,
        Self::Deliver,
    ];

    /// Whether its answer is the conversation.
    pub const fn is_of_conversation(self) -> bool {
        matches!(
            self,
            Self::Claim | Self::Unassign | Self::Resolve | Self::Reopen
        )
    }
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub commit: u64,
    pub is_changed: bool,
    pub is_duplicate: bool,
    /// The id of the message or note.
    pub id: Option<String>,
    /// Of the conversation.
    pub state: Option<State>,
}

/// What commands about a conversation change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub is_resolved: bool,
    pub assignee: Option<String>,
    pub revision: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Done(Seen),
    /// It was refused with this kind of error: nothing was written.
    Refused(String),
    /// No answer came, or one that says so.
    Unknown,
}

/// One command. Its actor, its text, its key and its provider's id are the same text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub actor: String,
    pub conversation: usize,
    pub what: What,
    /// The revision that the conversation must have.
    pub revision: Option<u64>,
    /// Microseconds of the machine's clock.
    pub begun: u64,
    /// Later than anything, where no answer came.
    pub ended: u64,
    pub answer: Answer,
}

/// The microseconds of the machine's clock, which all its processes share.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

/// The commands of all writers.
#[derive(Debug, Default)]
pub struct History(Mutex<BTreeMap<String, Entry>>);

impl History {
    /// Records a command that begins, or its answer.
    pub fn put(&self, entry: Entry) {
        let Self(entries) = self;
        let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(entry.actor.clone(), entry);
    }

    pub fn entries(&self) -> Vec<Entry> {
        let Self(entries) = self;
        let entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.values().cloned().collect()
    }

    pub fn acknowledged(&self) -> u64 {
        let is_done = |entry: &&Entry| matches!(entry.answer, Answer::Done(_));
        self.entries().iter().filter(is_done).count() as u64
    }

    pub fn unknown(&self) -> u64 {
        let is_unknown = |entry: &&Entry| entry.answer == Answer::Unknown;
        self.entries().iter().filter(is_unknown).count() as u64
    }
}
