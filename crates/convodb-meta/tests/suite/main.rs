//! What each example payload asks of a store, and what the store shows afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod common;
mod contacts;
mod hostile;
mod items;
mod orders;
mod requests;
mod threads;

// The suite of `convodb-postgres` includes some of these files, and has its own module of this name.
use convodb_testkit::store;
