//! How convodb is built, what lies in its file, and what it promises. No code is here.

#[doc = include_str!("docs/architecture.md")]
pub mod architecture {}

#[doc = include_str!("docs/events.md")]
pub mod events {}

#[doc = include_str!("docs/format.md")]
pub mod format {}

#[doc = include_str!("docs/guarantees.md")]
pub mod guarantees {}
