use serde::Serialize;

use crate::command::sealed::Sealed;
use crate::{Assignee, AssigneeId, ChangeKind, Command, Decision, Env, Halt, Key, State, Subject};

/// Adds a user or a team to the directory, or renames it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaveAssignee {
    /// The user or team.
    pub assignee: AssigneeId,
    /// The name.
    pub name: String,
}

impl Sealed for SaveAssignee {}

impl Command for SaveAssignee {
    type Output = Assignee;
    const NAME: &'static str = "save_assignee";

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Assignee(self.assignee.clone()));
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        let known = state.assignee(&self.assignee)?;
        Assignee::check_name(&self.name)?;
        let mut changes = Vec::new();
        if known.is_none_or(|known| *known.name != *self.name) {
            changes.push(ChangeKind::AssigneeSaved {
                assignee: self.assignee.clone(),
                name: self.name.clone(),
            });
        }
        let subject = Subject::Assignee(self.assignee.clone());
        Ok(Decision::new(subject, changes).created(known.is_none()))
    }
}
