use super::consumers::events;
use super::*;
use crate::retention::Keep;
use crate::time::before;

/// Drops events, the oldest first, and answers how many. Those that a consumer has not acknowledged
/// stay, unless the retention is forced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PurgeEvents {
    /// What is kept.
    pub retention: Retention,
    /// At most this many are dropped.
    pub limit: u64,
}

/// Drops what has waited this long for its message, and the oldest of what more messages have than are to
/// be kept, and answers for how many messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PurgeUnmatched {
    /// How long it has waited.
    pub older_than: Duration,
    /// Of how many messages it is kept at most.
    pub most: u64,
}

/// Drops idempotency keys of this age, and answers how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PurgeIdempotencyKeys {
    /// Their age.
    pub older_than: Duration,
}

impl Command for PurgeEvents {
    type Output = u64;
    const NAME: &'static str = "purge_events";

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let (oldest, newest) = events(state)?;
        let oldest = oldest.get();
        let keep_from = match self.retention.keep {
            Keep::Newest(count) => (newest.get() + 1).saturating_sub(count),
            Keep::Younger(age) => state.number(&Query::FirstEventSince(before(env.now, age)))?,
        };
        let mut end = keep_from.min(oldest.saturating_add(self.limit));
        if !self.retention.force
            && let Answer::Position(Some(slowest)) = state.answer(&Query::SlowestConsumer)?
        {
            end = end.min(slowest.get() + 1);
        }
        let before = EventSeq::new(end);
        let purged = (end > oldest).then_some(ChangeKind::EventsPurged { before });
        let count = end.saturating_sub(oldest);
        Ok(Decision::new(Subject::Count(count), purged))
    }
}

impl Command for PurgeUnmatched {
    type Output = u64;
    const NAME: &'static str = "purge_unmatched";

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let mut before = before(env.now, self.older_than);
        if let Answer::Time(Some(newest)) = state.answer(&Query::UnmatchedBeyond(self.most))? {
            before = before.max(time::next(*newest));
        }
        let older = state.number(&Query::UnmatchedBefore(before))?;
        let purged = (older > 0).then_some(ChangeKind::UnmatchedPurged { before });
        Ok(Decision::new(Subject::Count(older), purged))
    }
}

impl Command for PurgeIdempotencyKeys {
    type Output = u64;
    const NAME: &'static str = "purge_idempotency_keys";

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let before = before(env.now, self.older_than);
        let older = state.number(&Query::KeysBefore(before))?;
        let purged = (older > 0).then_some(ChangeKind::KeysPurged { before });
        Ok(Decision::new(Subject::Count(older), purged))
    }
}
