use super::record_delivery::{Found, find, reads};
use super::*;

/// Takes a message back. Its content is erased, from the log too, and what remains shows that there was
/// one. Not activity, and it counts as unread no longer.
///
/// For a message that is not known yet it waits: that is stored without its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Revoke {
    /// The message.
    pub message: MessageRef,
    /// Who takes it back.
    pub by: Author,
    /// When, by the provider's clock; without it, the time of the command.
    #[serde(with = "time::optional")]
    pub at: Option<DateTime<Utc>>,
    /// Whether the content is kept, by those who must keep records.
    pub keep_content: bool,
}

impl Revoke {
    /// The contact takes a message back.
    pub fn new(message: impl Into<MessageRef>) -> Self {
        Self {
            message: message.into(),
            by: Author::contact(),
            at: None,
            keep_content: false,
        }
    }
}

impl Command for Revoke {
    type Output = Option<Message>;
    const NAME: &'static str = "revoke";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let at = time::reported("at", self.at, env.now)?;
        self.by.validate().map_err(|error| error.within("by"))?;
        react::check_author(state, &self.by, "by")?;
        let revocation = Revocation::new(at, self.by.clone(), self.keep_content);
        let message = match find(state, &self.message)? {
            Found::Message(message) => message,
            Found::Nothing(inbox, id, known) => {
                return env.park((inbox, id), known, MessageField::Revoked(revocation));
            }
        };
        let revoked = vec![MessageField::Revoked(revocation)];
        update_message::decide(state, env, message, revoked)
    }
}
