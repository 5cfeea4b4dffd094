//! Streams of rows in key order: insert, remove, count, merge many into one list, and find the
//! k-th row of it.
//!
//! Invariant: it handles bytes and partitions, and names no type of conversations.

mod counted;
mod ordered;

#[cfg(feature = "testing")]
pub use counted::Builder;
pub use counted::{
    All, Among, CLASSES, Counter, Edits, Entry, HEAD, Levels, OWN, Total, Totals, encode_node,
    parse_node_key, rank, select,
};
pub use ordered::{Key, POSITION_LEN, Place, Position, Start, Stream, Streams, position_of};
