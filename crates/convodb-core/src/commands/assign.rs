use super::*;

/// Assigns a conversation to a user or a team, or unassigns it. Assigning reopens a resolved
/// conversation; unassigning does not.
///
/// A claim is an assignment on the condition that the conversation is unassigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assign {
    /// The conversation.
    pub conversation: ConversationId,
    /// The assignee; `None` unassigns.
    pub assignee: Option<AssigneeId>,
}

impl Command for Assign {
    type Output = Conversation;
    const NAME: &'static str = "assign";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
        keys.extend(self.assignee.clone().map(Key::Assignee));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        if let Some(assignee) = &self.assignee {
            state.require_assignee(assignee)?;
        }
        let set = changes(conversation, self.assignee.as_ref());
        env.update(conversation, set)
    }
}

/// What assigning a conversation sets.
pub(super) fn changes(conversation: &Conversation, assignee: Option<&AssigneeId>) -> Vec<Field> {
    let mut set = Vec::new();
    if conversation.assignee_id() != assignee {
        set.push(Field::Assignee(assignee.cloned()));
    }
    if assignee.is_some() && conversation.status == Status::Resolved {
        set.push(Field::Status(Status::Open));
    }
    set
}
