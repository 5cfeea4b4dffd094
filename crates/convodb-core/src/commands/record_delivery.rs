use super::*;

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
    keys.push(match message.clone() {
        MessageRef::Id {
            conversation,
            message,
        } => Key::Message(conversation, message),
        MessageRef::ProviderId {
            channel,
            provider_id,
        } => Key::ProviderId(channel.into(), provider_id),
    });
}

/// What a reference leads to.
pub(super) enum Found<'a> {
    Message(&'a Message),
    /// A message that has not come yet, with the receipts that wait for it.
    Nothing(InboxNumber, &'a ProviderId, Option<&'a Deliveries>),
}

pub(super) fn find<'a>(state: &'a State, message: &'a MessageRef) -> Result<Found<'a>, Halt> {
    let (of, id) = match message {
        MessageRef::Id {
            conversation,
            message,
        } => (conversation, message),
        MessageRef::ProviderId {
            channel,
            provider_id,
        } => {
            let inbox = InboxNumber::from(*channel);
            match state.provider_id(inbox, provider_id)? {
                Some(ProviderIdState::Message(of, id)) => (of, id),
                Some(ProviderIdState::Tombstone) => return Err(Error::gone(provider_id).into()),
                Some(ProviderIdState::Unmatched(known)) => {
                    return Ok(Found::Nothing(inbox, provider_id, Some(&known.deliveries)));
                }
                None => return Ok(Found::Nothing(inbox, provider_id, None)),
            }
        }
    };
    state.require_message(*of, *id).map(Found::Message)
}

impl Command for RecordDelivery {
    type Output = Option<Message>;
    const NAME: &'static str = "record_delivery";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let found = find(state, &self.message)?;
        let receipt = self.receipt.resolve(env.now)?;
        let (subject, is_new) = match found {
            Found::Message(message) => {
                let subject = Subject::Message(message.conversation_id, message.id);
                (subject, message.would_change(&receipt))
            }
            Found::Nothing(.., known) => {
                let is_new = known.is_none_or(|known| known.would_change(&receipt));
                (Subject::Nothing, is_new)
            }
        };
        if !is_new {
            return Ok(Decision::new(subject, None));
        }
        let change = match found {
            Found::Message(message) => {
                let of = message.conversation_id;
                let set = vec![MessageField::Delivery(receipt)];
                // A conversation is loaded for preconditions alone.
                if env.context.has_preconditions() {
                    env.context.check(Some(state.require_conversation(of)?))?;
                }
                ChangeKind::message_updated(of, message.id, set)
            }
            Found::Nothing(inbox, provider_id, _) => {
                env.context.check(None)?;
                ChangeKind::ReceiptUnmatched {
                    inbox,
                    provider_id: provider_id.clone(),
                    receipt,
                }
            }
        };
        Ok(Decision::new(subject, [change]))
    }
}
