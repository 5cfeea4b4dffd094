use serde::Serialize;

use super::append::{self, Appended};
use crate::{Command, Decision, Direction, Env, Halt, Inbound, Key, Message, State};

/// Stores a message from a contact. The first one creates the conversation; a later one reopens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiveMessage {
    /// The message.
    pub message: Inbound,
}

impl Command for ReceiveMessage {
    type Output = Message;
    const NAME: &'static str = "receive";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        let message = &self.message;
        append::reads(&message.contact_id, message.channel, &message.draft, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let message = &self.message;
        let conversation = state.thread(message.channel.into(), &message.contact_id)?;
        let appended = Appended {
            direction: Direction::Inbound,
            contact_id: &message.contact_id,
            channel: message.channel,
            draft: &message.draft,
            reopens: true,
        };
        appended.decide(state, env, conversation)
    }
}
