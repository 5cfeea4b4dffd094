//! How convodb is built, and what lies in its file. No code is here.

#[doc = include_str!("docs/architecture.md")]
pub mod architecture {}

#[doc = include_str!("docs/format.md")]
pub mod format {}
