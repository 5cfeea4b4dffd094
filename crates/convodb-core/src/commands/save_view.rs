use super::*;

/// Saves a view, or changes it. Another filter or order makes another list of it, which is built anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SaveView {
    /// The view.
    pub view: ViewId,
    /// The name.
    pub name: String,
    /// Which conversations it has.
    pub filter: Filter,
    /// Their order.
    pub sort: Sort,
}

impl Command for SaveView {
    type Output = View;
    const NAME: &'static str = "save_view";

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::View(self.view.clone()));
        let inboxes = self.filter.inboxes().filter_map(InboxRef::id);
        keys.extend(inboxes.cloned().map(Key::Inbox));
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let known = state.view(&self.view)?;
        let saved = View::new(
            self.view.clone(),
            &self.name,
            self.filter.clone(),
            self.sort,
        );
        saved.validate()?;
        for inbox in self.filter.inboxes() {
            let channel = match inbox {
                InboxRef::Channel(channel) => Some(*channel),
                InboxRef::Inbox(id) => state.inbox(id)?.map(|known| known.channel),
            };
            let mut channels = self.filter.channels().peekable();
            // One that is not there could come to be of any channel.
            let is_within = channels.peek().is_none() || channels.any(|it| Some(it) == channel);
            let reason =
                format_args!("has `{inbox}`, which is of none of the channels, or not there");
            InvalidInput::unless(is_within, "filter.inbox", reason)?;
        }
        if known.is_none() {
            let views = state.number(&Query::Views)?;
            let most = env.max_views;
            let reason = format_args!("must be one of the {most} views that are there, the most");
            InvalidInput::unless(views < most, "view_id", reason)?;
        }
        let is_new =
            known.is_none_or(|known| known.name != saved.name || !known.has_list_of(&saved));
        let subject = Subject::View(self.view.clone());
        let change = is_new.then(|| ChangeKind::ViewSaved(Box::new(saved)));
        Ok(Decision::new(subject, change).created(known.is_none()))
    }
}
