use serde::Serialize;

use crate::{
    ChangeKind, Command, Decision, Env, Error, Halt, InboxNumber, Key, Message, MessageField,
    MessageRef, ProviderIdState, Receipt, State, Subject,
};

/// Records a delivery receipt. Receipts merge as a maximum, in whichever order they come. One for a
/// provider's id that is not known yet waits for its message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordDelivery {
    /// The message.
    pub message: MessageRef,
    /// What the provider reports of it.
    pub receipt: Receipt,
}

pub(super) fn reads(message: &MessageRef, keys: &mut Vec<Key>) {
    keys.push(match message {
        MessageRef::Id {
            conversation,
            message,
        } => Key::Message(*conversation, *message),
        MessageRef::ProviderId {
            channel,
            provider_id,
        } => Key::ProviderId(InboxNumber::from(*channel), provider_id.clone()),
    });
}

/// The message that is meant; nothing where it has not come yet.
pub(super) fn find<'s>(
    state: &'s State,
    message: &MessageRef,
) -> Result<Option<&'s Message>, Halt> {
    let (channel, provider_id) = match message {
        MessageRef::Id {
            conversation,
            message,
        } => return state.require_message(*conversation, *message).map(Some),
        MessageRef::ProviderId {
            channel,
            provider_id,
        } => (*channel, provider_id),
    };
    match state.provider_id(channel.into(), provider_id)? {
        Some(ProviderIdState::Message(of, id)) => state.require_message(*of, *id).map(Some),
        Some(ProviderIdState::Tombstone) => Err(Error::gone(provider_id).into()),
        Some(ProviderIdState::Unmatched(_)) | None => Ok(None),
    }
}

/// Checks preconditions on the conversation of a message.
pub(super) fn check(
    state: &State,
    env: &Env<'_>,
    message: Option<&Message>,
    changes: bool,
) -> Result<(), Halt> {
    if !changes || !env.context.has_preconditions() {
        return Ok(());
    }
    let conversation = match message {
        Some(message) => Some(state.require_conversation(message.conversation_id)?),
        None => None,
    };
    Ok(env.context.check(conversation, true)?)
}

impl Command for RecordDelivery {
    type Output = Option<Message>;
    const NAME: &'static str = "record_delivery";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let message = find(state, &self.message)?;
        let receipt = self.receipt.resolve(env.now)?;
        let (subject, change) = match (message, &self.message) {
            (Some(message), _) => {
                let (of, id) = (message.conversation_id, message.id);
                let is_new = message.would_change(&receipt);
                let change = is_new.then(|| ChangeKind::MessageUpdated {
                    conversation: of,
                    message: id,
                    set: vec![MessageField::Delivery(receipt)],
                });
                (Subject::Message(of, id), change)
            }
            (
                None,
                MessageRef::ProviderId {
                    channel,
                    provider_id,
                },
            ) => {
                let inbox = InboxNumber::from(*channel);
                let is_new = match state.provider_id(inbox, provider_id)? {
                    Some(ProviderIdState::Unmatched(known)) => {
                        known.deliveries.would_change(&receipt)
                    }
                    _ => true,
                };
                let change = is_new.then(|| ChangeKind::ReceiptUnmatched {
                    inbox,
                    provider_id: provider_id.clone(),
                    receipt,
                });
                (Subject::Nothing, change)
            }
            (None, MessageRef::Id { message, .. }) => {
                return Err(Error::message_not_found(*message).into());
            }
        };
        check(state, env, message, change.is_some())?;
        Ok(Decision::new(subject, change))
    }
}
