//! What is stored where in the file, byte for byte, and the unit of work that changes it.
//!
//! Invariant: a record and its index entries change in one function, `conversations::save`; nothing
//! but a change, applied by a unit of work, alters the tables.

mod aliases;
mod batch;
mod bulk_load;
mod changes;
mod codec;
mod contacts;
mod conversations;
mod directory;
mod engine;
mod events;
mod flush;
mod idempotency;
mod index_entry;
mod keys;
mod kinds;
mod lists;
mod load;
mod log_record;
mod messages;
mod meta;
mod plan;
mod provider_ids;
mod reader;
mod reassignment;
mod scan;
mod spill;
mod tables;
mod tags;
mod totals;
mod unit_of_work;
mod verify;
mod views;

#[cfg(feature = "testing")]
pub use convodb_kv::{Access, Disk, DiskFile, Metadata, SystemDisk};
#[cfg(not(feature = "testing"))]
pub(crate) use convodb_kv::{Disk, SystemDisk};
pub(crate) use convodb_kv::{FileId, Place};
pub(crate) use engine::{
    CommitError, Engine, Incident, Location, Logged, Monitor, Opening, View, backup, recover,
    stream,
};
pub use engine::{Health, Recovered};
#[cfg(feature = "testing")]
pub use index_entry::index_rows;
#[cfg(feature = "testing")]
pub use kinds::{message_key, thread_key};
pub(crate) use messages::End;
pub(crate) use meta::Head;
pub(crate) use reader::{Reader, Resident};
pub(crate) use unit_of_work::{Applied, Given, UnitOfWork};
pub(crate) use verify::verify;
pub use verify::{Finding, FindingKind, VerifyReport};

use convodb_core::directory::Directory;
use totals::Totals;
