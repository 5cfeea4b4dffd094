use super::record_delivery::{Found, find, reads};
use super::*;
use crate::Who;

/// Records that all messages to a contact until a time were delivered or read. Those that are stored
/// later and have such a time count too. Of several the latest counts. One up to a message that is not
/// known yet waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordWatermark {
    /// Whose messages.
    pub of: WatermarkOf,
    /// Delivered or read.
    pub status: DeliveryStatus,
}

/// Which messages a [`RecordWatermark`] is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WatermarkOf {
    /// Those of a conversation until a time.
    Conversation(ConversationId, #[serde(with = "time")] DateTime<Utc>),
    /// Those of a contact in an inbox until a time.
    Contact(Who, InboxRef, #[serde(with = "time")] DateTime<Utc>),
    /// A message and those before it.
    UpTo(MessageRef),
}

impl Command for RecordWatermark {
    type Output = Option<Conversation>;
    const NAME: &'static str = "record_watermark";
    const CONDITIONAL: bool = true;

    fn reads(&self, keys: &mut Vec<Key>) {
        match &self.of {
            WatermarkOf::Conversation(id, _) => keys.push(Key::Conversation(*id)),
            WatermarkOf::Contact(who, inbox, _) => who::reads(who, inbox, keys),
            WatermarkOf::UpTo(message) => reads(message, keys),
        }
    }

    fn decide(&self, state: &State, env: &mut Env<'_>) -> Result<Decision, Halt> {
        let counts = matches!(
            self.status,
            DeliveryStatus::Delivered | DeliveryStatus::Read
        );
        InvalidInput::unless(counts, "status", "must be `delivered` or `read`")?;
        let given = |until: &DateTime<Utc>| time::reported("until", Some(*until), env.now);
        let (conversation, until) = match &self.of {
            WatermarkOf::Conversation(id, until) => {
                let until = given(until)?;
                (Some(state.require_conversation(*id)?), until)
            }
            WatermarkOf::Contact(who, inbox, until) => {
                let until = given(until)?;
                let channel = state.channel(inbox)?;
                let contact = who::find(who, channel, state, env)?.contact;
                (state.thread(inbox, &contact)?, until)
            }
            WatermarkOf::UpTo(message) => match find(state, message)? {
                Found::Message(message) => {
                    let of = state.require_conversation(message.conversation_id)?;
                    (Some(of), message.created_at.min(env.now))
                }
                Found::Nothing(inbox, id, known) => {
                    return env.park((inbox, id), known, MessageField::UpTo(self.status));
                }
            },
        };
        let Some(conversation) = conversation else {
            return Ok(Decision::new(Subject::Nothing, None));
        };
        let field = advance(Some(conversation), self.status, until);
        env.update(conversation, field.into_iter().collect())
    }
}

/// What changes of a conversation whose contact got or read everything until a time.
fn advance(
    conversation: Option<&Conversation>,
    status: DeliveryStatus,
    until: DateTime<Utc>,
) -> Option<Field> {
    let (known, field) = match status {
        DeliveryStatus::Read => (
            conversation.and_then(|it| it.read_until),
            Field::ReadUntil(until),
        ),
        _ => (
            conversation.and_then(|it| it.delivered_until),
            Field::DeliveredUntil(until),
        ),
    };
    known.is_none_or(|known| known < until).then_some(field)
}

/// What changes of the conversation of a message by what waited for it.
pub(super) fn advanced<'a>(
    conversation: Option<&'a Conversation>,
    message: &'a Message,
    waited: &'a [MessageField],
) -> impl Iterator<Item = Field> + 'a {
    waited.iter().filter_map(move |field| match field {
        MessageField::UpTo(status) => advance(conversation, *status, message.created_at),
        _ => None,
    })
}
