use super::record_delivery::{Found, find, reads};
use super::*;

/// Sets all reactions of one reactor to a message. The later time wins; of equal times, the later
/// arrival. One to a message that is not known yet waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct React {
    /// The message.
    pub message: MessageRef,
    /// Who reacts.
    pub by: Author,
    /// With what; nothing takes the reactions back.
    pub emoji: Vec<String>,
    /// When, by the provider's clock; without it, the time of the command.
    #[serde(with = "time::optional")]
    pub at: Option<DateTime<Utc>>,
}

impl React {
    /// The contact's reaction to a message.
    pub fn new(message: impl Into<MessageRef>, emoji: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            by: Author::contact(),
            emoji: vec![emoji.into()],
            at: None,
        }
    }

    /// The contact takes its reaction back.
    pub fn none(message: impl Into<MessageRef>) -> Self {
        Self {
            emoji: Vec::new(),
            ..Self::new(message, "")
        }
    }
}

impl Command for React {
    type Output = Option<Message>;
    const NAME: &'static str = "react";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let at = time::reported("at", self.at, env.now)?;
        let reaction = Reaction::new(self.by.clone(), self.emoji.clone(), at);
        reaction.validate()?;
        check_author(state, &self.by, "by")?;
        let field = MessageField::Reaction(reaction);
        match find(state, &self.message)? {
            Found::Message(message) => update_message::decide(state, env, message, vec![field]),
            Found::Nothing(inbox, id, known) => env.park((inbox, id), known, field),
        }
    }
}

/// A user that writes, reacts or takes back must be in the directory.
pub(super) fn check_author(state: &State, author: &Author, field: &str) -> Result<(), Halt> {
    let Some(id) = author.user_id().map(AssigneeId::User) else {
        return Ok(());
    };
    let known = state.assignee(&id)?.is_some();
    let reason = format_args!("`{id}` is not in the directory");
    Ok(InvalidInput::unless(known, format!("{field}.id"), reason)?)
}
