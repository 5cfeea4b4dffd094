use serde::Serialize;

use super::append::{self, Appended};
use crate::{Command, Decision, Direction, Env, Halt, Key, Message, Outbound, State};

/// Stores a message to a contact. The first one creates the conversation; a later one reopens it
/// unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SendMessage {
    /// The message.
    pub message: Outbound,
}

impl Command for SendMessage {
    type Output = Message;
    const NAME: &'static str = "send";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        let message = &self.message;
        append::reads(&message.contact_id, message.channel, &message.draft, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let message = &self.message;
        let conversation = state.thread(message.channel.into(), &message.contact_id)?;
        let appended = Appended {
            direction: Direction::Outbound,
            contact_id: &message.contact_id,
            channel: message.channel,
            draft: &message.draft,
            reopens: message.reopen,
        };
        appended.decide(state, env, conversation)
    }
}
