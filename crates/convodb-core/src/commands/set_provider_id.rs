use serde::Serialize;

use super::record_delivery::{check, find, reads};
use crate::error::EntityKind;
use crate::{
    ChangeKind, Command, Decision, Env, Error, Halt, Key, Message, MessageField, MessageRef,
    ProviderId, ProviderIdState, State, Subject,
};

/// Gives a message that was stored without one its provider's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetProviderId {
    /// The message.
    pub message: MessageRef,
    /// The provider's id.
    pub provider_id: ProviderId,
}

impl Command for SetProviderId {
    type Output = Message;
    const NAME: &'static str = "set_provider_id";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let Some(message) = find(state, &self.message)? else {
            let missing = match &self.message {
                MessageRef::ProviderId { provider_id, .. } => provider_id,
                MessageRef::Id { .. } => &self.provider_id,
            };
            return Err(Error::provider_id_not_found(missing).into());
        };
        let (of, id) = (message.conversation_id, message.id);
        let channel = state.require_conversation(of)?.channel;
        let known = state.provider_id(channel.into(), &self.provider_id)?;
        let subject = Subject::Message(of, id);
        match &message.provider_id {
            Some(own) if *own == self.provider_id => return Ok(Decision::new(subject, None)),
            Some(own) => {
                let text = format!("the message has the provider's id `{own}` already");
                return Err(Error::already_exists(EntityKind::ProviderId, own, text).into());
            }
            None => {}
        }
        let mut set = vec![MessageField::ProviderId(self.provider_id.clone())];
        match known {
            None => {}
            Some(ProviderIdState::Unmatched(unmatched)) => {
                let receipts = unmatched.deliveries.receipts().into_iter();
                set.extend(receipts.map(MessageField::Delivery));
            }
            Some(ProviderIdState::Message(_, other)) => {
                let id = &self.provider_id;
                let text = format!(
                    "the provider's id `{id}` on `{channel}` is that of the message `{other}`"
                );
                return Err(Error::already_exists(EntityKind::Message, other, text).into());
            }
            Some(ProviderIdState::Tombstone) => return Err(Error::gone(&self.provider_id).into()),
        }
        check(state, env, Some(message), true)?;
        let updated = ChangeKind::MessageUpdated {
            conversation: of,
            message: id,
            set,
        };
        Ok(Decision::new(subject, [updated]))
    }
}
