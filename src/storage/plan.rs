//! Which lists a conversation is in, and which streams hold the rows of a filter.

use std::ops::Bound;

use convodb_core::records::Numbers;
use convodb_core::{Conversation, Filter, Result, Sort, Standing};

use super::keys::{self, Partition};
use super::{Directory, meta, tables};
use crate::index::{Edits, Levels, Place, Stream, Streams};
use convodb_kv::{Over, WriteTables};

/// The indexes, as the streams of one table.
pub(super) const STREAMS: Streams = Streams {
    table: tables::INDEX,
    totals: keys::index_kind::TOTALS,
    ranks: keys::index_kind::RANKS,
    union_totals: keys::index_kind::UNION_TOTALS,
    union_ranks: keys::index_kind::UNION_RANKS,
    union: keys::union_of,
};

/// Folds what index entries add that were buffered into totals and nodes.
pub(super) fn fold(rows: &mut WriteTables<'_>, over: Over<'_>) -> Result<()> {
    let Some(over) = over.range(STREAMS.table, (Bound::Unbounded, Bound::Unbounded)) else {
        return Ok(());
    };
    let levels = Levels::new(meta::read_seed(rows)?);
    Edits::new(STREAMS, levels).fold(rows, over)
}

/// Where a conversation is: in each of its partitions once, by its sort key. These are by status
/// and inbox, by owner, and both again while it has unread messages. A pure function of the record.
pub(super) fn placements(conversation: &Conversation, of: Numbers) -> [Option<Place>; 4] {
    let position = keys::position(Sort::LatestActivity, conversation);
    let standing = Standing::of(conversation);
    let place = |bucket, unread| {
        let key = Partition {
            unread,
            bucket,
            standing,
            inbox: of.inbox,
        };
        let is_in = !unread || conversation.unread_count > 0;
        is_in.then(|| (key.stream(), position))
    };
    [
        place(None, false),
        place(Some(of.owner), false),
        place(None, true),
        place(Some(of.owner), true),
    ]
}

/// Visits the streams of a filter, owner by owner. Every conversation is in one stream of each
/// index, and if it is unread, in one of each with the unread ones; so they share no row: their
/// totals add up, and their rows merge. The filter is a valid one, and the members of a team are among its assignees.
pub(super) fn each_stream(
    filter: &Filter,
    directory: &Directory,
    mut visit: impl FnMut(Stream) -> Result<()>,
) -> Result<()> {
    let mut visit = |bucket| {
        for standing in Standing::ALL.into_iter().filter(|it| filter.has(*it)) {
            for inbox in directory.inboxes.selected(filter) {
                let key = Partition {
                    unread: filter.is_unread(),
                    bucket,
                    standing,
                    inbox,
                };
                visit(key.stream())?;
            }
        }
        Ok(())
    };
    if filter.is_any_assignee() {
        return visit(None);
    }
    let unassigned = filter.includes_unassigned().then_some(keys::UNASSIGNED);
    let mut buckets: Vec<u32> = filter
        .assignees()
        .filter_map(|id| directory.number(id))
        .chain(unassigned)
        .collect();
    if directory.has_redirects() {
        // What was reassigned is the successor's, wherever it is stored. Each redirect has one
        // successor, so none comes twice.
        for at in 0..buckets.len() {
            if let Some(successor) = buckets.get(at).copied() {
                buckets.extend(directory.redirected_to(successor));
            }
        }
    }
    buckets.sort_unstable();
    buckets
        .into_iter()
        .try_for_each(|bucket| visit(Some(bucket)))
}
