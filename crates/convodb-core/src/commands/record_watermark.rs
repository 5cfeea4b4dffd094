use super::record_delivery::{Found, find, reads};
use super::*;

/// Records that all messages to a contact until a time were delivered or read. Those that are stored
/// later and have such a time count too. Of several the latest counts.
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
    /// Those of a contact on a channel until a time.
    Contact(ContactId, Channel, #[serde(with = "time")] DateTime<Utc>),
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
            WatermarkOf::Contact(contact, channel, _) => {
                keys.push(Key::Thread((*channel).into(), contact.clone()));
            }
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
            WatermarkOf::Contact(contact, channel, until) => {
                let until = given(until)?;
                (state.thread((*channel).into(), contact)?, until)
            }
            WatermarkOf::UpTo(message) => match find(state, message)? {
                Found::Message(message) => {
                    let of = state.require_conversation(message.conversation_id)?;
                    (Some(of), message.created_at.min(env.now))
                }
                Found::Nothing(..) => (None, env.now),
            },
        };
        let Some(conversation) = conversation else {
            return Ok(Decision::new(Subject::Nothing, None));
        };
        let (known, field) = match self.status {
            DeliveryStatus::Read => (conversation.read_until, Field::ReadUntil(until)),
            _ => (conversation.delivered_until, Field::DeliveredUntil(until)),
        };
        let is_new = known.is_none_or(|known| known < until);
        env.update(conversation, is_new.then_some(field).into_iter().collect())
    }
}
