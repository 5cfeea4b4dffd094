use super::*;

/// Reopens a resolved conversation. It stays assigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reopen {
    /// The conversation.
    pub conversation: ConversationId,
}

impl Command for Reopen {
    type Output = Conversation;
    const NAME: &'static str = "reopen";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        let is_resolved = conversation.status == Status::Resolved;
        let set = is_resolved.then_some(Field::Status(Status::Open));
        env.update(conversation, set.into_iter().collect())
    }
}
