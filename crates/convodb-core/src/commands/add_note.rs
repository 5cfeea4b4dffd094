use super::*;

/// Adds an internal note. It never reopens, and it is activity. The context's actor is its author.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddNote {
    /// The conversation.
    pub conversation: ConversationId,
    /// The text.
    pub content: String,
}

impl Command for AddNote {
    type Output = Note;
    const NAME: &'static str = "add_note";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        validate::text("content", &self.content, Origin::Intent)?;
        env.context.check(Some(conversation))?;
        let id = NoteId::from_raw(env.ids.next(env.now));
        let mut note = Note::new(id, conversation.id, self.content.clone(), env.now);
        note.author = env.context.actor.clone();
        let subject = Subject::Note(note.conversation_id, note.created_at, id);
        let added = ChangeKind::NoteAdded(Box::new(note));
        Ok(Decision::new(subject, [added]))
    }
}
