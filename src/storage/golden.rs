//! The bytes of every key and record, held. A test here that fails means that files of users would
//! no longer be read: give the layout a new format instead.

mod changes;
mod journal;
mod keys;
mod records;

use chrono::{DateTime, Utc};
use convodb_core::{
    Content, ConversationId, DeliveryStatus, Direction, Done, DoneValue, Failure, Message,
    MessageId, NoteId, ProviderId, Result, time,
};

type Checked = std::result::Result<(), Box<dyn std::error::Error>>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn at(micros: i64) -> DateTime<Utc> {
    time::from_micros(micros).unwrap_or_default()
}

const CONVERSATION: ConversationId = ConversationId::from_parts(0x0102_0304_0506, 0x0A);
const MESSAGE: MessageId = MessageId::from_parts(0x0102_0304_0506, 0x0B);
const NOTE: NoteId = NoteId::from_parts(0x0102_0304_0506, 0x0C);

fn message(content: Content) -> Result<Message> {
    let mut message = Message::new(MESSAGE, CONVERSATION, Direction::Outbound, content, at(5));
    message.provider_id = Some(ProviderId::new("p")?);
    message.status = DeliveryStatus::Failed;
    let why = Some(Failure::new("c", "m"));
    message
        .deliveries
        .merge(DeliveryStatus::Failed, at(6), &why);
    message.deliveries.merge(DeliveryStatus::Sent, at(1), &None);
    Ok(message)
}

fn done(value: DoneValue) -> Done {
    Done {
        at: at(1),
        command: [2; 16],
        value,
        changed: true,
        created: false,
        reopened: true,
        duplicate: false,
    }
}
