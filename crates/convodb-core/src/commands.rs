//! The commands, one file each: what it reads, and what it decides. The files share the imports of
//! this one.

mod add_note;
mod append;
mod assign;
mod bulk;
mod consumers;
mod delete;
mod erase_contact;
mod import;
mod mark_read;
mod purge;
mod receive;
mod record_delivery;
mod remove_assignee;
mod reply;
mod resolve;
mod save_assignee;
mod send;
mod set_provider_id;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::command::sealed::Sealed;
use crate::{
    Answer, Assignee, AssigneeId, BatchItem, ChangeKind, Channel, Command, ConsumerName, ContactId,
    Conversation, ConversationId, Decision, Deliveries, Direction, Effect, EntityKind, Env, Error,
    EventSeq, Field, Filter, Halt, Import, Inbound, InboxNumber, InvalidInput, Key, Message,
    MessageField, MessageId, MessageRef, Note, NoteId, Outbound, ProviderId, ProviderIdState,
    Query, Receipt, Reply, Retention, Revision, Selection, State, Status, Subject, time, validate,
};

pub use self::{
    add_note::*, assign::*, bulk::*, consumers::*, delete::*, erase_contact::*, mark_read::*,
    purge::*, receive::*, record_delivery::*, remove_assignee::*, reply::*, resolve::*,
    save_assignee::*, send::*, set_provider_id::*,
};
#[doc(hidden)]
pub use import::decide as decide_import;

macro_rules! seal {
    ($($command:ident)*) => { $(impl Sealed for $command {})* };
}

seal! {
    Acknowledge AddConsumer AddNote Assign AssignAll Delete EraseContact Import MarkRead
    PurgeEvents PurgeIdempotencyKeys PurgeUnmatched ReceiveMessage RecordDelivery RemoveAssignee
    RemoveConsumer ReplyTo Resolve ResolveAll SaveAssignee SendMessage SetProviderId
}
