//! Webhooks: each event is posted to other systems, signed, in order, at least once.
//!
//! Invariant: an event is acknowledged only after the receiver accepted it, or after it was kept as a dead letter. So
//! a crash loses none, and none is skipped.

mod courier;
pub(crate) mod dead_letters;
pub(crate) mod endpoint;
mod target;

pub(crate) use courier::Courier;
pub(crate) use endpoint::{Endpoint, Settings};
