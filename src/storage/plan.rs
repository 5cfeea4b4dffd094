//! The indexes, and the rows of a conversation in them.

use std::ops::Bound;

use convodb_core::directory::Directory;
use convodb_core::directory::placement::{self, Position};
use convodb_core::records::Numbers;
use convodb_core::{Conversation, Result, Sort};

use super::{keys, meta, tables};
use crate::index::{Edits, Levels, Place, Streams};
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

/// The rows of a conversation in its partitions.
#[inline]
pub(super) fn placements(conversation: &Conversation, of: Numbers) -> [Option<Place>; 4] {
    let position = placement::position(Sort::LatestActivity, conversation);
    placement::partitions(conversation, of)
        .map(|partition| partition.map(|of| (keys::partition_stream(of), position)))
}

/// The row of a conversation in the list of a view.
pub(super) fn in_list((list, position): (u32, Position)) -> Place {
    (keys::list_stream(list), position)
}

/// The rows of a stored conversation in the lists of views.
pub(super) fn in_views(
    directory: &Directory,
    stored: &Conversation,
    numbers: Numbers,
) -> impl Iterator<Item = Place> {
    let places = directory.views.places(directory, stored, numbers);
    places.into_iter().map(in_list)
}
