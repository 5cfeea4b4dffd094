use super::*;

/// Where a new consumer of events starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConsumerStart {
    /// At the oldest event that is kept.
    #[default]
    Oldest,
    /// Behind the newest event: it gets only what comes.
    Newest,
    /// Behind this event, which need not be kept any longer.
    After(EventSeq),
}

/// Adds a consumer of events, and answers its position. One that is there stays where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddConsumer {
    /// Its name.
    pub name: ConsumerName,
    /// Where it starts.
    pub start: ConsumerStart,
}

/// Acknowledges the events up to one, and answers the consumer's position. A position never goes
/// back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Acknowledge {
    /// The consumer.
    pub consumer: ConsumerName,
    /// The last event that it is done with.
    pub up_to: EventSeq,
}

/// Removes a consumer of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemoveConsumer {
    /// Its name.
    pub name: ConsumerName,
}

/// The range of the events that are kept.
pub(super) fn events(state: &State) -> Result<(EventSeq, EventSeq), Halt> {
    match state.answer(&Query::EventRange)? {
        Answer::Events { oldest, newest } => Ok((*oldest, *newest)),
        other => Err(Error::corrupted(format!("a range of events was answered {other:?}")).into()),
    }
}

/// A position that a field gives.
fn up_to(position: EventSeq, newest: EventSeq, field: &'static str) -> Result<EventSeq, Halt> {
    let reason = format_args!("must not be above the number of the newest event, {newest}");
    InvalidInput::unless(position <= newest, field, reason)?;
    Ok(position)
}

impl Command for AddConsumer {
    type Output = EventSeq;
    const NAME: &'static str = "add_consumer";

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        if let Some(position) = state.consumer(&self.name)? {
            return Ok(Decision::new(Subject::Position(position), None));
        }
        let (oldest, newest) = events(state)?;
        let position = match self.start {
            ConsumerStart::Oldest => EventSeq::new(oldest.get().saturating_sub(1)),
            ConsumerStart::Newest => newest,
            ConsumerStart::After(position) => up_to(position, newest, "start")?,
        };
        let consumer = self.name.clone();
        let added = ChangeKind::ConsumerMoved { consumer, position };
        Ok(Decision::new(Subject::Position(position), [added]).created(true))
    }
}

impl Command for Acknowledge {
    type Output = EventSeq;
    const NAME: &'static str = "acknowledge";

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        let position = state.require_consumer(&self.consumer)?;
        let (_, newest) = events(state)?;
        up_to(self.up_to, newest, "up_to")?;
        let moved = (self.up_to > position).then(|| ChangeKind::ConsumerMoved {
            consumer: self.consumer.clone(),
            position: self.up_to,
        });
        let position = position.max(self.up_to);
        Ok(Decision::new(Subject::Position(position), moved))
    }
}

impl Command for RemoveConsumer {
    type Output = ();
    const NAME: &'static str = "remove_consumer";

    fn decide(&self, state: &State, _: &mut Env<'_>) -> Result<Decision, Halt> {
        state.require_consumer(&self.name)?;
        let consumer = self.name.clone();
        let removed = ChangeKind::ConsumerRemoved { consumer };
        Ok(Decision::new(Subject::Nothing, [removed]))
    }
}
