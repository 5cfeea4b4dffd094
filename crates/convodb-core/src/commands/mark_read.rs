use super::*;

/// Marks the first `read_count` messages from the contact, by arrival, as read. A mark never goes
/// back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkRead {
    /// The conversation.
    pub conversation: ConversationId,
    /// How many messages are read.
    pub read_count: u64,
}

impl Command for MarkRead {
    type Output = Conversation;
    const NAME: &'static str = "mark_read";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        let inbound = conversation.inbound_count;
        let reason = format_args!("must not be above the number of inbound messages, {inbound}");
        InvalidInput::unless(self.read_count <= inbound, "read_count", reason)?;
        let is_new = self.read_count > conversation.read_count();
        let set = is_new.then_some(Field::ReadCount(self.read_count));
        env.update(conversation, set.into_iter().collect())
    }
}

/// Marks a message from the contact, and those that arrived before it, as read; without one, all. A mark
/// never goes back. O(messages).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkReadUpTo {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message.
    pub up_to: Option<MessageId>,
}

impl Command for MarkReadUpTo {
    type Output = Conversation;
    const NAME: &'static str = "mark_read_up_to";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
        keys.extend(self.up_to.map(|id| Key::Message(self.conversation, id)));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        let later = match self.up_to {
            Some(id) => unread_after(state, conversation, id)?,
            None => 0,
        };
        let is_new = later < conversation.unread_count;
        let read = is_new.then_some(Field::ReadCount(conversation.inbound_count - later));
        env.update(conversation, read.into_iter().collect())
    }
}

/// Marks a message from the contact, and those that arrived after it, as unread; without one, the last.
/// Not activity. O(messages).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkUnread {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message.
    pub from: Option<MessageId>,
}

impl Command for MarkUnread {
    type Output = Conversation;
    const NAME: &'static str = "mark_unread";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
        keys.extend(self.from.map(|id| Key::Message(self.conversation, id)));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        let unread = match self.from {
            Some(id) => {
                let message = state.require_message(conversation.id, id)?;
                let counts = message.counts_as_unread() && !message.is_revoked();
                let reason = "must be a message from the contact that counts as unread";
                InvalidInput::unless(counts, "from", reason)?;
                unread_after(state, conversation, id)? + 1
            }
            None => conversation.inbound_count.min(1),
        };
        let is_new = unread > conversation.unread_count;
        let unread = is_new.then_some(Field::UnreadCount(unread));
        env.update(conversation, unread.into_iter().collect())
    }
}

/// How many messages count as unread that arrived after one.
fn unread_after(state: &State, conversation: &Conversation, id: MessageId) -> Result<u64, Halt> {
    state.require_message(conversation.id, id)?;
    state.number(&Query::UnreadAfter(conversation.id, id))
}
