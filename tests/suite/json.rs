//! The JSON of the specification: its own examples, what is asked for, and what the store writes beyond
//! them.

mod examples;
mod fields;
mod read_again;
mod requests;
mod round_trip;
