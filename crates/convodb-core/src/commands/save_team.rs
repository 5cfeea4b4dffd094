use super::*;
use crate::{Team, TeamId};

/// Adds a team to the directory, or renames it, and says who its members are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaveTeam {
    /// The team.
    pub team: TeamId,
    /// The name.
    pub name: String,
    /// Its members from now on: users of the directory, at most [`Team::MAX_MEMBERS`], in any order.
    /// Without it, they stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<UserId>>,
}

impl Command for SaveTeam {
    type Output = Team;
    const NAME: &'static str = "save_team";

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Assignee(self.team.clone().into()));
        keys.push(Key::Members(self.team.clone()));
        let members = self.members.iter().flatten().take(Team::MAX_MEMBERS);
        keys.extend(members.map(|id| Key::Assignee(id.into())));
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        let id = AssigneeId::from(&self.team);
        let known = state.assignee(&id)?;
        validate::name("name", &self.name)?;
        let members = match &self.members {
            Some(given) => Some(checked(given, state)?),
            None => None,
        };
        let before = state.members_of(&self.team)?;
        let members = members.filter(|members| members != before);
        let has_new_name = known.is_none_or(|known| *known.name != *self.name);
        let is_new = has_new_name || members.is_some();
        let saved = is_new.then(|| ChangeKind::AssigneeSaved {
            assignee: id.clone(),
            name: self.name.clone(),
            members,
        });
        Ok(Decision::new(Subject::Assignee(id), saved).created(known.is_none()))
    }
}

/// Members as a team has them: each once, by their ids.
fn checked(given: &[UserId], state: &State) -> Result<Vec<UserId>, Halt> {
    let (max, many) = (Team::MAX_MEMBERS, given.len());
    let reason = format_args!("must be at most {max} users, and are {many}");
    InvalidInput::unless(many <= max, "members", reason)?;
    for (index, id) in given.iter().enumerate() {
        let is_known = state.assignee(&id.into())?.is_some();
        let reason = format_args!("must be a user of the directory, and `{id}` is none");
        InvalidInput::unless(is_known, format!("members[{index}]"), reason)?;
    }
    let members = BTreeSet::from_iter(given);
    Ok(members.into_iter().cloned().collect())
}
