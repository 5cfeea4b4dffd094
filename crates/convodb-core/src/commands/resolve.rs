use super::*;

/// Resolves a conversation. It keeps its assignee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolve {
    /// The conversation.
    pub conversation: ConversationId,
}

impl Command for Resolve {
    type Output = Conversation;
    const NAME: &'static str = "resolve";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        env.update(conversation, changes(conversation))
    }
}

/// What resolving a conversation sets.
pub(super) fn changes(conversation: &Conversation) -> Vec<Field> {
    let mut set = Vec::new();
    if conversation.snoozed_until().is_some() {
        set.push(Field::Woken(WakeReason::Resolved));
    }
    if conversation.status == Status::Open {
        set.push(Field::Status(Status::Resolved));
    }
    set
}
