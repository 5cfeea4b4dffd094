//! Webhooks: each event is posted to another system, signed, in order, at least once.
//!
//! Invariant: an event is acknowledged only after the receiver accepted it, so a crash loses none, and
//! none is skipped.

mod courier;
mod target;

pub(crate) use courier::Courier;
pub(crate) use target::Target;
