use serde::Serialize;

use super::consumers::events;
use crate::command::sealed::Sealed;
use crate::{
    ChangeKind, Command, ConsumerName, Decision, Env, EventSeq, Halt, InvalidInput, Key, Query,
    State, Subject,
};

/// Acknowledges the events up to one, and answers the consumer's position. A position never goes
/// back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acknowledge {
    /// The consumer.
    pub consumer: ConsumerName,
    /// The last event that it is done with.
    pub up_to: EventSeq,
}

impl Sealed for Acknowledge {}

impl Command for Acknowledge {
    type Output = EventSeq;
    const NAME: &'static str = "acknowledge";

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Consumer(self.consumer.clone()));
        keys.push(Key::Query(Query::EventRange));
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        let position = state.require_consumer(&self.consumer)?;
        let (_, newest) = events(state)?;
        if self.up_to > newest {
            let reason = format!("must not be above the number of the newest event, {newest}");
            return Err(InvalidInput::new("up_to", reason).into());
        }
        let mut changes = Vec::new();
        if self.up_to > position {
            changes.push(ChangeKind::ConsumerMoved {
                consumer: self.consumer.clone(),
                position: self.up_to,
            });
        }
        let position = Subject::Position(position.max(self.up_to));
        Ok(Decision::new(position, changes))
    }
}
