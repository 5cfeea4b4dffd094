//! The server as its clients meet it: the binary, started on a store of its own, and asked with curl.
//!
//! The store is a file, or with `CONVODB_TEST_DB=postgres` a workspace of a PostgreSQL server that the tests start.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "that is how a test reports"
)]

mod admin;
mod attributes;
mod back_pressure;
mod connections;
mod contacts;
mod deliveries;
mod deployment;
mod description;
mod desk;
mod directory;
mod events;
mod healing;
mod idempotency;
mod imports;
mod inboxes;
mod keys;
mod lists;
mod messages;
mod meta;
mod notes;
mod postgres;
mod process;
mod queues;
mod refusals;
mod server;
mod sessions;
mod specification;
mod streams;
mod threads;
mod validation;
mod views;
mod webhooks;
mod workspace;
