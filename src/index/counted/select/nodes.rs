//! The nodes above streams that are counted together, as reads use them.

use std::ops::Bound;

use convodb_core::{Error, Result};

use crate::index::counted::edit::inconsistent;
use crate::index::counted::{CLASSES, Counter, HEAD, MAX_NODE_KEY_LEN, OWN, Total, split_entries};
use crate::index::ordered::{Key, POSITION_LEN, Point, Position, Stream, Streams, stream_of};
use convodb_kv::{OverRows, Read, Slice, TierRows};

/// What lies over a stream in one tier.
pub(super) type Over<'a> = (Stream, TierRows<'a>);

/// One stream, counted by its own nodes, or streams of some classes of a union, counted by those of that.
pub(super) struct Nodes<'a, R> {
    pub(super) rows: &'a R,
    pub(super) streams: Streams,
    /// Those that have rows.
    pub(super) known: &'a [(Stream, Total)],
    prefix: Stream,
    /// How many classes an entry counts, and the ones that are asked for, a bit each.
    classes: (usize, u32),
}

impl<'a, R: Read> Nodes<'a, R> {
    pub(super) fn new(rows: &'a R, streams: Streams, known: &'a [(Stream, Total)]) -> Self {
        let (mut prefix, mut classes) = (Stream::default(), (OWN, 0b1));
        if let [(stream, _)] = known {
            prefix = *stream;
        } else {
            classes = (CLASSES, 0);
            for (union, class) in known
                .iter()
                .filter_map(|(stream, _)| (streams.union)(stream))
            {
                prefix = union;
                classes.1 |= 1 << class;
            }
        }
        Self {
            rows,
            streams,
            known,
            prefix,
            classes,
        }
    }

    /// What lies over the streams that are counted, tier by tier: first the frozen one, so that no sum
    /// of what they add is below zero.
    pub(super) fn over(&self) -> Result<Vec<Over<'a>>> {
        let over = self.streams.over(self.rows, &self.prefix);
        let mut found = Vec::new();
        for mut tier in over.into_iter().flat_map(OverRows::tiers) {
            while let Some(key) = tier.first_key() {
                let stream = stream_of(key)?;
                let rows = tier.take_through(&stream.key(&[0xFF; POSITION_LEN]));
                if self.counts(&stream) {
                    found.push((stream, rows));
                }
            }
        }
        Ok(found)
    }

    fn counts(&self, stream: &Stream) -> bool {
        match self.classes {
            (OWN, _) => true,
            (_, asked) => {
                let class = (self.streams.union)(stream).map(|(_, class)| class);
                class.is_some_and(|class| asked & 1 << class != 0)
            }
        }
    }

    /// The streams that have rows, or have only some that what lies over them takes away.
    pub(super) fn with_rows<'o>(&self, over: impl Iterator<Item = &'o Stream>) -> Vec<Stream> {
        let known = self.known.iter().map(|(stream, _)| *stream);
        let mut streams: Vec<Stream> = known.chain(over.copied()).collect();
        streams.sort_unstable();
        streams.dedup();
        streams
    }

    /// What is known of all rows.
    pub(super) fn total(&self) -> Total {
        match self.known {
            [(_, total)] => *total,
            known => Total {
                rows: known.iter().map(|(_, total)| total.rows).sum(),
                first: known
                    .iter()
                    .map(|(_, total)| total.first)
                    .min()
                    .unwrap_or(HEAD),
                height: 0,
            },
        }
    }

    fn key(&self, level: u8, first: &Position) -> Key<MAX_NODE_KEY_LEN> {
        let (streams, prefix) = (self.streams, self.prefix);
        match self.classes.0 {
            OWN => Counter::<OWN>::new(streams, prefix).node_key(level, first),
            _ => Counter::<CLASSES>::new(streams, prefix).node_key(level, first),
        }
    }

    pub(super) fn get(&self, level: u8, first: &Position) -> Result<Slice<'a>> {
        let node = self.rows.get(self.streams.table, &self.key(level, first))?;
        node.ok_or_else(missing)
    }

    /// The level and the bytes of the highest node, if there is any, where what lies over the rows adds
    /// so many. A checkpoint may have changed the height since it was known, and that of a union is not:
    /// then the last of the head's nodes, which are beside each other, is looked for.
    pub(super) fn top(&self, added: i64) -> Result<Option<(u8, Slice<'a>)>> {
        let (table, total) = (self.streams.table, self.total());
        let count = total.rows.checked_add_signed(-added);
        let count = count.ok_or_else(inconsistent)?;
        let holds_all = |node: &[u8]| {
            let counts = self.entries(node)?.map(|(_, count)| count);
            Ok::<_, Error>(counts.sum::<u64>() == count)
        };
        if total.height > 0
            && let Some(node) = self.rows.get(table, &self.key(total.height, &HEAD))?
            && holds_all(&node)?
        {
            return Ok(Some((total.height, node)));
        }
        let (first, last) = (self.key(0, &HEAD), self.key(u8::MAX, &HEAD));
        let keys = (Bound::Included(&first[..]), Bound::Included(&last[..]));
        let Some(top) = self.rows.range_beneath(table, keys)?.next_back() else {
            return Ok(None);
        };
        let (key, node) = top?;
        if !holds_all(&node)? {
            return Err(inconsistent());
        }
        Ok(Some((key.last().copied().unwrap_or_default(), node)))
    }

    /// The entries of a node: where each begins, and how many rows it has of the classes asked for.
    pub(super) fn entries<'n>(
        &self,
        node: &'n [u8],
    ) -> Result<impl Iterator<Item = (Point, u64)> + use<'n, R>> {
        let (classes, asked) = self.classes;
        let entries = split_entries(node, classes)?;
        Ok(entries.map(move |(start, counts)| {
            let rows = match counts {
                [rows] => u32::from_be_bytes(*rows).into(),
                counts => {
                    let counts = counts.iter().enumerate();
                    let asked = counts.filter(|(class, _)| asked >> class & 1 != 0);
                    asked
                        .map(|(_, rows)| u64::from(u32::from_be_bytes(*rows)))
                        .sum()
                }
            };
            (Point::from(start), rows)
        }))
    }
}

pub(super) fn missing() -> Error {
    Error::corrupted("a node of counts is missing")
}
