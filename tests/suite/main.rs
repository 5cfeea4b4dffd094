//! What the store promises, tested through its public API: one binary, a module per topic.
//!
//! Nothing here reaches into the store: what a test knows of it, a user of the crate can know.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what is wrong by panicking, and a child process speaks by printing"
)]

mod bulk;
mod concurrency;
mod damage;
mod durability;
mod errors;
mod events;
mod example_inbox;
mod formats;
mod idempotency;
mod imports;
mod journal;
mod json;
mod layering;
mod maintenance;
mod model_properties;
mod opening;
mod paging;
mod provider_ids;
mod queries;
mod races;
mod refiling;
mod rules;
mod trials;
mod unread;
mod upgrades;
