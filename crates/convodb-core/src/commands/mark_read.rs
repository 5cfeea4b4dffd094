use serde::Serialize;

use crate::command::sealed::Sealed;
use crate::{
    Command, Conversation, ConversationId, Decision, Env, Field, Halt, InvalidInput, Key, State,
};

/// Marks the first `read_count` messages from the contact, by arrival, as read. A mark never goes
/// back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MarkRead {
    /// The conversation.
    pub conversation: ConversationId,
    /// How many messages are read.
    pub read_count: u64,
}

impl Sealed for MarkRead {}

impl Command for MarkRead {
    type Output = Conversation;
    const NAME: &'static str = "mark_read";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        if self.read_count > conversation.inbound_count {
            let inbound = conversation.inbound_count;
            let reason = format!("must not be above the number of inbound messages, {inbound}");
            return Err(InvalidInput::new("read_count", reason).into());
        }
        let mut set = Vec::new();
        if self.read_count > conversation.read_count() {
            set.push(Field::ReadCount(self.read_count));
        }
        env.context.check(Some(conversation), !set.is_empty())?;
        Ok(Decision::update(conversation.id, set))
    }
}
