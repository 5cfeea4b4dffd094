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
    match message {
        MessageRef::Id {
            conversation,
            message,
        } => keys.push(Key::Message(*conversation, *message)),
        foreign => keys.extend(
            foreign
                .foreign_id()
                .map(|(inbox, id)| Key::ProviderId(inbox.clone(), id)),
        ),
    }
}

/// What a reference leads to.
pub(super) enum Found<'a> {
    Message(&'a Message),
    /// A message that has not come yet, with what waits for it.
    Nothing(InboxRef, ProviderId, Option<&'a Unmatched>),
}

pub(super) fn find<'a>(state: &'a State, message: &MessageRef) -> Result<Found<'a>, Halt> {
    let (inbox, id) = match message {
        MessageRef::Id {
            conversation,
            message,
        } => {
            let found = state.require_message(*conversation, *message);
            return found.map(Found::Message);
        }
        foreign => foreign
            .foreign_id()
            .ok_or_else(|| Error::corrupted("a reference names no message"))?,
    };
    state.channel(inbox)?;
    let waiting = match state.provider_id(inbox, &id)? {
        Some(ProviderIdState::Message(of, id)) => {
            return state.require_message(*of, *id).map(Found::Message);
        }
        Some(ProviderIdState::Tombstone) => return Err(Error::gone(&id).into()),
        Some(ProviderIdState::Unmatched(known)) => Some(known),
        None => None,
    };
    // A reference is given with its message, so that nothing waits for it.
    match message {
        MessageRef::ClientRef { client_ref, .. } => {
            Err(Error::not_found(EntityKind::Message, client_ref).into())
        }
        _ => Ok(Found::Nothing(
            inbox.clone(),
            id,
            waiting.map(AsRef::as_ref),
        )),
    }
}

impl Env<'_> {
    /// Keeps for a message that has not come what changes it, unless that is known.
    pub(super) fn park(
        &self,
        (inbox, provider_id): (InboxRef, ProviderId),
        known: Option<&Unmatched>,
        field: MessageField,
    ) -> Result<Decision, Halt> {
        if known.is_some_and(|known| !known.would_change(&field)) {
            return Ok(Decision::new(Subject::Nothing, None));
        }
        self.context.check(None)?;
        let erases_log = match &field {
            MessageField::Revoked(revocation) if !revocation.keeps_content => {
                known.is_some_and(Unmatched::has_content)
            }
            _ => false,
        };
        let parked = ChangeKind::FieldUnmatched {
            inbox,
            provider_id,
            field: Box::new(field),
        };
        Ok(Decision {
            erases_log,
            ..Decision::new(Subject::Nothing, [parked])
        })
    }
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
        let message = match found {
            Found::Message(message) => message,
            Found::Nothing(inbox, id, known) => {
                return env.park((inbox, id), known, MessageField::Delivery(receipt));
            }
        };
        message.check_receipt(&receipt)?;
        let (of, id) = (message.conversation_id, message.id);
        let counts = !message.is_of_former_attempt(&self.message, &receipt);
        if !counts || !message.would_change(&receipt) {
            return Ok(Decision::new(Subject::Message(of, id), None));
        }
        // A conversation is loaded for preconditions alone.
        if env.context.has_preconditions() {
            env.context.check(Some(state.require_conversation(of)?))?;
        }
        let set = vec![MessageField::Delivery(receipt)];
        let change = ChangeKind::message_updated(of, id, set);
        Ok(Decision::new(Subject::Message(of, id), [change]))
    }
}
