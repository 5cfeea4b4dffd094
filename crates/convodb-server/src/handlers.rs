//! The endpoints, by resource.
//!
//! Invariant: no rule of the domain is here. A handler parses a request, gives the store a command or a
//! query, and picks the status of the answer.

pub(crate) mod admin;
pub(crate) mod contacts;
pub(crate) mod conversations;
pub(crate) mod desk;
pub(crate) mod directory;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod imports;
pub(crate) mod inboxes;
pub(crate) mod messages;
pub(crate) mod meta;
pub(crate) mod notes;
pub(crate) mod session;
pub(crate) mod tags;
pub(crate) mod views;
pub(crate) mod webhooks;
