//! The JSON of the specification: its own examples, and what the store writes beyond them.

mod examples;
mod fields;
mod round_trip;
