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
        let (contact, channel) = (&conversation.contact_id, conversation.channel);
        if let Some(address) = &self.reply.address {
            let reason = "is not the conversation's";
            InvalidInput::unless(address.contact == *contact, "contact_id", reason)?;
            let (given, is_same_inbox) = match &address.inbox {
                // The channel alone says less than the conversation does.
                InboxRef::Channel(given) => (Some(*given), true),
                InboxRef::Inbox(id) => {
                    (address.channel, conversation.inbox_id.as_ref() == Some(id))
                }
            };
            InvalidInput::unless(is_same_inbox, "inbox_id", reason)?;
            let is_same_channel = given.is_none_or(|given| given == channel);
            InvalidInput::unless(is_same_channel, "channel", reason)?;
        }
        let own = (contact, &conversation.inbox(), channel);
        append(&self.reply, own, Some(conversation), state, env)
    }
}
