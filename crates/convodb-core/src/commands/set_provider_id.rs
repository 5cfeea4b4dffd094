use super::record_delivery::reads;
use super::*;

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
        let message = update_message::require(state, &self.message)?;
        let (of, id, own) = (message.conversation_id, message.id, &self.provider_id);
        let conversation = state.require_conversation(of)?;
        let known = state.provider_id(&conversation.inbox(), own)?;
        let subject = Subject::Message(of, id);
        match &message.provider_id {
            None => {}
            Some(same) if same == own => return Ok(Decision::new(subject, None)),
            Some(other) => {
                let text = format!("the message has the provider's id `{other}` already");
                return Err(Error::already_exists(EntityKind::ProviderId, other, text).into());
            }
        }
        let mut set = vec![MessageField::ProviderId(own.clone())];
        match known {
            None => {}
            Some(ProviderIdState::Unmatched(unmatched)) => {
                set.extend(unmatched.fields());
            }
            // An attempt before the present one had it.
            Some(ProviderIdState::Message(home, known)) if (*home, *known) == (of, id) => {}
            Some(ProviderIdState::Message(..)) => {
                return Err(Error::provider_id_conflict(own).into());
            }
            Some(ProviderIdState::Tombstone) => return Err(Error::gone(own).into()),
        }
        update_message::decide(state, env, message, set)
    }
}
