//! Commands that say what their giver saw: what happened since is neither overwritten nor taken for
//! seen.

use super::{Decision, Rejection, assign};
use crate::{AssigneeId, ConversationState, Fact, InvalidInput};

/// R15: only an unassigned conversation can be claimed; who has it already keeps it.
pub fn claim(state: &ConversationState, assignee: &AssigneeId) -> Decision {
    assign_if(state, assignee, None)
}

/// R15: only who is expected to have the conversation loses it. Whom it should go to may have it
/// already, as after a command that is given again.
pub fn assign_if(
    state: &ConversationState,
    assignee: &AssigneeId,
    expected: Option<&AssigneeId>,
) -> Decision {
    let present = state.assignee.as_ref();
    if present == expected || present == Some(assignee) {
        return Ok(assign(state, assignee));
    }
    Err(match present {
        Some(winner) => Rejection::Taken {
            conversation: state.id,
            winner: winner.clone(),
        },
        None => Rejection::Unassigned(state.id),
    })
}

/// Whether status and assignee are those that the giver of a command saw.
pub fn check_revision(state: &ConversationState, seen: u64) -> Result<(), Rejection> {
    if state.revision == seen {
        return Ok(());
    }
    Err(Rejection::Revised {
        conversation: state.id,
        present: state.revision,
    })
}

/// A mark never goes back, and never beyond what has come: that nobody can have seen.
pub fn mark_read(state: &ConversationState, seen: u64) -> Decision {
    if seen > state.inbound {
        let reason = format!(
            "must not be above the number of inbound messages, {}",
            state.inbound
        );
        return Err(InvalidInput::new("seen", reason).into());
    }
    if seen <= state.seen {
        return Ok(Vec::new());
    }
    Ok(vec![Fact::MarkedRead {
        conversation: state.id,
        seen,
    }])
}
