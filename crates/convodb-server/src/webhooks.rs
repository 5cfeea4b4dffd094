//! Telling another system of each event: posted, signed, in order, at least once.
//!
//! Invariant: an event is acknowledged only behind the answer that took it, so none is lost to a crash;
//! and none is passed over, however long it takes.

mod courier;
mod latch;
mod target;

pub(crate) use courier::Courier;
pub(crate) use target::Target;
