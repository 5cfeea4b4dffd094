//! The commands, one file each: what it reads, and what it decides.

mod acknowledge;
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

use crate::Import;
use crate::command::sealed::Sealed;

pub use acknowledge::Acknowledge;
pub use add_note::AddNote;
pub use assign::Assign;
pub use bulk::{AssignAll, ResolveAll};
pub use consumers::{AddConsumer, ConsumerStart, RemoveConsumer};
pub use delete::Delete;
pub use erase_contact::EraseContact;
pub use mark_read::MarkRead;
pub use purge::{PurgeEvents, PurgeIdempotencyKeys, PurgeUnmatched};
pub use receive::ReceiveMessage;
pub use record_delivery::RecordDelivery;
pub use remove_assignee::RemoveAssignee;
pub use reply::ReplyTo;
pub use resolve::Resolve;
pub use save_assignee::SaveAssignee;
pub use send::SendMessage;
pub use set_provider_id::SetProviderId;

#[doc(hidden)]
pub use import::{conversation_exists, decide as decide_import, provider_id_taken, thread_exists};

impl Sealed for Acknowledge {}
impl Sealed for AddConsumer {}
impl Sealed for AddNote {}
impl Sealed for Assign {}
impl Sealed for AssignAll {}
impl Sealed for Delete {}
impl Sealed for EraseContact {}
impl Sealed for Import {}
impl Sealed for MarkRead {}
impl Sealed for PurgeEvents {}
impl Sealed for PurgeIdempotencyKeys {}
impl Sealed for PurgeUnmatched {}
impl Sealed for ReceiveMessage {}
impl Sealed for RecordDelivery {}
impl Sealed for RemoveAssignee {}
impl Sealed for RemoveConsumer {}
impl Sealed for ReplyTo {}
impl Sealed for Resolve {}
impl Sealed for ResolveAll {}
impl Sealed for SaveAssignee {}
impl Sealed for SendMessage {}
impl Sealed for SetProviderId {}
