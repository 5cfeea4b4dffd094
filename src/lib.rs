#![doc = include_str!("../README.md")]

pub mod docs;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod kv;
mod reader;
mod storage;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod writer;

#[doc(inline)]
pub use convodb_core::{
    Actor, AssignRequest, Assignee, AssigneeId, AssigneeKind, Channel, ConsumerName,
    ConsumerPosition, ContactId, Content, Context, Conversation, ConversationId, Cursor,
    CursorPage, Deliveries, DeliveryStatus, Direction, Error, ErrorKind, Event, EventKind, Failure,
    Filter, Import, Inbound, InvalidInput, ListQuery, Message, MessageId, MessageRange, MessageRef,
    MessageType, Note, NoteId, NoteRequest, Outbound, Outcome, Page, PageRequest, ProviderId,
    Receipt, ReceiptRequest, Reply, Result, Retention, Status, StatusFilter, Takeover, Targets,
    TeamId, Thread, UserId, Window,
};
pub use reader::{Messages, Notes, Snapshot};
pub use storage::{Finding, FindingKind, Verification};
pub use store::{
    Check, Clock, Consumer, Durability, IdGenerator, Options, RandomIds, Stats, Store, SystemClock,
};
pub use writer::{Each, Handle, Transaction};
