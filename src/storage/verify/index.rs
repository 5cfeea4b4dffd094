//! The index: its rows, totals and counts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::ops::Bound;

use convodb_core::{ConversationId, Result};

use super::{FindingKind, Verifier, unless_corrupted};
use crate::index::{
    Builder, Entry, HEAD, Levels, POSITION_LEN, Position, Stream, Total, encode_node, node_key,
    parse_node_key, position_of,
};
use crate::storage::keys::{self, index_kind};
use crate::storage::{View, plan, tables};
use convodb_kv::{Read as _, ReadTables};

impl Verifier<'_> {
    /// Each index row: that its conversation belongs there. Each total and node of counts: that it
    /// is what the file's rows of its stream give. Each total in memory: that it is what all rows give.
    pub(super) fn check_index(&mut self) -> Result<()> {
        let view = self.view;
        let beneath = view.rows.beneath();
        let mut shown: BTreeMap<Stream, Total> = BTreeMap::new();
        let mut stored: BTreeMap<Stream, Total> = BTreeMap::new();
        // The file may have rows of a stream that shows none.
        let all = (Bound::Unbounded, Bound::Unbounded);
        let over = view.rows.over(tables::INDEX, all).into_iter();
        for ((stream, _), _) in over.flat_map(|over| plan::STREAMS.each_added(over)) {
            if let Slot::Vacant(slot) = stored.entry(stream) {
                slot.insert(self.check_nodes(&beneath, &stream)?);
            }
        }
        self.each(tables::INDEX, |verifier, key, _| {
            if key.first() >= Some(&index_kind::TOTALS) {
                if !is_counter(&beneath, view.levels, &stored, key)? {
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
            let first = *position_of(key)?;
            let total = shown.entry(stream).or_insert(Total {
                first,
                ..Total::default()
            });
            total.rows += 1;
            if total.rows == 1
                && let Slot::Vacant(slot) = stored.entry(stream)
            {
                slot.insert(verifier.check_nodes(&beneath, &stream)?);
            }
            Ok(())
        })?;
        for (stream, total) in &stored {
            let key = plan::STREAMS.total_key(stream);
            let found = self.report.findings.len();
            if total.rows > 0 {
                self.expect(tables::INDEX, &key, &total.encode())?;
            }
            let shown = shown.get(stream).copied().unwrap_or_default();
            let known = unless_corrupted(view.known.totals.get(stream))?;
            // What a level was once is looked up where it is no more.
            let is_known = known.is_some_and(|known| {
                let height = shown.height;
                Total { height, ..known } == shown
            });
            if found == self.report.findings.len() && !is_known {
                self.found(tables::INDEX, &key, FindingKind::Different);
            }
        }
        Ok(())
    }

    /// Counts the file's rows of a stream anew and compares the nodes. Returns what its total should be.
    fn check_nodes(&mut self, beneath: &ReadTables, stream: &Stream) -> Result<Total> {
        let levels = self.view.levels;
        let compare = |level, first: &Position, entries: Vec<Entry>| {
            let key = node_key(index_kind::RANKS, level, stream, first);
            self.expect(tables::INDEX, &key, &encode_node(&entries))
        };
        let mut builder = Builder::new(levels, compare);
        for row in plan::STREAMS.rows(beneath, stream, Bound::Unbounded)? {
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
        plan::placements(&stored.conversation, stored.numbers)
            .into_iter()
            .flatten()
            .any(|(stream, position)| stream.key(&position)[..] == *key)
    }))
}

/// Whether the stream of a total or node, which is behind all rows, gives one of that name.
fn is_counter(
    beneath: &ReadTables,
    levels: Levels,
    streams: &BTreeMap<Stream, Total>,
    key: &[u8],
) -> Result<bool> {
    let known = |stream: &Stream| streams.get(stream).filter(|total| total.rows > 0);
    if let Some((&index_kind::TOTALS, stream)) = key.split_first() {
        return Ok(Stream::parse(stream).is_some_and(|stream| known(&stream).is_some()));
    }
    let node = parse_node_key(key).filter(|_| key.first() == Some(&index_kind::RANKS));
    let Some((level, stream, first)) = node else {
        return Ok(false);
    };
    let height = known(&stream).map_or(0, |total| total.height);
    let begins = first == HEAD
        || levels.of(&first) > level && beneath.get(tables::INDEX, &stream.key(&first))?.is_some();
    Ok((1..=height).contains(&level) && begins)
}
