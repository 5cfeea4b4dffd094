use super::*;

/// Sets attributes of a conversation. Each that becomes another one raises the revision. Not activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UpdateConversation {
    /// The conversation.
    pub conversation: ConversationId,
    /// What its attributes become.
    pub changes: AttributeChanges,
}

impl Command for UpdateConversation {
    type Output = Conversation;
    const NAME: &'static str = "update_conversation";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        let none = Attributes::default();
        let known = conversation.attributes.as_deref().unwrap_or(&none);
        env.update(conversation, self.changes.fields(known)?)
    }
}
