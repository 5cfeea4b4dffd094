//! What the command line tool and the server make of a whole store: [exports](export()), [`Statistics`] and the
//! [`Report`] of a verification. Both print and answer the same JSON, as it is made here.
//!
//! Invariant: every call blocks. That of a workspace waits for the runtime that it is given.

mod export;
mod reading;
mod report;
mod statistics;

pub use export::{Part, Stopped, export};
pub use reading::{OfFile, Reading};
pub use report::{Finding, Report};
pub use statistics::{Kept, OfStatus, OfView, Statistics};

#[cfg(feature = "postgres")]
pub use reading::OfWorkspace;
