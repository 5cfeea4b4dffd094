//! Idempotency keys in the model: which command each was given with, and what it answered.

use std::fmt::Debug;

use chrono::{DateTime, TimeDelta, Utc};
use convodb::{
    Assignee, AssigneeId, BatchItem, Contact, ContactId, Conversation, ConversationId, ErrorKind,
    EventSeq, Inbox, InboxId, Message, MessageId, Note, NoteId, Team, View, ViewId,
};

use super::model::Model;
use super::op::Op;
use super::plan::first_moment;
use super::verdict::{Expected, Refusal};

/// So many keys. The two behind them are refused.
pub const KEYS: u8 = 3;

pub fn text(number: u8) -> String {
    match number {
        0..KEYS => format!("key {number}"),
        KEYS => String::new(),
        _ => "k".repeat(256),
    }
}

/// A command that was done with a key.
#[derive(Clone, Debug)]
pub struct Done {
    key: u8,
    at: DateTime<Utc>,
    command: String,
    value: Value,
    changed: bool,
    created: bool,
    reopened: bool,
}

/// What a command was about, without content.
#[derive(Clone, Debug)]
pub enum Value {
    Nothing,
    Number(u64),
    Conversation(ConversationId),
    Message(ConversationId, MessageId),
    Note(ConversationId, NoteId),
    Assignee(AssigneeId),
    Inbox(InboxId),
    Contact(ContactId),
    View(ViewId),
    /// What was done to each.
    Each(Vec<(ConversationId, Option<Did>)>),
}

/// What a bulk command did to one conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Did {
    pub changed: bool,
    pub reopened: bool,
}

/// One conversation of a bulk command, as it is now, and what was done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EachOf {
    pub id: ConversationId,
    pub result: Result<Conversation, ErrorKind>,
    pub did: Did,
}

impl From<BatchItem> for EachOf {
    fn from(item: BatchItem) -> Self {
        let effect = item.effect;
        assert!(!effect.created, "{} was there before", item.id);
        Self {
            id: item.id,
            result: item.result.map_err(|error| error.kind()),
            did: Did {
                changed: effect.changed,
                reopened: effect.reopened,
            },
        }
    }
}

/// A kind of answer.
pub trait Answer: Sized + PartialEq + Debug {
    fn value(&self) -> Value;

    /// The same as it is now; nothing if it is gone.
    fn again(value: &Value, model: &Model) -> Option<Self>;
}

impl Answer for () {
    fn value(&self) -> Value {
        Value::Nothing
    }

    fn again(_: &Value, _: &Model) -> Option<Self> {
        Some(())
    }
}

impl Answer for u64 {
    fn value(&self) -> Value {
        Value::Number(*self)
    }

    fn again(value: &Value, _: &Model) -> Option<Self> {
        match value {
            Value::Number(number) => Some(*number),
            other => panic!("{other:?} is no number"),
        }
    }
}

impl Answer for EventSeq {
    fn value(&self) -> Value {
        Value::Number(self.get())
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        u64::again(value, model).map(Self::new)
    }
}

impl Answer for Conversation {
    fn value(&self) -> Value {
        Value::Conversation(self.id)
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        match value {
            Value::Conversation(id) => model.entry(*id).map(|entry| model.show(entry)),
            other => panic!("{other:?} is no conversation"),
        }
    }
}

impl Answer for Message {
    fn value(&self) -> Value {
        Value::Message(self.conversation_id, self.id)
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        match value {
            Value::Message(of, id) => {
                let found = model.message(*of, *id);
                found.map(|_| model.answer((*of, *id)))
            }
            other => panic!("{other:?} is no message"),
        }
    }
}

impl Answer for Inbox {
    fn value(&self) -> Value {
        Value::Inbox(self.id.clone())
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        match value {
            Value::Inbox(id) => model.inboxes().into_iter().find(|inbox| inbox.id == *id),
            other => panic!("{other:?} is no inbox"),
        }
    }
}

impl Answer for Option<Conversation> {
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Nothing, Answer::value)
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        match value {
            Value::Nothing => Some(None),
            value => Conversation::again(value, model).map(Some),
        }
    }
}

impl Answer for Option<Message> {
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Nothing, Answer::value)
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        match value {
            Value::Nothing => Some(None),
            value => Message::again(value, model).map(Some),
        }
    }
}

impl Answer for Note {
    fn value(&self) -> Value {
        Value::Note(self.conversation_id, self.id)
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        let Value::Note(of, id) = value else {
            panic!("{value:?} is no note");
        };
        let notes = &model.entry(*of)?.notes;
        notes.iter().find(|note| note.id == *id).cloned()
    }
}

impl Answer for Assignee {
    fn value(&self) -> Value {
        Value::Assignee(self.id.clone())
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        match value {
            Value::Assignee(id) => model.assignee(id),
            other => panic!("{other:?} is no user or team"),
        }
    }
}

impl Answer for Team {
    fn value(&self) -> Value {
        Value::Assignee(self.id.clone().into())
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        match value {
            Value::Assignee(AssigneeId::Team(id)) => {
                let known = model.assignee(&id.into())?;
                Some(Self::new(id, &known.name, model.members_of(id)))
            }
            other => panic!("{other:?} is no team"),
        }
    }
}

impl Answer for View {
    fn value(&self) -> Value {
        Value::View(self.id.clone())
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        match value {
            Value::View(id) => model.view(id),
            other => panic!("{other:?} is no view"),
        }
    }
}

impl Answer for Contact {
    fn value(&self) -> Value {
        Value::Contact(self.id.clone())
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        match value {
            Value::Contact(id) => model.record(id).cloned(),
            other => panic!("{other:?} is no contact"),
        }
    }
}

impl Answer for Vec<EachOf> {
    fn value(&self) -> Value {
        let each = self.iter().map(|item| {
            let did = item.result.is_ok().then_some(item.did);
            (item.id, did)
        });
        Value::Each(each.collect())
    }

    fn again(value: &Value, model: &Model) -> Option<Self> {
        let Value::Each(each) = value else {
            panic!("{value:?} is not of each");
        };
        let again = |(id, did): &(ConversationId, Option<Did>)| {
            let entry = model.entry(*id).filter(|_| did.is_some());
            EachOf {
                id: *id,
                did: did.filter(|_| entry.is_some()).unwrap_or_default(),
                result: entry
                    .map(|entry| model.show(entry))
                    .ok_or(ErrorKind::NotFound),
            }
        };
        Some(each.iter().map(again).collect())
    }
}

/// What a key says of the command that is given with it.
pub enum Known<T> {
    New,
    Done(Expected<T>),
    Refused(Refusal),
}

impl Model {
    /// The command that a retry means.
    pub fn meant(&self, op: &Op) -> Option<Op> {
        let Op::Retry { number } = op else {
            return Some(op.clone());
        };
        let number = usize::from(*number).checked_rem(self.given.len())?;
        let (key, op) = self.given.get(number)?;
        Some(Op::Keyed {
            key: *key,
            op: Box::new(op.clone()),
        })
    }

    /// A command is given with a key.
    pub fn give(&mut self, key: u8, op: &Op) {
        self.key = Some(key);
        self.given.retain(|(of, _)| *of != key);
        self.given.push((key, op.clone()));
    }

    fn is_known(&self, done: &Done) -> bool {
        done.at >= self.before(self.key_age)
    }

    fn before(&self, age: TimeDelta) -> DateTime<Utc> {
        (self.newest - age).max(first_moment())
    }

    pub fn known<T: Answer>(&self, key: u8, command: &str) -> Known<T> {
        if key >= KEYS {
            return Known::Refused(Refusal::invalid("idempotency_key"));
        }
        let mut of_key = self.done.iter().filter(|done| done.key == key);
        let Some(done) = of_key.next().filter(|done| self.is_known(done)) else {
            return Known::New;
        };
        if done.command != command {
            return Known::Refused(Refusal::of(ErrorKind::IdempotencyKeyReused));
        }
        match T::again(&done.value, self) {
            None => Known::Refused(Refusal::of(ErrorKind::NotFound)),
            Some(value) => Known::Done(Expected {
                value,
                changed: done.changed,
                created: done.created,
                reopened: done.reopened,
                is_duplicate: true,
            }),
        }
    }

    /// A command was done with a key, whether it changed anything else or not.
    pub fn remember<T: Answer>(&mut self, key: u8, command: String, did: &Expected<T>) {
        self.done.retain(|done| done.key != key);
        self.done.push(Done {
            key,
            at: self.newest,
            command,
            value: did.value.value(),
            changed: did.changed,
            created: did.created,
            reopened: did.reopened,
        });
        self.touched = true;
    }

    /// The keys that are known yet.
    pub fn known_keys(&self) -> Vec<u8> {
        let known = |key: &u8| {
            let mut of_key = self.done.iter().filter(|done| done.key == *key);
            of_key.any(|done| self.is_known(done))
        };
        (0..KEYS).filter(known).collect()
    }

    /// The store may have forgotten any that are too old to be known.
    pub fn purge_keys(&mut self, older_ms: u32, purged: u64) -> Expected<u64> {
        let before = self.before(TimeDelta::milliseconds(older_ms.into()));
        let old = self.done.iter().filter(|done| done.at < before);
        let (known, all) = (
            old.clone().filter(|done| self.is_known(done)).count() as u64,
            old.count() as u64,
        );
        assert!((known..=all).contains(&purged), "{known} to {all} keys");
        self.done.retain(|done| done.at >= before);
        self.touched |= purged > 0;
        Expected::plain(purged, purged > 0)
    }
}
