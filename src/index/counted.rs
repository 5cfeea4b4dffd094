//! Counted streams: which row is the k-th, and the how-manieth is a row, without walking.
//!
//! Above the rows of a stream is a deterministic skip list of counts. A position rises to a
//! level by its hash alone: to level 1 with one chance in 2^3, to each further one in 2^5. An
//! *entry* of a level is such a position, with the number of rows from it up to the next entry of
//! its level; a head, the zero position, precedes all. Between two entries of the level above,
//! the entries of a level are packed in one *node*, named by the first of them, so that a descent
//! reads one node a level. A level exists in a stream exactly while a row of it does.
//!
//! A *union* of all streams with a prefix has such counts too, and no rows of its own. Each of its
//! streams is of a *class*, and an entry has the number of rows of each class, so that one descent
//! finds a row among those of any classes.
//!
//! So everything here is a pure function of the set of rows, whatever their history: `build`
//! computes it anew, which is how `verify` checks and `repair` mends.
//!
//! Totals and nodes are the engine's, and count the engine's rows. What rows in memory add is summed
//! up in the nodes of their tree, so a read adds that, and to buffer a row writes no node: these were
//! 8.7 of the 18.6 rows that an append put, and 93 % of their bytes. What gives the rows to the engine
//! folds what they add into its totals and nodes.

mod build;
mod counter;
mod edit;
mod fold;
mod select;

use convodb_core::{Error, Result};
use siphasher::sip::SipHasher13;

use super::ordered::{Key, MAX_KEY_LEN, POSITION_LEN, Point, Position, Stream, append};

pub use build::Builder;
pub use counter::Counter;
pub use edit::Edits;
pub use select::{Among, rank, select};

/// The classes by which a stream counts its rows: one.
pub const OWN: usize = 1;
/// The classes by which a union counts the rows of its streams.
pub const CLASSES: usize = 12;

/// One row in 8 rises to level 1: what is left of an entry is walked.
const FIRST_BITS: u32 = 3;
/// One in 16 of a union: of 200,000 conversations, a page in the middle of eight streams takes 103,000
/// instructions, and to fold what an append changes 65,000. With one in 32 it is 110,000 and 56,000,
/// without unions 326,000 and 37,000.
const FIRST_BITS_OF_UNION: u32 = 4;
/// One in 32 rises further: a node of 32 entries of 28 bytes takes a quarter of a page.
const FURTHER_BITS: u32 = 5;

/// The zero position, before every row.
pub const HEAD: Position = [0; POSITION_LEN];

/// The seed of a file's hashes.
#[derive(Clone, Copy)]
pub struct Levels {
    seed: [u8; 16],
}

impl Levels {
    pub const fn new(seed: [u8; 16]) -> Self {
        Self { seed }
    }

    /// The level that a position rises to where rows are counted by so many classes; most stay at 0.
    pub fn of<const C: usize>(&self, position: &Position) -> u8 {
        let first_bits = match C {
            OWN => FIRST_BITS,
            _ => FIRST_BITS_OF_UNION,
        };
        let zeros = SipHasher13::new_with_key(&self.seed)
            .hash(position)
            .trailing_zeros();
        match zeros.checked_sub(first_bits) {
            Some(further) => u8::try_from(1 + further / FURTHER_BITS).unwrap_or(u8::MAX),
            None => 0,
        }
    }
}

impl std::fmt::Debug for Levels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Levels")
    }
}

/// What is known of a whole stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// The number of its rows.
    pub rows: u64,
    /// The highest level of the engine's rows, 0 where none has risen; beside a view, what it was once.
    pub height: u8,
    /// Its first row, so that a merge opens no stream whose rows come later.
    pub first: Position,
}

impl Total {
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let (all, first) = All::<OWN>::decode(bytes)?;
        Ok(Self {
            rows: all.rows(),
            height: all.height,
            first: first.try_into().map_err(|_| malformed_total())?,
        })
    }
}

/// What the file has of a whole stream or union: the highest level of its rows, and how many there are
/// of each class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct All<const C: usize> {
    pub height: u8,
    pub counts: [u32; C],
}

impl<const C: usize> Default for All<C> {
    fn default() -> Self {
        Self {
            height: 0,
            counts: [0; C],
        }
    }
}

impl<const C: usize> All<C> {
    pub fn rows(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// The row of a total. The first row of a stream is behind it.
    pub fn encode(&self, first: Option<&Position>) -> Vec<u8> {
        let mut bytes = vec![self.height];
        bytes.extend(self.counts.iter().flat_map(|count| count.to_be_bytes()));
        bytes.extend_from_slice(first.map_or(&[], |first| first));
        bytes
    }

    /// And what is behind it.
    fn decode(bytes: &[u8]) -> Result<(Self, &[u8])> {
        let decode = || {
            let (height, rest) = bytes.split_first()?;
            let (counts, _) = rest.as_chunks().0.split_first_chunk()?;
            let all = Self {
                height: *height,
                counts: counts.map(u32::from_be_bytes),
            };
            Some((all, rest.get(4 * C..)?))
        };
        decode().ok_or_else(malformed_total)
    }
}

fn malformed_total() -> Error {
    Error::corrupted("a total is malformed")
}

/// The totals of all streams, with what lies over the engine's rows.
pub trait Totals {
    fn total_mut(&mut self, stream: &Stream) -> Result<&mut Total>;
}

/// A position, and the numbers of rows from it up to the next of its level, by their classes.
pub type Entry<const C: usize> = (Point, [u32; C]);

/// The entries of a node as they are in the file: where each begins, and its number of each class.
fn split_entries(
    node: &[u8],
    classes: usize,
) -> Result<impl Iterator<Item = (&Position, &[[u8; 4]])>> {
    let len = POSITION_LEN + 4 * classes;
    if node.is_empty() || !node.len().is_multiple_of(len) {
        return Err(Error::corrupted("a node of counts is malformed"));
    }
    let entries = node.chunks_exact(len);
    Ok(entries.filter_map(|entry| {
        let (start, counts) = entry.split_first_chunk()?;
        Some((start, counts.as_chunks().0))
    }))
}

fn decode_node<const C: usize>(node: &[u8]) -> Result<Vec<Entry<C>>> {
    let entries = split_entries(node, C)?.map(|(start, counts)| {
        let mut entry = (Point::from(start), [0; C]);
        for (count, bytes) in entry.1.iter_mut().zip(counts) {
            *count = u32::from_be_bytes(*bytes);
        }
        entry
    });
    Ok(entries.collect())
}

pub fn encode_node<const C: usize>(entries: &[Entry<C>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * (POSITION_LEN + 4 * C));
    for (start, counts) in entries {
        bytes.extend_from_slice(&start.position());
        for count in counts {
            bytes.extend_from_slice(&count.to_be_bytes());
        }
    }
    bytes
}

/// A byte before and one behind those of a row.
const MAX_NODE_KEY_LEN: usize = 1 + MAX_KEY_LEN + 1;

/// The key of a node: kind, stream, first entry, level. So the nodes of a small stream are in one
/// page, and those of all levels that the newest rows stand in beside each other: a command that
/// makes a conversation the newest writes them all.
fn node_key(kind: u8, level: u8, stream: &Stream, first: &Position) -> Key<MAX_NODE_KEY_LEN> {
    let mut bytes = [kind; MAX_NODE_KEY_LEN];
    let [_, rest @ ..] = &mut bytes;
    append(rest, stream, first);
    let len = stream.len + const { 1 + POSITION_LEN as u16 };
    if let Some(last) = bytes.get_mut(usize::from(len)) {
        *last = level;
    }
    Key {
        bytes,
        len: len + 1,
    }
}

/// What a node's key names.
pub fn parse_node_key(key: &[u8]) -> Option<(u8, Stream, Position)> {
    let (_, rest) = key.split_first()?;
    let (level, rest) = rest.split_last()?;
    let (prefix, first) = rest.split_last_chunk()?;
    Some((*level, Stream::parse(prefix)?, *first))
}
