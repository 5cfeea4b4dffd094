use super::record_delivery::reads;
use super::*;

/// Marks a failed message as being tried again: it is pending, and gets another id of the provider's.
/// Of the receipts of a former attempt only `delivered` and `read` count from then on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// The message.
    pub message: MessageRef,
}

impl Command for Retry {
    type Output = Message;
    const NAME: &'static str = "retry";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let message = update_message::require(state, &self.message)?;
        update_message::check_not_revoked(message)?;
        if !matches!(
            message.status,
            DeliveryStatus::Failed | DeliveryStatus::Pending
        ) {
            return Err(Error::not_failed(message.id).into());
        }
        update_message::decide(state, env, message, vec![MessageField::Retried])
    }
}
