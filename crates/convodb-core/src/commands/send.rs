use super::*;

/// Stores a message to a contact. The first one creates the conversation; a later one reopens it
/// unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SendMessage {
    /// The message.
    pub message: Outbound,
}

impl Command for SendMessage {
    type Output = Message;
    const NAME: &'static str = "send";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        append::reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        append::to_contact(&self.message, state, env)
    }
}
