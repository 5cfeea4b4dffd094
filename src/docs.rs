//! The rules of the domain, how convodb is built, the file format, and the guarantees. It has no code.

#[doc = include_str!("docs/architecture.md")]
pub mod architecture {}

#[doc = include_str!("docs/async.md")]
pub mod asynchronous {}

#[doc = include_str!("docs/durability.md")]
pub mod durability {}

#[doc = include_str!("docs/events.md")]
pub mod events {}

#[doc = include_str!("docs/format.md")]
pub mod format {}

#[doc = include_str!("docs/guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("docs/lines.md")]
pub mod lines {}

#[doc = include_str!("docs/rules.md")]
pub mod rules {}

#[doc = include_str!("docs/scale.md")]
pub mod scale {}
