//! The rules of conversations: at least one test for every sentence of each rule.
//!
//! The tests use the public API, with a clock that is set by hand and seeded ids. They run on a store in memory, and
//! in the suite of `convodb-postgres` on a workspace: what a backend has of its own is in `crate::store`. Rules over
//! what a file alone can have are tested in `rules_in_files`.

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
