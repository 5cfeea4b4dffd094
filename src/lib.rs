#![doc = include_str!("../README.md")]

mod clock;
mod consumer;
pub mod docs;
mod execute;
mod executor;
mod import_lines;
#[cfg_attr(
    not(feature = "testing"),
    expect(unreachable_pub, reason = "for tests")
)]
#[cfg_attr(
    feature = "testing",
    expect(
        missing_docs,
        missing_debug_implementations,
        reason = "public for tests alone"
    )
)]
mod index;
mod options;
mod read;
mod snapshot;
mod stats;
mod storage;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;

/// The parts beneath a store that the testkit holds to models.
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod internals {
    pub mod index {
        pub use crate::index::*;
    }
    pub use crate::storage::{index_rows, message_key, thread_key};
    pub use convodb_kv as kv;
}

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

#[doc(hidden)]
pub use convodb_core::{UNSEEN, time};
#[doc(inline)]
pub use convodb_core::{api::*, commands};
#[doc(hidden)]
pub use convodb_kv::MAGIC;

pub use clock::{Clock, IdGenerator, RandomIds, SystemClock};
pub use consumer::Consumer;
pub use execute::Execute;
pub use executor::Pending;
pub use import_lines::ImportLines;
pub use options::{Durability, Options};
pub use read::{Messages, Notes, Read};
pub use snapshot::Snapshot;
pub use stats::{Activity, Stats, ViewStats};
pub use storage::{Finding, FindingKind, Health, Recovered, VerifyReport};
pub use store::Store;
pub use transaction::Transaction;
