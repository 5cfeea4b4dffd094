//! What commands on customer conversations mean, and what the changes that they make do.
//!
//! This is the core of the crate `convodb`, an embedded storage engine, which exports what is
//! documented here: depend on that. What is not documented is for the crates of its workspace, which
//! share its version, and changes without notice.
//!
//! Invariant: nothing here reads a file, a clock or a random number, and nothing here knows how a
//! value is stored. What a command means is decided in `decide`, what a change does in `evolve`;
//! both only compute.

mod assignee;
mod change;
mod context;
mod conversation;
mod cursor;
#[doc(hidden)]
pub mod decide;
mod error;
#[doc(hidden)]
pub mod event;
#[doc(hidden)]
pub mod evolve;
mod filter;
mod hashes;
mod id;
mod idempotency;
mod import;
mod invalid;
mod list_query;
mod message;
mod note;
mod object;
mod page;
mod provided;
mod range;
#[doc(hidden)]
pub mod records;
mod request;
mod retention;
mod short;
mod targets;
#[doc(hidden)]
pub mod time;
mod validate;

pub use assignee::{Assignee, AssigneeId, AssigneeKind, Takeover};
pub use context::{Context, Outcome};
pub use conversation::{Channel, Conversation, Status, Thread};
pub use cursor::Cursor;
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, EventKind};
pub use filter::{Filter, StatusFilter};
pub use id::{
    Actor, ConsumerName, ContactId, ConversationId, MessageId, NoteId, ProviderId, TeamId, UserId,
};
pub use import::Import;
pub use invalid::InvalidInput;
pub use list_query::ListQuery;
pub use message::{
    Content, Deliveries, DeliveryStatus, Direction, Failure, Inbound, Message, MessageRef,
    MessageType, Outbound, Receipt, ReceiptRequest, Reply,
};
pub use note::Note;
pub use page::{CursorPage, Page, PageRequest, Window};
pub use range::MessageRange;
pub use request::{AssignRequest, NoteRequest};
pub use retention::{ConsumerPosition, Retention};
pub use targets::Targets;

// For the other crates of the workspace.
#[doc(hidden)]
pub use change::{Change, Fact, Succession};
#[doc(hidden)]
pub use conversation::ConversationState;
#[doc(hidden)]
pub use decide::Rejection;
#[doc(hidden)]
pub use error::Hex;
#[doc(hidden)]
pub use hashes::{HASH_LEN, Hashes};
#[doc(hidden)]
pub use idempotency::{Done, DoneEach, DoneValue, IdempotencyKey};
#[doc(hidden)]
pub use page::check_limit;
#[doc(hidden)]
pub use provided::{Parked, Provided, StoredAt};
#[doc(hidden)]
pub use retention::Keep;
#[doc(hidden)]
pub use targets::Named;

pub(crate) use object::object;
