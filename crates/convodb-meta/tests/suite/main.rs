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
