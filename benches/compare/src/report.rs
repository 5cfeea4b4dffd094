//! What was found, for machines, for readers and for the eye.

pub(crate) mod chart;
pub(crate) mod goals;
pub(crate) mod json;
pub(crate) mod markdown;

pub use markdown::number;
