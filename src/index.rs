//! Streams of rows in key order: insert, remove, count, merge many into one list, and find the
//! k-th row of it.
//!
//! Invariant: it handles bytes and partitions, and names no type of conversations.

mod counted;
mod ordered;

pub use counted::{
    Builder, Edits, Entry, HEAD, Levels, Total, Totals, encode_node, node_key, parse_node_key,
    rank, select,
};
pub use ordered::{Key, POSITION_LEN, Place, Position, Start, Stream, Streams, position_of};
