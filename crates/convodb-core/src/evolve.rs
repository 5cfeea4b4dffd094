//! What a change does to the state that it is about. Pure: the same state and change give the same
//! result, whenever and wherever they meet.

use chrono::{DateTime, Utc};

use crate::{Change, ConversationState, Deliveries, Direction, Fact, Message, Parked, Status};

/// The conversation after the change; nothing if there is none, or no more.
pub fn conversation(
    before: Option<ConversationState>,
    change: &Change,
) -> Option<ConversationState> {
    let mut state = match &change.fact {
        Fact::ConversationCreated {
            conversation,
            contact_id,
            channel,
            created_at,
        } => {
            return Some(ConversationState {
                id: *conversation,
                contact_id: contact_id.clone(),
                channel: *channel,
                status: Status::Open,
                assignee: None,
                created_at: *created_at,
                updated_at: *created_at,
                revision: 0,
                inbound: 0,
                seen: 0,
            });
        }
        Fact::ConversationImported { conversation, .. } => return Some(conversation.clone()),
        Fact::ConversationDeleted { .. } => return None,
        _ => before?,
    };
    match &change.fact {
        Fact::MessageAppended { message } => {
            state.created_at = state.created_at.min(message.created_at);
            state.inbound += u64::from(message.direction == Direction::Inbound);
            active(&mut state, message.created_at);
        }
        Fact::NoteAdded { note } => active(&mut state, note.created_at),
        Fact::Assigned { assignee, .. } => {
            state.assignee = Some(assignee.clone());
            state.revision += 1;
            active(&mut state, change.at);
        }
        Fact::Unassigned { .. } => {
            state.assignee = None;
            state.revision += 1;
            active(&mut state, change.at);
        }
        Fact::Resolved { .. } => {
            state.status = Status::Resolved;
            state.revision += 1;
            active(&mut state, change.at);
        }
        Fact::Reopened { .. } => {
            state.status = Status::Open;
            state.revision += 1;
            active(&mut state, change.at);
        }
        // R11: no activity.
        Fact::TakenOver { assignee, .. } => {
            state.assignee.clone_from(assignee);
            state.revision += 1;
        }
        // Reading is no activity either, and a mark never goes back.
        Fact::MarkedRead { seen, .. } => state.seen = state.seen.max(*seen).min(state.inbound),
        // R8: receipts are no activity; the rest is not about a conversation's state.
        Fact::DeliveryRecorded { .. }
        | Fact::ProviderIdSet { .. }
        | Fact::ReceiptParked { .. }
        | Fact::ParkedPurged { .. }
        | Fact::CommandDone { .. }
        | Fact::KeysPurged { .. }
        | Fact::ConversationCreated { .. }
        | Fact::ConversationImported { .. }
        | Fact::ConversationDeleted { .. }
        | Fact::AssigneePut { .. }
        | Fact::AssigneeRemoved { .. }
        | Fact::ConsumerMoved { .. }
        | Fact::ConsumerRemoved { .. }
        | Fact::EventsPurged { .. } => {}
    }
    Some(state)
}

/// R8: the latest activity counts, and it never goes back.
fn active(state: &mut ConversationState, at: DateTime<Utc>) {
    state.updated_at = state.updated_at.max(at);
}

/// The message after the change (R9, R10).
pub fn message(mut state: Message, change: &Change) -> Message {
    match &change.fact {
        Fact::DeliveryRecorded {
            status,
            at,
            failure,
            ..
        } => {
            state.status = state.status.max(*status);
            state.deliveries.merge(*status, *at, failure);
        }
        Fact::ProviderIdSet { provider_id, .. } => state.provider_id = Some(provider_id.clone()),
        _ => {}
    }
    state
}

/// The receipts that wait for a message after the change (R10).
pub fn parked(before: Option<Parked>, change: &Change) -> Option<Parked> {
    let Fact::ReceiptParked {
        status,
        at,
        failure,
        ..
    } = &change.fact
    else {
        return before;
    };
    let mut parked = before.unwrap_or(Parked {
        since: change.at,
        deliveries: Deliveries::default(),
    });
    parked.deliveries.merge(*status, *at, failure);
    Some(parked)
}
