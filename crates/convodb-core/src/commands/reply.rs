use serde::Serialize;

use super::append::Appended;
use crate::{
    Command, ConversationId, Decision, Direction, Env, Halt, InvalidInput, Key, Message, Reply,
    State,
};

/// Stores a message to the contact of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplyTo {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message. An address that it names must be the conversation's.
    pub reply: Reply,
}

impl Command for ReplyTo {
    type Output = Message;
    const NAME: &'static str = "reply";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        if let Some((contact_id, channel)) = &self.reply.address {
            let (own, reason) = (conversation, "is not the conversation's");
            InvalidInput::unless(*contact_id == own.contact_id, "contact_id", reason)?;
            InvalidInput::unless(*channel == own.channel, "channel", reason)?;
        }
        let appended = Appended {
            direction: Direction::Outbound,
            contact_id: &conversation.contact_id,
            channel: conversation.channel,
            draft: &self.reply.draft,
            reopens: self.reply.reopen,
        };
        appended.decide(state, env, Some(conversation))
    }
}
