#![doc = include_str!("../README.md")]

pub mod docs;
mod domain;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod kv;
mod query;
mod reader;
mod storage;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod writer;

pub use domain::{
    Actor, Assignee, AssigneeId, AssigneeKind, Channel, ConsumerName, ConsumerPosition, ContactId,
    Content, Conversation, ConversationId, Deliveries, DeliveryStatus, Direction, Event, EventKind,
    Failure, Import, Inbound, InvalidInput, Message, MessageId, MessageRef, MessageType, Note,
    NoteId, Outbound, ProviderId, Receipt, ReceiptRequest, Reply, Retention, Status, Takeover,
    TeamId, Thread, UserId,
};
pub use error::{Error, ErrorKind, Result};
pub use query::{
    AssignRequest, Cursor, CursorPage, Filter, ListQuery, MessageRange, NoteRequest, Page,
    PageRequest, StatusFilter, Targets, Window,
};
pub use reader::{Messages, Notes, Snapshot};
pub use storage::{Finding, FindingKind, Verification};
pub use store::{
    Check, Clock, Consumer, Durability, IdGenerator, Options, RandomIds, Stats, Store, SystemClock,
};
pub use writer::{Context, Each, Handle, Outcome, Transaction};
