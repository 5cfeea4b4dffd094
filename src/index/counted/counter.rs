//! What has counts: a stream, or a union.

use std::ops::Bound;

use convodb_core::Result;

use super::{All, Builder, Entry, HEAD, Levels, MAX_NODE_KEY_LEN, OWN, node_key};
use crate::index::ordered::{Key, Position, Start, Stream, Streams, position_of, stream_of};
use convodb_kv::Read;

/// A stream, or the union of all streams with a prefix, whose rows are counted by so many classes.
#[derive(Clone, Copy)]
pub struct Counter<const C: usize> {
    pub(super) streams: Streams,
    pub(super) prefix: Stream,
}

impl<const C: usize> Counter<C> {
    pub fn new(streams: Streams, prefix: Stream) -> Self {
        Self { streams, prefix }
    }

    pub fn total_key(&self) -> Vec<u8> {
        let kind = match C {
            OWN => self.streams.totals,
            _ => self.streams.union_totals,
        };
        [&[kind], &self.prefix[..]].concat()
    }

    pub fn node_key(&self, level: u8, first: &Position) -> Key<MAX_NODE_KEY_LEN> {
        let kind = match C {
            OWN => self.streams.ranks,
            _ => self.streams.union_ranks,
        };
        node_key(kind, level, &self.prefix, first)
    }

    /// What the file's total says; nothing of what has no rows.
    pub(super) fn all(&self, rows: &impl Read) -> Result<All<C>> {
        let all = rows.get(self.streams.table, &self.total_key())?;
        let all = all.map(|all| All::decode(&all).map(|(all, _)| all));
        Ok(all.transpose()?.unwrap_or_default())
    }

    /// The streams whose rows are counted, as far as the engine has any.
    pub(super) fn members(&self, rows: &impl Read) -> Result<Vec<Stream>> {
        match C {
            OWN => Ok(vec![self.prefix]),
            _ => self.streams.members(rows, &self.prefix),
        }
    }

    /// Whether the engine has a row at a position. O(streams).
    pub fn has(&self, rows: &impl Read, position: &Position) -> Result<bool> {
        for stream in self.members(rows)? {
            if rows
                .get(self.streams.table, &stream.key(position))?
                .is_some()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The class of a stream's rows.
    pub(super) fn class(&self, stream: &Stream) -> Option<usize> {
        match C {
            OWN => Some(0),
            _ => (self.streams.union)(stream).map(|(_, class)| class),
        }
    }

    /// Counts the rows anew, hands out each node, and returns what all are and the first of them.
    /// O(rows * log streams).
    pub fn build(
        &self,
        rows: &impl Read,
        levels: Levels,
        emit: impl FnMut(u8, &Position, Vec<Entry<C>>) -> Result<()>,
    ) -> Result<(All<C>, Position)> {
        let starts = self.members(rows)?.into_iter().map(|stream| Start {
            stream,
            from: Bound::Included(HEAD),
            least: HEAD,
        });
        let starts: Vec<_> = starts.collect();
        let mut merged = self.streams.merge(rows, &starts);
        let mut builder = Builder::new(levels, emit);
        while let Some((key, _)) = merged.next()? {
            let class = self.class(&stream_of(key)?);
            builder.row(position_of(key)?, class.unwrap_or_default())?;
        }
        builder.finish()
    }
}
