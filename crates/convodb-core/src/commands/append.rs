//! What `ReceiveMessage`, `SendMessage` and `ReplyTo` share: a message that joins its conversation.

use chrono::{DateTime, Utc};

use crate::message::Draft;
use crate::{
    ChangeKind, Channel, ContactId, Conversation, ConversationId, Decision, Direction, Effect, Env,
    Error, Field, Halt, InboxNumber, Key, Message, MessageField, MessageId, ProviderId,
    ProviderIdState, State, Status, Subject, time,
};

/// A message that is to be appended.
pub(super) struct Appended<'a> {
    pub(super) direction: Direction,
    pub(super) contact_id: &'a ContactId,
    pub(super) channel: Channel,
    pub(super) draft: &'a Draft,
    pub(super) reopens: bool,
}

pub(super) fn reads(contact: &ContactId, channel: Channel, draft: &Draft, keys: &mut Vec<Key>) {
    let inbox = InboxNumber::from(channel);
    keys.push(Key::Thread(inbox, contact.clone()));
    let provider_id = draft.provider_id().ok().flatten();
    keys.extend(provider_id.map(|id| Key::ProviderId(inbox, id)));
}

impl Appended<'_> {
    /// The first message of a contact in an inbox creates the conversation; another one reopens it.
    /// A provider's id that is stored already is the same message again.
    pub(super) fn decide(
        self,
        state: &State,
        env: &mut Env<'_>,
        conversation: Option<&Conversation>,
    ) -> Result<Decision, Halt> {
        let inbox = InboxNumber::from(self.channel);
        let provider_id = self.draft.provider_id()?;
        let created_at = self.draft.created_at(env.now)?;
        let known = match &provider_id {
            Some(id) => state.provider_id(inbox, id)?,
            None => None,
        };
        let unmatched = match (known, &provider_id) {
            (Some(ProviderIdState::Message(of, message)), _) => {
                let subject = Subject::Message(*of, *message);
                return Ok(Decision::duplicate(subject, Effect::default()));
            }
            (Some(ProviderIdState::Tombstone), Some(id)) => return Err(Error::gone(id).into()),
            (Some(ProviderIdState::Unmatched(receipts)), _) => Some(receipts),
            _ => None,
        };
        env.context.check(conversation, true)?;

        let mut changes = Vec::with_capacity(3);
        let of = match conversation {
            Some(conversation) => conversation.id,
            None => {
                let id = ConversationId::from_raw(env.ids.next(env.now));
                changes.push(ChangeKind::ConversationCreated {
                    conversation: id,
                    contact_id: self.contact_id.clone(),
                    channel: self.channel,
                    created_at,
                });
                id
            }
        };
        let id = match conversation {
            Some(_) => message_id(state, env, of, inbox, provider_id.as_ref(), created_at)?,
            None => first_id(env, inbox, provider_id.as_ref(), created_at),
        };
        let content = self.draft.content.clone();
        let mut message = Message::new(id, of, self.direction, content, created_at);
        message.provider_id = provider_id;
        changes.push(ChangeKind::MessageAppended(Box::new(message)));
        let is_resolved = |known: &Conversation| known.status == Status::Resolved;
        if self.reopens && conversation.is_some_and(is_resolved) {
            let set = vec![Field::Status(Status::Open)];
            changes.push(ChangeKind::ConversationUpdated {
                conversation: of,
                set,
            });
        }
        if let Some(unmatched) = unmatched {
            let receipts = unmatched.deliveries.receipts().into_iter();
            changes.push(ChangeKind::MessageUpdated {
                conversation: of,
                message: id,
                set: receipts.map(MessageField::Delivery).collect(),
            });
        }
        Ok(Decision::new(Subject::Message(of, id), changes))
    }
}

/// An id of the message's own millisecond, by which it is found. With a provider's id it follows
/// from that, so that it is the same in whichever order messages come.
fn first_id(
    env: &mut Env<'_>,
    inbox: InboxNumber,
    provider_id: Option<&ProviderId>,
    created_at: DateTime<Utc>,
) -> MessageId {
    let random = match provider_id {
        Some(id) => env.hashes.random(inbox, id),
        None if created_at == env.now => return MessageId::from_raw(env.ids.next(env.now)),
        // A late message takes its place among ids that were given out long ago.
        None => env.ids.random(),
    };
    MessageId::from_parts(time::millis(created_at), random)
}

/// The same, and no id that the conversation has: an import may have brought any.
fn message_id(
    state: &State,
    env: &mut Env<'_>,
    of: ConversationId,
    inbox: InboxNumber,
    provider_id: Option<&ProviderId>,
    created_at: DateTime<Utc>,
) -> Result<MessageId, Halt> {
    let mut id = first_id(env, inbox, provider_id, created_at);
    // An id above all that were given out is new, but for one chance in 2^80.
    if provider_id.is_some() || created_at != env.now {
        while state.message(of, id)?.is_some() {
            id = MessageId::from_raw(id.raw().wrapping_add(1));
        }
    }
    Ok(id)
}
