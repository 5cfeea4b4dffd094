use super::append::append;
use super::*;

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
        let own = (&conversation.contact_id, conversation.channel);
        if let Some((contact, channel)) = &self.reply.address {
            let reason = "is not the conversation's";
            InvalidInput::unless(contact == own.0, "contact_id", reason)?;
            InvalidInput::unless(*channel == own.1, "channel", reason)?;
        }
        append(&self.reply, own, Some(conversation), state, env)
    }
}
