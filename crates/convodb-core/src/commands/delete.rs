use super::*;

/// Deletes a conversation with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delete {
    /// The conversation.
    pub conversation: ConversationId,
}

impl Command for Delete {
    type Output = ();
    const NAME: &'static str = "delete";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        env.context.check(Some(conversation))?;
        let conversation = conversation.id;
        let deleted = ChangeKind::ConversationDeleted { conversation };
        Ok(Decision::new(Subject::Nothing, [deleted]))
    }
}
