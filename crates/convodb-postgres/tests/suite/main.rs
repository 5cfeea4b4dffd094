//! The tests of the backend, on a PostgreSQL server that they start themselves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![allow(missing_docs, unreachable_pub)]

mod backend;
mod connections;
mod disturbances;
mod failures;
mod model;
mod retention;
mod sessions;
mod store;

/// What a store in a file promises, a workspace does too: tests from the same files, by [`store`].
#[path = "../../../../tests/suite"]
mod shared {
    mod attributes;
    mod contacts;
    pub mod details;
    mod events;
    mod idempotency;
    mod messages;
    mod preconditions;
    mod provider_ids;
    pub mod rules;
    mod unread;
}

/// What Meta's webhooks come to in any order, by a store that takes each command at once.
#[path = "../../../convodb-meta/tests/suite"]
mod webhooks {
    pub mod common;
    mod contacts;
    pub mod orders;
    pub mod threads;
}

use shared::{details, rules};
use webhooks::{common, orders, threads};
