use super::*;

/// Adds a user or a team to the directory, or renames it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaveAssignee {
    /// The user or team.
    pub assignee: AssigneeId,
    /// The name.
    pub name: String,
}

impl Command for SaveAssignee {
    type Output = Assignee;
    const NAME: &'static str = "save_assignee";

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        let known = state.assignee(&self.assignee)?;
        validate::name("name", &self.name)?;
        let is_new = known.is_none_or(|known| *known.name != *self.name);
        let saved = is_new.then(|| ChangeKind::AssigneeSaved {
            assignee: self.assignee.clone(),
            name: self.name.clone(),
            members: None,
        });
        let subject = Subject::Assignee(self.assignee.clone());
        Ok(Decision::new(subject, saved).created(known.is_none()))
    }
}
