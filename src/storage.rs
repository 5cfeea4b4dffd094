//! What lies where in the file, byte for byte, and the only way in which it changes.
//!
//! Invariant: a record and its index entries change through one door, `conversations`; what alters
//! the file is a change, applied by `apply`, and nothing else.

mod apply;
mod batch;
mod changes;
mod codec;
mod commands;
mod consumers;
mod conversations;
mod directory;
mod engine;
mod events;
mod format;
#[cfg(any(test, fuzzing))]
mod fuzzing;
#[cfg(test)]
mod golden;
mod journal;
mod keys;
mod lists;
mod messages;
mod meta;
mod plan;
mod provider_ids;
mod reader;
mod records;
mod resident;
mod scan;
mod tables;
mod totals;
mod verify;

pub(crate) use crate::kv::Place;
#[cfg(feature = "testing")]
pub use crate::kv::{Disk, DiskFile, Metadata, SystemDisk};
#[cfg(not(feature = "testing"))]
pub(crate) use crate::kv::{Disk, SystemDisk};
pub(crate) use apply::{Applied, Writer};
pub(crate) use engine::{
    CHECKPOINT_COMMANDS, CommitError, Compacted, Engine, Journaled, Journaling, Location, Opening,
    View, backup,
};
#[cfg(feature = "testing")]
pub(crate) use format::write_older;
#[cfg(fuzzing)]
pub(crate) use fuzzing::check_decoding;
pub(crate) use messages::End;
pub(crate) use meta::Head;
pub(crate) use reader::Reader;
pub(crate) use resident::Resident;
pub(crate) use verify::verify;
pub use verify::{Finding, FindingKind, Verification};

use directory::Directory;
use totals::Totals;
