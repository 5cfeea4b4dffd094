//! What `ReceiveMessage`, `SendMessage` and `ReplyTo` share: a message that joins its conversation.

use super::*;
use crate::message::{Address, Draft};

pub(super) fn reads<const INBOUND: bool>(draft: &Draft<Address, INBOUND>, keys: &mut Vec<Key>) {
    let (contact, channel) = &draft.address;
    let inbox = InboxNumber::from(*channel);
    keys.push(Key::Thread(inbox, contact.clone()));
    let provider_id = draft.checked_id().ok().flatten();
    keys.extend(provider_id.map(|id| Key::ProviderId(inbox, id)));
}

/// Appends to the conversation of a contact in an inbox. The first message creates it.
pub(super) fn to_contact<const INBOUND: bool>(
    draft: &Draft<Address, INBOUND>,
    state: &State,
    env: &mut Env<'_>,
) -> Result<Decision, Halt> {
    let (contact, channel) = &draft.address;
    let conversation = state.thread(InboxNumber::from(*channel), contact)?;
    append(draft, (contact, *channel), conversation, state, env)
}

/// Appends to a conversation, and reopens it. A provider's id that is stored already is the same
/// message again.
pub(super) fn append<A, const INBOUND: bool>(
    draft: &Draft<A, INBOUND>,
    (contact, channel): (&ContactId, Channel),
    conversation: Option<&Conversation>,
    state: &State,
    env: &mut Env<'_>,
) -> Result<Decision, Halt> {
    draft.content.validate(Draft::<A, INBOUND>::ORIGIN)?;
    let inbox = InboxNumber::from(channel);
    let provider_id = draft.checked_id()?;
    let created_at = draft.created_at(env.now)?;
    let mut unmatched = None;
    if let Some(id) = &provider_id {
        match state.provider_id(inbox, id)? {
            Some(ProviderIdState::Message(of, message)) => {
                let is_own = conversation.is_some_and(|known| known.id == *of)
                    && state.require_message(*of, *message)?.direction
                        == Draft::<A, INBOUND>::DIRECTION;
                if !is_own {
                    return Err(Error::provider_id_conflict(id).into());
                }
                let subject = Subject::Message(*of, *message);
                return Ok(Decision::duplicate(subject, Effect::default()));
            }
            Some(ProviderIdState::Tombstone) => return Err(Error::gone(id).into()),
            Some(ProviderIdState::Unmatched(receipts)) => unmatched = Some(receipts),
            None => {}
        }
    }
    env.context.check(conversation)?;

    let mut changes = Vec::with_capacity(3);
    let of = match conversation {
        Some(conversation) => conversation.id,
        None => {
            let id = ConversationId::from_raw(env.ids.next(env.now));
            changes.push(ChangeKind::ConversationCreated {
                conversation: id,
                contact_id: contact.clone(),
                channel,
                created_at,
            });
            id
        }
    };
    let (order_time, id) = place(draft, conversation, created_at, state, env)?;
    let content = draft.content.clone();
    let mut message = Message::new(id, of, Draft::<A, INBOUND>::DIRECTION, content, created_at);
    message.order_time = order_time;
    message.provider_id = provider_id;
    changes.push(ChangeKind::MessageAppended(Box::new(message)));
    if draft.reopen && conversation.is_some_and(|known| known.status == Status::Resolved) {
        let (conversation, set) = (of, vec![Field::Status(Status::Open)]);
        changes.push(ChangeKind::ConversationUpdated { conversation, set });
    }
    if let Some(unmatched) = unmatched {
        let receipts = unmatched.deliveries.receipts();
        let set = receipts.map(MessageField::Delivery).collect();
        changes.push(ChangeKind::message_updated(of, id, set));
    }
    Ok(Decision::new(Subject::Message(of, id), changes))
}

/// Where a message stands in its conversation, and its id, which carries the millisecond of that
/// place and is above those of the messages that arrived before it.
///
/// A provider's time in whole seconds means somewhere within that second: the message takes its place
/// behind those of the same second.
fn place<A, const INBOUND: bool>(
    draft: &Draft<A, INBOUND>,
    conversation: Option<&Conversation>,
    created_at: DateTime<Utc>,
    state: &State,
    env: &mut Env<'_>,
) -> Result<(DateTime<Utc>, MessageId), Halt> {
    let mut order_time = created_at;
    let mut latest = None;
    if let (Some(conversation), true) = (conversation, draft.has_provider_time()) {
        let query = Query::LatestMessage(conversation.id, time::within(created_at));
        if let Answer::Message(Some((time, id))) = state.answer(&query)? {
            order_time = *time;
            latest = Some(*id);
        }
    }
    let arrival = env.ids.arrival(env.now);
    let id = |order_time| MessageId::from_parts(time::millis(order_time), arrival);
    if latest.is_some_and(|latest| latest >= id(order_time)) {
        // An import brought it, or the clock was set back since.
        order_time = time::next(order_time);
    }
    Ok((order_time, id(order_time)))
}
