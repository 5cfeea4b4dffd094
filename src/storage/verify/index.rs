//! The index: its rows, totals and counts.

use std::collections::BTreeMap;
use std::ops::Bound;

use convodb_core::{ConversationId, Result};

use super::{FindingKind, Verifier, unless_corrupted};
use crate::index::{
    Builder, Entry, HEAD, POSITION_LEN, Position, Stream, Total, encode_node, node_key,
    parse_node_key, position_of,
};
use crate::kv::Read as _;
use crate::storage::keys::{self, index_kind};
use crate::storage::{View, plan, tables};

impl Verifier<'_> {
    /// Each index row: that its conversation belongs there. Each total and node of counts: that it
    /// is what the rows of its stream give.
    pub(super) fn check_index(&mut self) -> Result<()> {
        let mut streams: BTreeMap<Stream, Total> = BTreeMap::new();
        let mut current: Option<Stream> = None;
        self.each(tables::INDEX, |verifier, key, _| {
            if key.first() >= Some(&index_kind::TOTALS) {
                if !is_counter(verifier.view, &streams, key)? {
                    verifier.found(tables::INDEX, key, FindingKind::Unexpected);
                }
                return Ok(());
            }
            verifier.report.index_rows += 1;
            let parsed = keys::parse_index(key);
            let Some((_, _, id)) = verifier.readable(tables::INDEX, key, parsed)? else {
                return Ok(());
            };
            if !belongs_here(verifier.view, key, id)? {
                verifier.found(tables::INDEX, key, FindingKind::Unexpected);
            }
            let (prefix, _) = key.split_at(key.len().saturating_sub(POSITION_LEN));
            let stream = Stream::new(prefix);
            if current != Some(stream) {
                current = Some(stream);
                streams.insert(stream, verifier.check_nodes(&stream)?);
            }
            Ok(())
        })?;
        for (stream, total) in &streams {
            let key = plan::STREAMS.total_key(stream);
            self.expect(tables::INDEX, &key, &total.encode())?;
        }
        Ok(())
    }

    /// Counts a stream anew and compares the nodes. Returns what its total should be.
    fn check_nodes(&mut self, stream: &Stream) -> Result<Total> {
        let view = self.view;
        let compare = |level, first: &Position, entries: Vec<Entry>| {
            let key = node_key(index_kind::RANKS, level, stream, first);
            self.expect(tables::INDEX, &key, &encode_node(&entries))
        };
        let mut builder = Builder::new(view.levels, compare);
        for row in plan::STREAMS.rows(&view.rows, stream, Bound::Unbounded)? {
            builder.row(position_of(&row?.0)?)?;
        }
        builder.finish()
    }
}

/// Whether a conversation belongs at this key of the index, by its record.
fn belongs_here(view: &View, key: &[u8], id: ConversationId) -> Result<bool> {
    let stored = view.reader().stored(id);
    let stored = unless_corrupted(stored)?.flatten();
    Ok(stored.is_some_and(|stored| {
        plan::placements(&stored.conversation, stored.owner)
            .into_iter()
            .flatten()
            .any(|(stream, position)| stream.key(&position)[..] == *key)
    }))
}

/// Whether the stream of a total or node, which is behind all rows, gives one of that name.
fn is_counter(view: &View, streams: &BTreeMap<Stream, Total>, key: &[u8]) -> Result<bool> {
    if let Some((&index_kind::TOTALS, stream)) = key.split_first() {
        return Ok(Stream::parse(stream).is_some_and(|stream| streams.contains_key(&stream)));
    }
    let node = parse_node_key(key).filter(|_| key.first() == Some(&index_kind::RANKS));
    let Some((level, stream, first)) = node else {
        return Ok(false);
    };
    let height = streams.get(&stream).map_or(0, |total| total.height);
    let begins = first == HEAD
        || view.levels.of(&first) > level
            && view.rows.get(tables::INDEX, &stream.key(&first))?.is_some();
    Ok((1..=height).contains(&level) && begins)
}
