//! Assignments, notes and deletions.

use convodb::commands::{AddNote, Assign, Delete, EraseContact};
use convodb::{ConversationId, Precondition, Result};

use super::call::Call;
use crate::backend::Commands;
use crate::op::{Op, Who};
use crate::plan::Text;
use crate::verdict::Refusal;

pub(super) fn run(call: &mut Call<'_, impl Commands>, op: &Op) -> Result<()> {
    match op {
        Op::Assign {
            conversation,
            assignee,
        } => {
            let id = call.model.pick(*conversation);
            assign(call, id, Some(*assignee))
        }
        Op::Unassign { conversation } => {
            let id = call.model.pick(*conversation);
            assign(call, id, None)
        }
        // An assignment on the condition that it is unassigned.
        Op::Claim {
            conversation,
            assignee,
        } => {
            let id = call.model.pick(*conversation);
            let unassigned = Precondition::Assignee(None);
            call.context = std::mem::take(&mut call.context).precondition(unassigned.clone());
            call.preconditions.push(unassigned);
            assign(call, id, Some(*assignee))
        }
        Op::AddNote { conversation, text } => {
            let id = call.model.pick(*conversation);
            add_note(call, id, *text)
        }
        Op::Delete { conversation } => {
            let id = call.model.pick(*conversation);
            let refusals = call.model.missing(id).into_iter().collect();
            let command = Delete { conversation: id };
            call.settle(Some(id), refusals, command, |model| model.delete(id))
        }
        Op::EraseContact { contact } => {
            let contact = call.model.pick_contact(*contact);
            let command = EraseContact {
                contact: contact.clone(),
            };
            call.settle(None, Vec::new(), command, |model| {
                model.erase_contact(&contact)
            })
        }
        other => panic!("{other:?} is about no conversation"),
    }
}

fn assign(
    call: &mut Call<'_, impl Commands>,
    id: ConversationId,
    assignee: Option<Who>,
) -> Result<()> {
    let assignee = assignee.map(Who::id);
    let mut refusals: Vec<_> = call.model.missing(id).into_iter().collect();
    refusals.extend(assignee.as_ref().and_then(|one| call.model.unknown(one)));
    let command = Assign {
        conversation: id,
        assignee: assignee.clone(),
    };
    call.settle(Some(id), refusals, command, |model| match &assignee {
        Some(assignee) => model.assign(id, assignee),
        None => model.unassign(id),
    })
}

fn add_note(call: &mut Call<'_, impl Commands>, id: ConversationId, text: Text) -> Result<()> {
    let content = text.string();
    let mut refusals: Vec<_> = call.model.missing(id).into_iter().collect();
    refusals.extend(text.is_refused().then(|| Refusal::invalid("content")));
    let refusals = call.with_unmet(Some(id), refusals, |_| true);
    let answer = call.give(AddNote {
        conversation: id,
        content: content.clone(),
    });
    call.compare(answer, &refusals, |model, note| {
        model.add_note(id, note.id, content)
    })
}
