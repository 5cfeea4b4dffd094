//! Commands with idempotency keys: the same one again answers what it did, and does nothing.

use std::hash::Hash;

use chrono::{DateTime, Utc};
use convodb_core::{
    Assignee, Conversation, Done, DoneEach, DoneValue, Error, Fact, IdempotencyKey, Message, Note,
    Outcome, Rejection, Result, decide,
};

use super::Transaction;
use super::bulk::Each;

/// A command, told from others by the keyed hash of its name and all that was given with it.
/// Nothing where the context names no key: an import can be large.
pub(super) struct Command(Option<[u8; 16]>);

impl Transaction<'_> {
    pub(super) fn command(&self, command: impl Hash) -> Command {
        let hash = || self.writer.reader().hashes().of_command(&command);
        Command(self.context.idempotency_key.is_some().then(hash))
    }

    /// Runs a command, unless the context's key says that it was done.
    pub(super) fn once<T: Answer>(
        &mut self,
        Command(command): Command,
        run: impl FnOnce(&mut Self, DateTime<Utc>) -> Result<Outcome<T>>,
    ) -> Result<Outcome<T>> {
        let now = self.now();
        let (Some(key), Some(command)) = (&self.context.idempotency_key, command) else {
            return run(self, now);
        };
        let key = IdempotencyKey::new(key)?;
        let forget_before = decide::before(now, self.idempotency_age);
        let known = self.writer.reader().done(&key)?;
        if let Some(done) = known.filter(|done| done.at >= forget_before) {
            if done.command != command {
                return Err(Rejection::KeyUsed.into());
            }
            return self.answer(done);
        }
        let mut outcome = run(self, now)?;
        let done = Done {
            at: now,
            command,
            value: outcome.value.to_done(),
            changed: outcome.changed,
            created: outcome.created,
            reopened: outcome.reopened,
            duplicate: outcome.duplicate,
        };
        self.apply(
            now,
            vec![Fact::CommandDone {
                key,
                done,
                forget_before,
            }],
        )?;
        // Where the command changed nothing, its key did.
        outcome.sequence = self.writer.sequence();
        outcome.value.held_by(outcome.sequence);
        Ok(outcome)
    }

    fn answer<T: Answer>(&self, done: Done) -> Result<Outcome<T>> {
        let value = T::from_done(self, done.value)?;
        let mut outcome = Outcome::unchanged(value, self.writer.sequence());
        outcome.changed = done.changed;
        outcome.created = done.created;
        outcome.reopened = done.reopened;
        outcome.duplicate = true;
        Ok(outcome)
    }
}

/// What a command answers, kept by its ids and looked up again.
pub(super) trait Answer: Sized {
    fn to_done(&self) -> DoneValue;
    fn from_done(transaction: &Transaction<'_>, value: DoneValue) -> Result<Self>;

    /// Tells it the commit that holds it, where it says so itself.
    fn held_by(&mut self, _sequence: u64) {}
}

fn another() -> Error {
    Error::corrupted("a command with a key answered something of another kind")
}

impl Answer for () {
    fn to_done(&self) -> DoneValue {
        DoneValue::Nothing
    }

    fn from_done(_: &Transaction<'_>, _: DoneValue) -> Result<Self> {
        Ok(())
    }
}

impl Answer for u64 {
    fn to_done(&self) -> DoneValue {
        DoneValue::Number(*self)
    }

    fn from_done(_: &Transaction<'_>, value: DoneValue) -> Result<Self> {
        match value {
            DoneValue::Number(number) => Ok(number),
            _ => Err(another()),
        }
    }
}

impl Answer for Conversation {
    fn to_done(&self) -> DoneValue {
        DoneValue::Conversation(self.id)
    }

    fn from_done(transaction: &Transaction<'_>, value: DoneValue) -> Result<Self> {
        match value {
            DoneValue::Conversation(id) => transaction.writer.reader().conversation(id),
            _ => Err(another()),
        }
    }
}

impl Answer for Message {
    fn to_done(&self) -> DoneValue {
        DoneValue::Message(self.conversation_id, self.id)
    }

    fn from_done(transaction: &Transaction<'_>, value: DoneValue) -> Result<Self> {
        match value {
            DoneValue::Message(of, id) => transaction.writer.reader().message(of, id),
            _ => Err(another()),
        }
    }
}

impl Answer for Option<Message> {
    fn to_done(&self) -> DoneValue {
        self.as_ref().map_or(DoneValue::Nothing, Answer::to_done)
    }

    fn from_done(transaction: &Transaction<'_>, value: DoneValue) -> Result<Self> {
        match value {
            DoneValue::Nothing => Ok(None),
            value => Message::from_done(transaction, value).map(Some),
        }
    }
}

impl Answer for Each {
    fn to_done(&self) -> DoneValue {
        let each = self.iter().map(|(id, outcome)| {
            let done = outcome.as_ref().ok().map(|outcome| DoneEach {
                changed: outcome.changed,
                reopened: outcome.reopened,
            });
            (*id, done)
        });
        DoneValue::Each(each.collect())
    }

    fn from_done(transaction: &Transaction<'_>, value: DoneValue) -> Result<Self> {
        let DoneValue::Each(each) = value else {
            return Err(another());
        };
        let outcome = |id, done: Option<DoneEach>| {
            let done = done.ok_or_else(|| Rejection::not_found("conversation", id))?;
            let value = transaction.writer.reader().conversation(id)?;
            let mut outcome = Outcome::unchanged(value, transaction.writer.sequence());
            outcome.changed = done.changed;
            outcome.reopened = done.reopened;
            outcome.duplicate = true;
            Ok(outcome)
        };
        let each = each.into_iter().map(|(id, done)| (id, outcome(id, done)));
        Ok(each.collect())
    }

    fn held_by(&mut self, sequence: u64) {
        for (_, outcome) in self {
            if let Ok(outcome) = outcome {
                outcome.sequence = sequence;
            }
        }
    }
}

impl Answer for Note {
    fn to_done(&self) -> DoneValue {
        DoneValue::Note(self.conversation_id, self.created_at, self.id)
    }

    fn from_done(transaction: &Transaction<'_>, value: DoneValue) -> Result<Self> {
        match value {
            DoneValue::Note(of, at, id) => transaction.writer.reader().note(of, at, id),
            _ => Err(another()),
        }
    }
}

impl Answer for Assignee {
    fn to_done(&self) -> DoneValue {
        DoneValue::Assignee(self.id.clone())
    }

    fn from_done(transaction: &Transaction<'_>, value: DoneValue) -> Result<Self> {
        match value {
            DoneValue::Assignee(id) => transaction.writer.reader().assignee(&id),
            _ => Err(another()),
        }
    }
}
