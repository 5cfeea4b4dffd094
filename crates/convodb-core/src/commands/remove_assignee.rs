use super::*;

/// Removes a user or a team from the directory. Its conversations go to the successor, or become
/// unassigned; that is not activity and reopens nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemoveAssignee {
    /// The user or team.
    pub assignee: AssigneeId,
    /// The assignee that gets its conversations.
    pub successor: Option<AssigneeId>,
}

impl Command for RemoveAssignee {
    type Output = u64;
    const NAME: &'static str = "remove_assignee";

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        state.require_assignee(&self.assignee)?;
        if let Some(successor) = &self.successor {
            let reason = "must be another than the one removed";
            InvalidInput::unless(*successor != self.assignee, "successor", reason)?;
            state.require_assignee(successor)?;
        }
        let own = Filter::all().assigned_to(&self.assignee);
        let moved = state.number(&Query::Count(Box::new(own)))?;
        let removed = ChangeKind::AssigneeRemoved {
            assignee: self.assignee.clone(),
            successor: self.successor.clone(),
        };
        Ok(Decision::new(Subject::Count(moved), [removed]))
    }
}
