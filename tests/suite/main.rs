//! The guarantees of the store, tested through its public API: one binary, a module for each topic.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what is wrong by panicking, and a child process speaks by printing"
)]

mod attributes;
mod bulk;
mod concurrency;
mod consumers;
mod contacts;
mod damage;
mod details;
mod durability;
mod errors;
mod events;
mod examples;
mod files;
mod fixture;
mod hostile;
mod idempotency;
mod imports;
mod interplay;
mod json;
mod keys;
mod layering;
mod layout;
mod maintenance;
mod messages;
mod model_properties;
mod opening;
mod pages;
mod paging;
mod preconditions;
mod provider_ids;
mod queries;
mod races;
mod ranks;
mod reassignment;
mod records;
mod rules;
mod rules_in_files;
mod store_threads;
mod submit;
mod tables;
mod tasks;
mod trials;
mod trust;
mod unread;
mod unread_stored;
mod waiting;
mod wal;
mod wide_changes;

// What a backend has of its own. The suite of `convodb-postgres` has another module of this name, and some of these
// files.
use convodb_testkit::store;
