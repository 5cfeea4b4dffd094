use super::*;

/// Removes an internal note, from the log too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemoveNote {
    /// The conversation.
    pub conversation: ConversationId,
    /// The note.
    pub note: NoteId,
}

impl Command for RemoveNote {
    type Output = ();
    const NAME: &'static str = "remove_note";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Conversation(self.conversation));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let conversation = state.require_conversation(self.conversation)?;
        let query = Query::NoteTime(conversation.id, self.note);
        let Answer::Time(Some(created_at)) = state.answer(&query)? else {
            return Err(Error::not_found(EntityKind::Note, self.note).into());
        };
        env.context.check(Some(conversation))?;
        let removed = ChangeKind::NoteRemoved {
            conversation: conversation.id,
            created_at: *created_at,
            note: self.note,
        };
        Ok(Decision {
            erases_log: true,
            ..Decision::new(Subject::Nothing, [removed])
        })
    }
}
