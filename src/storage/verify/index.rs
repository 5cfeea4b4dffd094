//! The index: its rows, totals and counts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::ops::Bound;

use convodb_core::directory::placement;
use convodb_core::{ConversationId, Result};

use super::{FindingKind, Verifier, unless_corrupted};
use crate::index::{
    All, CLASSES, Counter, Entry, HEAD, Levels, OWN, POSITION_LEN, Position, Stream, Total,
    encode_node, parse_node_key, position_of,
};
use crate::storage::keys::{self, StreamKey, index_kind};
use crate::storage::plan::STREAMS;
use crate::storage::{View, plan, tables};
use convodb_kv::{Read as _, ReadTables};

/// What the file's rows of each stream and of each union come to.
struct Stored<'a> {
    beneath: &'a ReadTables,
    levels: Levels,
    streams: BTreeMap<Stream, All<OWN>>,
    unions: BTreeMap<Stream, All<CLASSES>>,
}

impl Verifier<'_> {
    /// Each index row: that its conversation belongs there. Each total and node of counts: that it
    /// is what the file's rows of its stream or union give. Each total in memory: that it is what all
    /// rows give.
    pub(super) fn check_index(&mut self) -> Result<()> {
        let view = self.view;
        let mut shown: BTreeMap<Stream, Total> = BTreeMap::new();
        let mut stored = Stored {
            beneath: &view.rows.beneath(),
            levels: view.levels,
            streams: BTreeMap::new(),
            unions: BTreeMap::new(),
        };
        // The file may have rows of a stream that shows none.
        let all = (Bound::Unbounded, Bound::Unbounded);
        let over = view.rows.over(tables::INDEX, all).into_iter();
        for ((stream, _), _) in over.flat_map(|over| STREAMS.each_added(over)) {
            self.check_counts(&mut stored, stream)?;
        }
        self.each(tables::INDEX, |verifier, key, _| {
            if key.first() >= Some(&index_kind::TOTALS) {
                if !stored.has_counter(key)? {
                    verifier.found(tables::INDEX, key, FindingKind::Unexpected);
                }
                return Ok(());
            }
            verifier.report.index_rows += 1;
            let found = parse(verifier.view, key);
            let Some(found) = verifier.readable(tables::INDEX, key, found)? else {
                return Ok(());
            };
            let belongs_here = match found {
                Found::Of(id) => belongs_here(verifier.view, key, id)?,
                Found::Removed => true,
                Found::Unknown => false,
            };
            if !belongs_here {
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
            if total.rows == 1 {
                verifier.check_counts(&mut stored, stream)?;
            }
            Ok(())
        })?;
        for stream in stored.streams.keys() {
            let shown = shown.get(stream).copied().unwrap_or_default();
            let known = unless_corrupted(view.known.totals.get(stream))?;
            // What a level was once is looked up where it is no more.
            let is_known = known.is_some_and(|known| {
                let height = shown.height;
                Total { height, ..known } == shown
            });
            let key = Counter::<OWN>::new(STREAMS, *stream).total_key();
            let is_reported = || {
                let mut findings = self.report.findings.iter();
                findings.any(|finding| finding.key == key)
            };
            if !is_known && !is_reported() {
                self.found(tables::INDEX, &key, FindingKind::Different);
            }
        }
        Ok(())
    }

    /// Counts the file's rows of a stream anew, and those of its union, and compares.
    fn check_counts(&mut self, stored: &mut Stored<'_>, stream: Stream) -> Result<()> {
        let (beneath, levels) = (stored.beneath, stored.levels);
        if let Slot::Vacant(slot) = stored.streams.entry(stream) {
            slot.insert(self.count(beneath, levels, Counter::new(STREAMS, stream))?);
        }
        if let Some((union, _)) = (STREAMS.union)(&stream)
            && let Slot::Vacant(slot) = stored.unions.entry(union)
        {
            slot.insert(self.count(beneath, levels, Counter::new(STREAMS, union))?);
        }
        Ok(())
    }

    /// Counts the file's rows anew, and compares the total and the nodes.
    fn count<const C: usize>(
        &mut self,
        beneath: &ReadTables,
        levels: Levels,
        counter: Counter<C>,
    ) -> Result<All<C>> {
        let compare = |level, first: &Position, entries: Vec<Entry<C>>| {
            let key = counter.node_key(level, first);
            self.expect(tables::INDEX, &key, &encode_node(&entries))
        };
        let (all, first) = counter.build(beneath, levels, compare)?;
        if all.rows() > 0 {
            let total = all.encode((C == OWN).then_some(&first));
            self.expect(tables::INDEX, &counter.total_key(), &total)?;
        }
        Ok(all)
    }
}

/// Whose row is at a key of the index.
enum Found {
    Of(ConversationId),
    /// That of a list which no view has any longer.
    Removed,
    /// That of a list which never was one.
    Unknown,
}

fn parse(view: &View, key: &[u8]) -> Result<Found> {
    let views = &view.known.directory.views;
    let list = key.split_last_chunk::<POSITION_LEN>();
    let list = list.and_then(|(prefix, position)| match keys::parse_stream(prefix)? {
        StreamKey::List(list) => Some((list, position)),
        StreamKey::Partition(_) => None,
    });
    let Some((list, position)) = list else {
        return keys::parse_index(key).map(|(_, _, id)| Found::Of(id));
    };
    Ok(match views.of_list(list) {
        Some(saved) => Found::Of(placement::id_at(saved.view.sort, position)),
        None if views.has_list(list) => Found::Removed,
        None => Found::Unknown,
    })
}

/// Whether a conversation belongs at this key of the index, by its record.
fn belongs_here(view: &View, key: &[u8], id: ConversationId) -> Result<bool> {
    let stored = view.reader().stored(id);
    let Some(stored) = unless_corrupted(stored)?.flatten() else {
        return Ok(false);
    };
    let directory = &view.known.directory;
    let in_views = plan::in_views(directory, &stored.conversation, stored.numbers);
    let places = plan::placements(&stored.conversation, stored.numbers)
        .into_iter()
        .flatten()
        .chain(in_views);
    let mut keys = places.map(|(stream, position)| stream.key(&position));
    Ok(keys.any(|placed| placed[..] == *key))
}

impl Stored<'_> {
    /// Whether rows, which are before all totals and nodes, give one of that name.
    fn has_counter(&self, key: &[u8]) -> Result<bool> {
        match key.split_first() {
            Some((&index_kind::TOTALS, stream)) => Ok(has_rows(&self.streams, stream)),
            Some((&index_kind::UNION_TOTALS, union)) => Ok(has_rows(&self.unions, union)),
            Some((&index_kind::RANKS, _)) => self.has_node(&self.streams, key),
            Some((&index_kind::UNION_RANKS, _)) => self.has_node(&self.unions, key),
            _ => Ok(false),
        }
    }

    fn has_node<const C: usize>(
        &self,
        known: &BTreeMap<Stream, All<C>>,
        key: &[u8],
    ) -> Result<bool> {
        let Some((level, prefix, first)) = parse_node_key(key) else {
            return Ok(false);
        };
        let height = known.get(&prefix).map_or(0, |all| all.height);
        let counter = Counter::<C>::new(STREAMS, prefix);
        Ok((1..=height).contains(&level)
            && (first == HEAD
                || self.levels.of::<C>(&first) > level && counter.has(self.beneath, &first)?))
    }
}

fn has_rows<const C: usize>(known: &BTreeMap<Stream, All<C>>, prefix: &[u8]) -> bool {
    let all = Stream::parse(prefix).and_then(|prefix| known.get(&prefix));
    all.is_some_and(|all| all.rows() > 0)
}
