//! The commands, one file each: what it reads, and what it decides. The files share the imports of
//! this one.

mod add_note;
mod append;
mod assign;
mod bulk;
mod consumers;
mod delete;
mod delete_resolved;
mod edit;
mod erase_contact;
mod fill;
mod identify;
mod import;
mod import_line;
mod mark_read;
mod merge_contacts;
mod purge;
mod react;
mod receive;
mod record_delivery;
mod record_watermark;
mod remove_assignee;
mod remove_note;
mod remove_view;
mod reopen;
mod reply;
pub(crate) mod request;
mod resolve;
mod retry;
mod revoke;
mod save_assignee;
mod save_contact;
mod save_inbox;
mod save_team;
mod save_view;
mod send;
mod set_provider_id;
mod update_conversation;
mod update_message;
mod wake_due;
mod who;

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::command::require_conversations;
use crate::command::sealed::Sealed;
use crate::validate::Origin;
use crate::{
    Answer, Assignee, AssigneeId, AttachmentUpdate, AttributeChanges, Attributes, Author,
    BatchItem, ChangeKind, Channel, Command, ConsumerName, ContactId, Content, Conversation,
    ConversationId, Decision, Delivery, DeliveryStatus, Direction, Effect, EntityKind, Env, Error,
    ErrorKind, EventSeq, Extras, Field, Filter, Halt, Import, ImportConversation, ImportLine,
    ImportMessage, ImportName, ImportNote, ImportProgress, Inbound, Inbox, InboxId, InboxRef,
    InvalidInput, Key, Message, MessageField, MessageId, MessageRef, Note, NoteId, Outbound,
    ProviderId, ProviderIdState, Query, Reaction, Receipt, Reply, Retention, Revision, Revocation,
    Selection, Sort, State, Status, Subject, Unmatched, UserId, Version, View, ViewId, WakeReason,
    time, validate,
};

pub use self::{
    add_note::*, assign::*, bulk::*, consumers::*, delete::*, delete_resolved::*, edit::*,
    erase_contact::*, fill::Fill, identify::*, mark_read::*, merge_contacts::MergeContacts,
    purge::*, react::React, receive::*, record_delivery::*, record_watermark::*,
    remove_assignee::*, remove_note::*, remove_view::*, reopen::*, reply::*, request::Report,
    resolve::*, retry::*, revoke::*, save_assignee::*, save_contact::*, save_inbox::*,
    save_team::SaveTeam, save_view::*, send::*, set_provider_id::*, update_conversation::*,
    update_message::UpdateMessage, wake_due::*,
};
#[doc(hidden)]
pub use {import::decide as decide_import, import_line::NameImport, import_line::RecordLines};

macro_rules! seal {
    ($($command:ident)*) => { $(impl Sealed for $command {})* };
}

seal! {
    Acknowledge AddConsumer AddNote Assign AssignAll Delete DeleteResolved Edit EraseContact Fill Identify
    Import ImportLine MarkRead MarkReadUpTo MarkUnread MergeContacts NameImport RecordLines
    PurgeEvents PurgeIdempotencyKeys PurgeUnmatched React ReceiveMessage RecordDelivery RecordWatermark
    RemoveAssignee RemoveNote RemoveView SaveView
    RemoveConsumer Reopen ReplyTo Resolve ResolveAll Retry Revoke SaveAssignee SaveContact SaveInbox SaveTeam SendMessage
    SetProviderId UpdateConversation UpdateMessage WakeDue
}
