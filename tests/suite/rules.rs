//! The rules of conversations: at least one test for every sentence of each rule.
//!
//! The tests use the public API, with a clock that is set by hand and seeded ids.

mod arrival;
mod bounds;
mod conversations;
mod directory;
pub(crate) mod inbox;
mod inboxes;
mod lists;
mod queues;
mod receipts;
mod removal;
mod successors;
mod teams;
mod times;
mod views;
