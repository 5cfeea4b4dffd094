//! Streams of rows in key order: insert, remove, count, and merge many into one list.
//!
//! Invariant: knows bytes and streams, and nothing of conversations.

mod ordered;

pub(crate) use ordered::{POSITION_LEN, Position, Stream, Streams, TotalDeltas, parse_total};
