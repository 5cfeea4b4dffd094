use super::record_delivery::{Found, find, reads};
use super::*;

/// Gives a message its content that was yet to come, by whatever names the message. One that has its
/// content stays as it is. For a message that is not known yet it waits. Not activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// The message.
    pub message: MessageRef,
    /// Its content.
    pub content: Content,
}

impl Command for Fill {
    type Output = Option<Message>;
    const NAME: &'static str = "fill";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let found = find(state, &self.message)?;
        let content = self.content.clone().accepted(Origin::Fact)?;
        let is_unsupported = content.is_unsupported();
        let is_system = content.is_system();
        let filled = MessageField::Filled(content, Box::default());
        let message = match found {
            Found::Message(message) => message,
            Found::Nothing(inbox, id, known) => return env.park((inbox, id), known, filled),
        };
        let is_new = message.awaits_content() && !message.is_revoked() && !is_unsupported;
        let reason = "must not turn a message of a person into a line of the provider's, or back";
        let is_alike = message.is_system() == is_system;
        InvalidInput::unless(!is_new || is_alike, "type", reason)?;
        update_message::decide(state, env, message, vec![filled])
    }
}
