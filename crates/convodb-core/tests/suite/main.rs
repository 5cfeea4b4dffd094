//! What commands decide, what changes do, and how everything is written and read: one binary, a module
//! per topic.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod codec;
mod commands;
mod conversation;
mod deliveries;
mod error;
mod events;
mod given;
mod golden;
mod hashes;
mod ids;
mod json;
mod lists;
mod packed;
mod records;
mod state;
mod text;
mod time;
