use super::append::{Of, append};
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
        let inbox = conversation.inbox();
        let mut of = Of::contact(contact, &inbox, channel);
        if let Some(address) = &self.reply.address {
            let reason = "is not the conversation's";
            let given = address.who.contact.as_ref();
            let is_own = match given.filter(|given| *given != contact) {
                Some(other) => state.contact_meant(other)? == contact,
                None => true,
            };
            InvalidInput::unless(is_own, "contact_id", reason)?;
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
            if !address.who.identities.is_empty() {
                let meant = who::meant(&address.who, channel, state, env)?;
                let is_own = *meant.contact == *contact;
                InvalidInput::unless(is_own, "identities", "are not the conversation's")?;
                (of.identity, of.changes) = (meant.identity, meant.changes);
            }
        }
        append(&self.reply, of, Some(conversation), state, env)
    }
}
