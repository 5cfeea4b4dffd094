use super::*;
use crate::time::before;

/// Deletes resolved conversations without activity for this long, the oldest first, each as `Delete` does,
/// and answers how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeleteResolved {
    /// How long.
    pub older_than: Duration,
    /// At most this many are deleted, and fewer where they have [`AT_ONCE`](Self::AT_ONCE) messages: the
    /// command is one commit, and others wait for it.
    pub limit: u32,
}

impl DeleteResolved {
    /// The conversation with which those of one command have so many messages is the last one. It is deleted as a
    /// whole, however many it has.
    pub const AT_ONCE: usize = 4_096;
}

impl Command for DeleteResolved {
    type Output = u64;
    const NAME: &'static str = "delete_resolved";

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let before = before(env.now, self.older_than);
        let stale = state.ids(&Query::Stale(before, self.limit))?;
        require_conversations(state, stale.iter().copied())?;
        let deleted = |conversation: &ConversationId| ChangeKind::ConversationDeleted {
            conversation: *conversation,
        };
        let subject = Subject::Count(stale.len() as u64);
        Ok(Decision::new(subject, stale.iter().map(deleted)))
    }
}
