//! The commands and lists of convodb in PostgreSQL transactions: where one machine is not enough.
//!
//! A [`PgStore`] is one workspace of a database. It takes the commands of the crate `convodb`, decided by the
//! same code, and keeps what its file keeps: exact totals, any page at any depth, and numbered events without
//! gaps, with any number of processes writing at a time.

mod ahead;
mod background;
mod commit;
mod counts;
mod durability;
mod error;
mod exclusive;
mod fault;
mod group;
mod head;
mod histories;
mod import;
mod keys;
mod lists;
mod load;
mod migrate;
mod numbering;
mod options;
mod partitions;
mod pool;
mod query;
mod read;
mod reader;
mod reassignment;
mod repair;
mod rows;
mod session;
mod snapshot;
mod store;
mod stream;
mod tags;
mod tls;
mod transaction;
mod unit;
mod verify;
mod wide;
mod write;

#[cfg(feature = "testing")]
pub mod testing;

pub use convodb_core::api::*;
pub use convodb_core::commands;

pub use durability::PgDurability;
pub use import::{PgImportLines, PgWholeImport};
pub use migrate::{migrate, roles};
pub use numbering::Numbering;
pub use options::PgOptions;
pub use read::PgRead;
pub use snapshot::PgSnapshot;
pub use store::PgStore;
pub use transaction::PgTransaction;
pub use verify::{PgStats, VerifyReport};
