use super::*;
use crate::{Contact, ContactChanges};

/// Gives a contact a name and values of the caller's own. A contact without a record gets one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaveContact {
    /// The contact.
    pub contact: ContactId,
    /// What it gets.
    pub changes: ContactChanges,
}

impl Command for SaveContact {
    type Output = Contact;
    const NAME: &'static str = "save_contact";

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Contact(self.contact.clone()));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let contact = state.contact_meant(&self.contact)?.clone();
        let known = state.contact(&contact)?;
        let new = Contact::new(contact.clone(), env.now);
        let mut set = who::begin(&contact, state, env)?;
        set.extend(self.changes.fields(known.unwrap_or(&new))?);
        let change = who::updated(&contact, set);
        let subject = Subject::Contact(contact);
        Ok(Decision::new(subject, change).created(known.is_none()))
    }
}
