use super::record_delivery::{Found, find, reads};
use super::update_message::check_not_revoked;
use super::*;
use crate::Who;

/// Replaces the content of a message. Its place, its ids, its receipts and its reactions stay, and the
/// ten latest former contents are kept. Of several edits the latest counts, in whichever order they
/// come. Not activity.
///
/// One of a message that is not known is stored as that message, if the contact is named; the message
/// itself, if it still comes, takes its place in the thread, and what it said becomes a former content.
/// Without a contact the edit waits for its message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// The message.
    pub message: MessageRef,
    /// The contact, for a message that is not known.
    pub contact: Option<Who>,
    /// The new content, of the type of the message. A text is the new caption of media.
    pub content: Content,
    /// When, by the provider's clock; without it, the time of the command.
    #[serde(with = "time::optional")]
    pub at: Option<DateTime<Utc>>,
}

impl Edit {
    /// A new content.
    pub fn new(message: impl Into<MessageRef>, content: impl Into<Content>) -> Self {
        Self {
            message: message.into(),
            contact: None,
            content: content.into(),
            at: None,
        }
    }
}

impl Command for Edit {
    type Output = Option<Message>;
    const NAME: &'static str = "edit";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        reads(&self.message, keys);
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let at = time::reported("at", self.at, env.now)?;
        let message = match find(state, &self.message)? {
            Found::Message(message) => message,
            Found::Nothing(inbox, id, known) => {
                if let (Some(who), MessageRef::ProviderId { .. }) = (&self.contact, &self.message) {
                    return self.store((who, &inbox), &id, at, state, env);
                }
                let content = self.content.clone().accepted(Origin::Fact)?;
                let edit = MessageField::Edit(Version::new(content, at));
                return env.park((inbox, id), known, edit);
            }
        };
        self.check_contact(message, state, env)?;
        check_not_revoked(message)?;
        let origin = match message.direction {
            Direction::Inbound => Origin::Fact,
            Direction::Outbound => Origin::Intent,
        };
        let content = self.content.clone().in_place_of(&message.content)?;
        let content = content.accepted(origin)?;
        let edit = MessageField::Edit(Version::new(content, at));
        update_message::decide(state, env, message, vec![edit])
    }
}

impl Edit {
    /// A contact edits messages of its own.
    fn check_contact(&self, message: &Message, state: &State, env: &Env<'_>) -> Result<(), Halt> {
        let Some(who) = &self.contact else {
            return Ok(());
        };
        let conversation = state.require_conversation(message.conversation_id)?;
        let writer = &conversation.contact_id;
        let is_theirs = who.contact.as_ref() == Some(writer) || {
            let found = who::find(who, conversation.channel, state, env)?;
            [&found.contact]
                .into_iter()
                .chain(&found.others)
                .any(|it| it == writer)
        };
        let is_own = message.direction == Direction::Inbound && is_theirs;
        match &self.message {
            _ if is_own => Ok(()),
            MessageRef::ProviderId { provider_id, .. } => {
                Err(Error::provider_id_conflict(provider_id).into())
            }
            _ => Err(InvalidInput::new("contact_id", "did not write the message").into()),
        }
    }

    /// Stores an edit as the message that has not come.
    fn store(
        &self,
        (who, inbox): (&Who, &InboxRef),
        id: &ProviderId,
        at: DateTime<Utc>,
        state: &State,
        env: &mut Env<'_>,
    ) -> Result<Decision, Halt> {
        let draft = Inbound::new(who.clone(), inbox.clone(), self.content.clone());
        let draft = draft.provider_id(id.as_str()).provider_time(at).edited(at);
        let decision = append::to_contact(&draft, state, env)?;
        Ok(decision.created(true))
    }
}
