use super::*;

/// Deletes every conversation of a contact with its record and its identities, and leaves nothing of them in
/// the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EraseContact {
    /// The contact.
    pub contact: ContactId,
}

impl Command for EraseContact {
    type Output = u64;
    const NAME: &'static str = "erase_contact";

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Query(Query::Threads(self.contact.clone())));
        keys.push(Key::Contact(self.contact.clone()));
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        let contact = state.contact_meant(&self.contact)?;
        let mut changes = Vec::new();
        for conversation in state.conversations_of(contact)? {
            changes.push(ChangeKind::ConversationDeleted { conversation });
        }
        let subject = Subject::Count(changes.len() as u64);
        if state.contact(contact)?.is_some() {
            let contact = contact.clone();
            changes.push(ChangeKind::ContactErased { contact });
        }
        let erases_log = !changes.is_empty();
        Ok(Decision {
            erases_log,
            ..Decision::new(subject, changes)
        })
    }
}
