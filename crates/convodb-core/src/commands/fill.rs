use super::record_delivery::reads;
use super::*;

/// Gives a message its content that was yet to come, by whatever names the message. One that has its
/// content stays as it is. Not activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// The message.
    pub message: MessageRef,
    /// Its content.
    pub content: Content,
}

impl Command for Fill {
    type Output = Message;
    const NAME: &'static str = "fill";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let message = update_message::require(state, &self.message)?;
        let content = self.content.clone().accepted(Origin::Fact)?;
        let is_new = message.awaits_content() && !message.is_revoked() && !content.is_unsupported();
        let reason = "must not turn a message of a person into a line of the provider's, or back";
        let is_alike = message.is_system() == content.is_system();
        InvalidInput::unless(!is_new || is_alike, "type", reason)?;
        let filled = is_new.then(|| MessageField::Filled(content, Extras::default()));
        update_message::decide(state, env, message, filled.into_iter().collect())
    }
}
