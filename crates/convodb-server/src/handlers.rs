//! The endpoints, by what they are about.
//!
//! Invariant: no rule of the domain is here. A handler takes a request apart, asks the store, and
//! says which status the answer has.

pub(crate) mod conversations;
pub(crate) mod directory;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod messages;
pub(crate) mod notes;
