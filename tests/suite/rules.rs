//! The rules of a conversation, R1 to R16: a test, or several, for every sentence of each.
//!
//! All of them go through the public API, with a clock that is set by hand and seeded ids. R10,
//! the provider's own ids, comes with the store's support of it.

mod bounds;
mod conversations;
mod directory;
pub(crate) mod inbox;
mod lists;
mod receipts;
mod removal;
mod takeovers;
mod times;
