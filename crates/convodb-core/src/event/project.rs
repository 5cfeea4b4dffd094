//! The events of a change, as a function of the change and the state before it.

use super::{EventKind, NewEvent};
use crate::{
    AssigneeId, Change, ChangeKind, ContactField, ConversationId, DeliveryStatus, Direction, Field,
    Halt, Message, MessageField, State, Status, WakeReason,
};

/// Appends the events of a change. The state is the one before the change.
pub(crate) fn project(
    state: &State,
    change: &Change,
    events: &mut Vec<NewEvent>,
) -> Result<(), Halt> {
    let Some(conversation_id) = change.conversation() else {
        return project_contact(state, change, events);
    };
    let effective_at = match change.kind {
        ChangeKind::Reassigned { since, .. } => Some(since),
        _ => None,
    };
    let mut emit = |kind: EventKind| {
        events.push(NewEvent {
            at: change.at,
            actor: change.actor.clone(),
            subject: conversation_id.into(),
            effective_at,
            kind,
        });
    };
    match &change.kind {
        ChangeKind::ConversationCreated { status, .. } => emit(EventKind::ConversationCreated {
            status: *status,
            assigned_to: None,
        }),
        // No event for its messages and its assignment, which are old: a consumer of
        // `message.received` would answer each message once more.
        ChangeKind::ConversationImported(imported) => {
            emit(NewEvent::imported(change, &imported.conversation).kind);
        }
        ChangeKind::ConversationDeleted { .. } => emit(EventKind::ConversationDeleted),
        ChangeKind::ConversationUpdated { set, .. } => {
            let mut before = assignee(state, conversation_id)?;
            for field in set {
                let kind = match field {
                    Field::Status(Status::Resolved) => Some(EventKind::ConversationResolved),
                    Field::Status(Status::Open) => Some(EventKind::ConversationReopened),
                    Field::Assignee(to) => {
                        let before = std::mem::replace(&mut before, to.clone());
                        assignment(to.clone(), before)
                    }
                    Field::DeliveredUntil(until) => Some(EventKind::ConversationReceipts {
                        status: DeliveryStatus::Delivered,
                        until: *until,
                    }),
                    Field::ReadUntil(until) => Some(EventKind::ConversationReceipts {
                        status: DeliveryStatus::Read,
                        until: *until,
                    }),
                    Field::ReadCount(_) => Some(EventKind::ConversationRead),
                    Field::UnreadCount(_) => Some(EventKind::ConversationUnread),
                    Field::SnoozedUntil(Some(until)) => {
                        Some(EventKind::ConversationSnoozed { until: *until })
                    }
                    Field::SnoozedUntil(None) => Some(EventKind::ConversationUnsnoozed {
                        reason: WakeReason::User,
                    }),
                    Field::Woken(reason) => {
                        Some(EventKind::ConversationUnsnoozed { reason: *reason })
                    }
                    // The others have an event of their own, or one together.
                    Field::UnreadRevoked
                    | Field::Identity(_)
                    | Field::Contact(_)
                    | Field::Priority(_)
                    | Field::Tags(_)
                    | Field::Metadata(_)
                    | Field::Team(_)
                    | Field::Timeline(_)
                    | Field::History(_) => None,
                };
                kind.into_iter().for_each(&mut emit);
            }
            let changed: Vec<_> = set.iter().filter_map(Field::attribute).collect();
            if !changed.is_empty() {
                emit(EventKind::ConversationUpdated { changed });
            }
        }
        ChangeKind::Reassigned { assignee: to, .. } => {
            let before = assignee(state, conversation_id)?;
            assignment(to.clone(), before).into_iter().for_each(emit);
        }
        ChangeKind::MessageAppended(message) => {
            let message_id = message.id;
            emit(match message.direction {
                _ if message.is_system() => EventKind::MessageSystem { message_id },
                Direction::Inbound => EventKind::MessageReceived { message_id },
                Direction::Outbound => EventKind::MessageSent { message_id },
            });
        }
        ChangeKind::MessageUpdated { message, set, .. } => {
            let message = state.require_message(conversation_id, *message)?;
            first_reports(message, set).for_each(&mut emit);
            let kinds = set.iter().filter_map(|field| updated(message, field));
            kinds.for_each(emit);
        }
        ChangeKind::ConversationMerged { into, .. } => {
            emit(EventKind::ConversationMerged { into: *into });
        }
        ChangeKind::NoteAdded(note) => emit(EventKind::NoteAdded { note_id: note.id }),
        ChangeKind::LinesImported { messages, .. } => emit(EventKind::ConversationImported {
            messages: *messages,
        }),
        // What lines of an import bring is no news. The others are about no conversation.
        _ => {}
    }
    Ok(())
}

/// The events of a change of a contact. What is left of those of an erased one names it no longer.
fn project_contact(state: &State, change: &Change, events: &mut Vec<NewEvent>) -> Result<(), Halt> {
    let (contact, kinds) = match &change.kind {
        ChangeKind::ContactUpdated { contact, set } => {
            let kinds = match state.contact(contact)? {
                None => vec![EventKind::ContactCreated],
                Some(_) => updated_contact(set),
            };
            (contact, kinds)
        }
        ChangeKind::ContactMerged { from, into } => {
            let into = into.clone();
            (from, vec![EventKind::ContactMerged { into }])
        }
        ChangeKind::ContactConflict { contact, with } => {
            let with = with.clone();
            (contact, vec![EventKind::ContactConflict { with }])
        }
        // The others are about no contact.
        _ => return Ok(()),
    };
    events.extend(kinds.into_iter().map(|kind| NewEvent {
        at: change.at,
        actor: change.actor.clone(),
        subject: contact.clone().into(),
        effective_at: None,
        kind,
    }));
    Ok(())
}

/// One event for the identities of a contact that came, and one for all else.
fn updated_contact(set: &[ContactField]) -> Vec<EventKind> {
    let is_identity = |field: &ContactField| matches!(field, ContactField::Identity(_));
    let identified = set.iter().any(is_identity);
    let updated = set.iter().any(|field| !is_identity(field));
    let kinds = [
        identified.then_some(EventKind::ContactIdentified),
        updated.then_some(EventKind::ContactUpdated),
    ];
    kinds.into_iter().flatten().collect()
}

fn assignee(state: &State, conversation: ConversationId) -> Result<Option<AssigneeId>, Halt> {
    let conversation = state.require_conversation(conversation)?;
    Ok(conversation.assignee_id().cloned())
}

fn assignment(to: Option<AssigneeId>, before: Option<AssigneeId>) -> Option<EventKind> {
    match (to, before) {
        (Some(assigned_to), previously_assigned_to) => Some(EventKind::ConversationAssigned {
            assigned_to,
            previously_assigned_to,
        }),
        (None, Some(previously_assigned_to)) => Some(EventKind::ConversationUnassigned {
            previously_assigned_to,
        }),
        (None, None) => None,
    }
}

/// The event of an attribute that is no receipt.
fn updated(message: &Message, field: &MessageField) -> Option<EventKind> {
    let message_id = message.id;
    Some(match field {
        MessageField::Reaction(reaction) if reaction.emoji.is_empty() => {
            EventKind::MessageUnreacted { message_id }
        }
        MessageField::Reaction(_) => EventKind::MessageReacted { message_id },
        MessageField::Edit(_) | MessageField::Original(_) => {
            EventKind::MessageEdited { message_id }
        }
        MessageField::Revoked(_) => EventKind::MessageRevoked { message_id },
        MessageField::Filled(..) | MessageField::Content(_) | MessageField::Metadata(_) => {
            EventKind::MessageUpdated { message_id }
        }
        MessageField::Retried => EventKind::MessageRetried { message_id },
        MessageField::Delivery(receipt) if receipt.played => {
            let is_known = message.deliveries.played_at.is_some();
            return (!is_known).then_some(EventKind::MessagePlayed { message_id });
        }
        MessageField::Delivery(_)
        | MessageField::ProviderId(_)
        | MessageField::Alias(_)
        | MessageField::UpTo(_) => return None,
    })
}

/// One event for each status, with the first receipt that reports it. So the same receipts have the
/// same events in any order. A status that the message has by then, without a receipt, has none.
fn first_reports(message: &Message, set: &[MessageField]) -> impl Iterator<Item = EventKind> {
    let mut status = message.status;
    set.iter().enumerate().filter_map(move |(index, field)| {
        let MessageField::Delivery(receipt) = field else {
            return None;
        };
        let is_repeated = set.iter().take(index).any(|earlier| {
            matches!(earlier, MessageField::Delivery(earlier) if earlier.status == receipt.status)
        });
        let is_known = status == receipt.status || message.deliveries.at(receipt.status).is_some();
        status = status.max(receipt.status);
        if is_repeated || is_known {
            return None;
        }
        let message_id = message.id;
        match receipt.status {
            // The message itself has this event.
            DeliveryStatus::Pending | DeliveryStatus::Sent => None,
            DeliveryStatus::Failed => Some(EventKind::MessageFailed { message_id }),
            DeliveryStatus::Delivered => Some(EventKind::MessageDelivered { message_id }),
            DeliveryStatus::Read => Some(EventKind::MessageRead { message_id }),
        }
    })
}
