use super::*;

/// Stores a message from a contact. The first one creates the conversation; a later one reopens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceiveMessage {
    /// The message.
    pub message: Inbound,
}

impl Command for ReceiveMessage {
    type Output = Message;
    const NAME: &'static str = "receive";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        append::reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        append::to_contact(&self.message, state, env)
    }
}
