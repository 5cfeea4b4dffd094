use std::collections::HashSet;

use super::*;
use crate::selection::Selected;

/// Assigns many conversations, each as `Assign` does. One that is not there is not found in its
/// place and affects no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AssignAll {
    /// The conversations.
    pub selection: Selection,
    /// Their assignee.
    pub assignee: AssigneeId,
}

/// Resolves many conversations, each as `Resolve` does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResolveAll {
    /// The conversations.
    pub selection: Selection,
}

impl Command for AssignAll {
    type Output = Vec<BatchItem>;
    const NAME: &'static str = "assign_all";

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Assignee(self.assignee.clone()));
        reads(&self.selection, keys);
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        state.require_assignee(&self.assignee)?;
        let set = |known: &Conversation| assign::changes(known, Some(&self.assignee));
        decide(&self.selection, state, set)
    }
}

impl Command for ResolveAll {
    type Output = Vec<BatchItem>;
    const NAME: &'static str = "resolve_all";

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.selection, keys);
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        decide(&self.selection, state, resolve::changes)
    }
}

fn reads(selection: &Selection, keys: &mut Vec<Key>) {
    match &selection.0 {
        Selected::Ids(ids) => keys.extend(ids.iter().copied().map(Key::Conversation)),
        Selected::First(filter, limit) => {
            keys.push(Key::Query(Query::First(filter.clone(), *limit)));
        }
    }
}

fn decide(
    selection: &Selection,
    state: &State,
    set: impl Fn(&Conversation) -> Vec<Field>,
) -> Result<Decision, Halt> {
    let ids = match &selection.0 {
        Selected::Ids(ids) => ids,
        Selected::First(filter, limit) => {
            filter.validate()?;
            state.ids(&Query::First(filter.clone(), *limit))?
        }
    };
    require_conversations(state, ids.iter().copied())?;
    let mut each = Vec::with_capacity(ids.len());
    let mut changes = Vec::new();
    let mut done = HashSet::with_capacity(ids.len());
    for id in ids {
        let mut effect = None;
        if let Some(known) = state.conversation(*id)? {
            // One that was merged means another one, which may be among them.
            let set = match done.insert(known.id) {
                true => set(known),
                false => Vec::new(),
            };
            let updated = Decision::update(known.id, set);
            effect = Some(updated.effect);
            changes.extend(updated.changes);
        }
        each.push((*id, effect));
    }
    Ok(Decision::new(Subject::Each(each), changes))
}
