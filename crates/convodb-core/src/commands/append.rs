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
    draft.content.validate()?;
    let inbox = InboxNumber::from(channel);
    let provider_id = draft.checked_id()?;
    let created_at = draft.created_at(env.now)?;
    let mut unmatched = None;
    if let Some(id) = &provider_id {
        match state.provider_id(inbox, id)? {
            Some(ProviderIdState::Message(of, message)) => {
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
    // An id of the message's own millisecond, by which it is found. With a provider's id it
    // follows from that, so that it is the same in whichever order messages come.
    let is_current = provider_id.is_none() && created_at == env.now;
    let mut id = match &provider_id {
        _ if is_current => MessageId::from_raw(env.ids.next(env.now)),
        Some(id) => MessageId::from_parts(time::millis(created_at), env.hashes.random(inbox, id)),
        // A late message takes its place among ids that were given out long ago.
        None => MessageId::from_parts(time::millis(created_at), env.ids.random()),
    };
    // An import may have brought any id. One above all that were given out is new, but for one
    // chance in 2^80.
    if conversation.is_some() && !is_current {
        while state.message(of, id)?.is_some() {
            id = MessageId::from_raw(id.raw().wrapping_add(1));
        }
    }
    let content = draft.content.clone();
    let mut message = Message::new(id, of, Draft::<A, INBOUND>::DIRECTION, content, created_at);
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
