use super::consumers::events;
use super::*;

/// Acknowledges the events up to one, and answers the consumer's position. A position never goes
/// back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acknowledge {
    /// The consumer.
    pub consumer: ConsumerName,
    /// The last event that it is done with.
    pub up_to: EventSeq,
}

impl Command for Acknowledge {
    type Output = EventSeq;
    const NAME: &'static str = "acknowledge";

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        let position = state.require_consumer(&self.consumer)?;
        let (_, newest) = events(state)?;
        let reason = format_args!("must not be above the number of the newest event, {newest}");
        InvalidInput::unless(self.up_to <= newest, "up_to", reason)?;
        let moved = (self.up_to > position).then(|| ChangeKind::ConsumerMoved {
            consumer: self.consumer.clone(),
            position: self.up_to,
        });
        let position = position.max(self.up_to);
        Ok(Decision::new(Subject::Position(position), moved))
    }
}
