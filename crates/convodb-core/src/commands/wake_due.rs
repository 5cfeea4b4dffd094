use super::*;

/// Ends the snoozes whose time has come, the earliest first, and answers how many. Each is activity.
///
/// At most [`MOST`](Self::MOST) at once: where it is as many, more may be due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WakeDue;

impl WakeDue {
    /// The most conversations of one command.
    pub const MOST: u32 = 1_000;
}

impl Command for WakeDue {
    type Output = u64;
    const NAME: &'static str = "wake_due";

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let due = state.ids(&Query::Due(env.now, Self::MOST))?;
        require_conversations(state, due.iter().copied())?;
        let woken = |conversation: &ConversationId| ChangeKind::ConversationUpdated {
            conversation: *conversation,
            set: vec![Field::Woken(WakeReason::Due)],
        };
        let subject = Subject::Count(due.len() as u64);
        Ok(Decision::new(subject, due.iter().map(woken)))
    }
}
