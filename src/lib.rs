#![doc = include_str!("../README.md")]

mod clock;
mod consumer;
pub mod docs;
mod execute;
mod executor;
mod index;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod internals;
mod kv;
mod options;
mod read;
mod snapshot;
mod stats;
mod storage;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;

/// The queue of group commits, for the test that runs its threads in many orders.
#[cfg(shuttle)]
#[doc(hidden)]
pub mod group_commit {
    pub use crate::executor::group_commit::{Failure, Group, MAX_COMMANDS, Queue};
}

/// What most users need: the traits of commands and queries, and the store.
pub mod prelude {
    #[doc(no_inline)]
    pub use crate::{Execute, Read, Store};
}

#[doc(inline)]
pub use convodb_core::{
    Actor, Assignee, AssigneeId, AssigneeKind, BatchItem, Channel, Command, CommitSeq,
    ConsumerName, ConsumerPosition, ConsumerStart, ContactId, Content, Context, Conversation,
    ConversationId, Cursor, Deliveries, DeliveryStatus, Details, Direction, Draft, Effect,
    EntityKind, Error, ErrorKind, Event, EventKind, EventSeq, Failure, Filter, Id, Import, Inbound,
    InvalidInput, Message, MessageId, MessageRange, MessageRef, MessageType, Note, NoteId, Number,
    Outbound, Outcome, Output, Page, PageRequest, Precondition, ProviderId, Receipt, Reply, Result,
    Retention, Revision, Selection, Status, StatusFilter, TeamId, Transcript, UserId, commands,
};

pub use clock::{Clock, IdGenerator, RandomIds, SystemClock};
pub use consumer::Consumer;
pub use execute::Execute;
pub use executor::Pending;
pub use options::{Check, Durability, Options};
pub use read::{Messages, Notes, Read};
pub use snapshot::Snapshot;
pub use stats::Stats;
pub use storage::{Finding, FindingKind, VerifyReport};
pub use store::Store;
pub use transaction::Transaction;
