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
        let team = self.changes.team_id.clone().flatten();
        keys.extend(team.map(AssigneeId::Team).map(Key::Assignee));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        if let Some(team) = self.changes.team_id.clone().flatten() {
            state.require_assignee(&AssigneeId::Team(team))?;
        }
        let set = self.changes.fields(conversation, env.now)?;
        env.update(conversation, set)
    }
}
