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
