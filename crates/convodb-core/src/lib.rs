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
mod attributes;
#[doc(hidden)]
mod change;
mod channel;
#[doc(hidden)]
pub mod codec;
mod command;
pub mod commands;
mod contact;
mod context;
mod conversation;
#[doc(hidden)]
pub mod directory;
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
mod lines;
mod message;
mod metadata;
mod note;
mod number;
mod outcome;
mod page;
mod range;
mod raw;
#[doc(hidden)]
pub mod records;
mod retention;
mod selection;
mod short;
mod sort;
#[doc(hidden)]
mod state;
mod text;
#[doc(hidden)]
pub mod time;
#[doc(hidden)]
mod timeline;
mod validate;
mod view;

/// What the crate `convodb` exports, beside the [commands].
#[doc(hidden)]
pub mod api {
    pub use crate::assignee::{Assignee, AssigneeId, AssigneeKind, Team};
    pub use crate::attributes::{
        Attribute, AttributeChanges, Attributes, Priority, TagChanges, TagCount, TagDifference,
        Tags,
    };
    pub use crate::channel::{Channel, Inbox, InboxRef};
    pub use crate::command::{Command, Output};
    pub use crate::commands::ConsumerStart;
    pub use crate::contact::{Contact, ContactChanges, ContactFilter, Identity, Who};
    pub use crate::context::{Context, Precondition};
    pub use crate::conversation::{Conversation, Status, Transcript, WakeReason};
    pub use crate::error::{Details, EntityKind, Error, ErrorKind, Result};
    pub use crate::event::{Event, EventKind, EventSubject};
    pub use crate::filter::{Filter, StatusFilter, TagFilter};
    pub use crate::id::{
        Actor, ConsumerName, ContactId, ConversationId, Id, ImportName, InboxId, MessageId, NoteId,
        ProviderId, TeamId, UserId, ViewId,
    };
    pub use crate::import::{
        Import, ImportConversation, ImportLine, ImportNote, ImportProgress, LineAnswer, LineResult,
        NumberedLine,
    };
    pub use crate::invalid::InvalidInput;
    pub use crate::lines::ImportOptions;
    pub use crate::message::{
        Address, Attachment, AttachmentUpdate, Author, AuthorType, Card, Choice, ChoiceKind,
        Content, Degrees, Deliveries, DeliveryStatus, Direction, Draft, Email, Extras, Failure,
        ImportMessage, Inbound, Location, MediaKind, Message, MessageRef, MessageType, Outbound,
        Phone, Reaction, Receipt, Reference, Reply, Revocation, Story, SystemLine, Unsupported,
        Version,
    };
    pub use crate::metadata::{Metadata, MetadataChanges, MetadataValue};
    pub use crate::note::Note;
    pub use crate::number::{CommitSeq, EventSeq, Number, Revision};
    pub use crate::outcome::{BatchItem, Effect, Outcome};
    pub use crate::page::{Cursor, Page, PageRequest};
    pub use crate::range::MessageRange;
    pub use crate::raw::Json;
    pub use crate::retention::{ConsumerPosition, Retention};
    pub use crate::selection::Selection;
    pub use crate::sort::Sort;
    pub use crate::text::repair_surrogates;
    pub use crate::timeline::Timeline;
    pub use crate::view::{View, ViewProgress};
}

pub use api::*;

// For the other crates of the workspace.
#[doc(hidden)]
pub use {
    change::{Change, ChangeKind, MessageField, Original},
    channel::InboxNumber,
    command::{Decision, Env, Halt, IdSequence, Subject, decide, reads},
    contact::ContactField,
    conversation::{Field, History},
    error::Hex,
    event::NewEvent,
    evolve::evolve,
    filter::Standing,
    hashes::{HASH_LEN, Hashes},
    id::{IdKind, IdValue, IdempotencyKey},
    key::{Answer, Key, Query},
    lines::LineBatch,
    message::{Delivery, ProviderIdState, Unmatched},
    page::PagePosition,
    records::IdempotencyRecord,
    selection::Selected,
    state::{Difference, Entities, State},
    text::{UNSEEN, folded, indexed_name},
};
