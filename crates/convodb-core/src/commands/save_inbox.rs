use super::*;

/// Adds an inbox of a channel, or renames it. It keeps its channel for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaveInbox {
    /// The inbox.
    pub inbox: InboxId,
    /// Its channel.
    pub channel: Channel,
    /// The name.
    pub name: String,
}

impl Command for SaveInbox {
    type Output = Inbox;
    const NAME: &'static str = "save_inbox";

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::Inbox(self.inbox.clone()));
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        let known = state.inbox(&self.inbox)?;
        validate::name("name", &self.name)?;
        if let Some(known) = known {
            let reason = format_args!(
                "must stay `{}`, as an inbox keeps its channel",
                known.channel
            );
            InvalidInput::unless(known.channel == self.channel, "channel", reason)?;
        }
        let is_new = known.is_none_or(|known| known.name != self.name);
        let saved = is_new.then(|| ChangeKind::InboxSaved {
            inbox: self.inbox.clone(),
            channel: self.channel,
            name: self.name.clone(),
        });
        let subject = Subject::Inbox(self.inbox.clone());
        Ok(Decision::new(subject, saved).created(known.is_none()))
    }
}
