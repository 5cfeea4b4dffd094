use super::*;

/// Deletes every conversation of a contact, and leaves nothing of them in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EraseContact {
    /// The contact.
    pub contact: ContactId,
}

impl Command for EraseContact {
    type Output = u64;
    const NAME: &'static str = "erase_contact";

    fn reads(&self, keys: &mut Vec<Key>) {
        let thread = |channel: Channel| Key::Thread(channel.into(), self.contact.clone());
        keys.extend(Channel::ALL.map(thread));
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        let mut changes = Vec::new();
        for channel in Channel::ALL {
            if let Some(known) = state.thread(channel.into(), &self.contact)? {
                let conversation = known.id;
                changes.push(ChangeKind::ConversationDeleted { conversation });
            }
        }
        let subject = Subject::Count(changes.len() as u64);
        let erases_log = !changes.is_empty();
        Ok(Decision {
            erases_log,
            ..Decision::new(subject, changes)
        })
    }
}
