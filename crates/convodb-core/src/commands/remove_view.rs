use super::*;

/// Removes a view. No conversation changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemoveView {
    /// The view.
    pub view: ViewId,
}

impl Command for RemoveView {
    type Output = ();
    const NAME: &'static str = "remove_view";

    fn reads(&self, keys: &mut Vec<Key>) {
        keys.push(Key::View(self.view.clone()));
    }

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        state.require_view(&self.view)?;
        let view = self.view.clone();
        Ok(Decision::new(
            Subject::Nothing,
            [ChangeKind::ViewRemoved { view }],
        ))
    }
}
