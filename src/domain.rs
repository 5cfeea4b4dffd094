//! The rules of a conversation, as values and pure functions.
//!
//! Invariant: nothing here reads a file, a clock or a random number, and nothing here knows how a
//! value is stored. What a command means is decided in [`decide`], what a change does in
//! [`evolve`]; both only compute.

mod assignee;
mod change;
mod conversation;
pub(crate) mod decide;
pub(crate) mod event;
pub(crate) mod evolve;
mod id;
mod idempotency;
mod import;
mod invalid;
mod message;
mod note;
mod object;
mod provided;
mod retention;
mod short;
pub(crate) mod time;
mod validate;

pub use assignee::{Assignee, AssigneeId, AssigneeKind, Takeover};
pub(crate) use change::{Change, Fact, Succession};
pub(crate) use conversation::ConversationState;
pub use conversation::{Channel, Conversation, Status, Thread};
pub(crate) use decide::Rejection;
pub use event::{Event, EventKind};
pub use id::{
    Actor, ConsumerName, ContactId, ConversationId, MessageId, NoteId, ProviderId, TeamId, UserId,
};
pub(crate) use idempotency::{Done, DoneEach, DoneValue, IdempotencyKey};
pub use import::Import;
pub use invalid::InvalidInput;
pub use message::{
    Content, Deliveries, DeliveryStatus, Direction, Failure, Inbound, Message, MessageRef,
    MessageType, Outbound, Receipt, ReceiptRequest, Reply,
};
pub use note::Note;
pub(crate) use object::object;
pub(crate) use provided::{Parked, Provided, StoredAt};
pub(crate) use retention::Keep;
pub use retention::{ConsumerPosition, Retention};
