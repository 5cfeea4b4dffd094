use serde::Serialize;

use crate::command::sealed::Sealed;
use crate::{
    AssigneeId, ChangeKind, Command, Decision, Env, Filter, Halt, InvalidInput, Key, Query, State,
    Subject,
};

/// Removes a user or a team from the directory. Its conversations go to the successor, or become
/// unassigned; that is not activity and reopens nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemoveAssignee {
    /// The user or team.
    pub assignee: AssigneeId,
    /// The assignee that gets its conversations.
    pub successor: Option<AssigneeId>,
}

impl Sealed for RemoveAssignee {}

impl Command for RemoveAssignee {
    type Output = u64;
    const NAME: &'static str = "remove_assignee";

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Assignee(self.assignee.clone()));
        keys.extend(self.successor.clone().map(Key::Assignee));
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        state.require_assignee(&self.assignee)?;
        if self.successor.as_ref() == Some(&self.assignee) {
            let reason = "must be another than the one removed";
            return Err(InvalidInput::new("successor", reason).into());
        }
        if let Some(successor) = &self.successor {
            state.require_assignee(successor)?;
        }
        let own = Filter::all().assigned_to(&self.assignee);
        let moved = state.number(&Query::Count(own))?;
        let removed = ChangeKind::AssigneeRemoved {
            assignee: self.assignee.clone(),
            successor: self.successor.clone(),
        };
        Ok(Decision::new(Subject::Count(moved), vec![removed]))
    }
}
