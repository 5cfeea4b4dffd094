//! What commands on customer conversations mean, and what the changes that they make do.
//!
//! This is the core of the crate `convodb`, an embedded storage engine, which exports what is
//! documented here: depend on that. What is not documented is for the crates of its workspace, which
//! share its version, and changes without notice.
//!
//! Nothing here reads a file, a clock or a random number. A [command](commands) decides changes from
//! the entities that a backend loads; `evolve` applies a change to them; the backend writes the
//! differences. The modules `codec` and `records` define the bytes of what is stored.

mod assignee;
#[doc(hidden)]
mod change;
mod channel;
#[doc(hidden)]
pub mod codec;
mod command;
pub mod commands;
mod context;
mod conversation;
mod error;
mod event;
#[doc(hidden)]
mod evolve;
mod filter;
#[doc(hidden)]
mod hashes;
mod id;
mod import;
mod invalid;
mod json;
#[doc(hidden)]
mod key;
mod message;
mod note;
mod number;
mod outcome;
mod page;
mod range;
#[doc(hidden)]
pub mod records;
mod retention;
mod selection;
mod short;
#[doc(hidden)]
mod state;
mod text;
#[doc(hidden)]
pub mod time;
mod validate;

pub use assignee::{Assignee, AssigneeId, AssigneeKind};
pub use channel::Channel;
pub use command::{Command, Output};
pub use commands::ConsumerStart;
pub use context::{Context, Precondition};
pub use conversation::{Conversation, Status, Transcript};
pub use error::{Details, EntityKind, Error, ErrorKind, Result};
pub use event::{Event, EventKind};
pub use filter::{Filter, StatusFilter};
pub use id::{
    Actor, ConsumerName, ContactId, ConversationId, Id, MessageId, NoteId, ProviderId, TeamId,
    UserId,
};
pub use import::Import;
pub use invalid::InvalidInput;
pub use message::{
    Content, Deliveries, DeliveryStatus, Direction, Draft, Failure, Inbound, Message, MessageRef,
    MessageType, Outbound, Receipt, Reply,
};
pub use note::Note;
pub use number::{CommitSeq, EventSeq, Number, Revision};
pub use outcome::{BatchItem, Effect, Outcome};
pub use page::{Cursor, Page, PageRequest};
pub use range::MessageRange;
pub use retention::{ConsumerPosition, Retention};
pub use selection::Selection;

// For the other crates of the workspace.
#[doc(hidden)]
pub use {
    change::{Change, ChangeKind, MessageField},
    channel::InboxNumber,
    command::{Decision, Env, Halt, IdSequence, Subject, decide, reads},
    conversation::Field,
    error::Hex,
    event::NewEvent,
    evolve::evolve,
    hashes::{HASH_LEN, Hashes},
    id::{IdKind, IdValue, IdempotencyKey},
    key::{Answer, Key, Query},
    message::{Delivery, ProviderIdState, UnmatchedReceipts},
    page::PagePosition,
    records::IdempotencyRecord,
    selection::Selected,
    state::{Difference, Entities, State},
};
