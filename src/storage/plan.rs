//! From a filter to the streams that hold its rows.

use convodb_core::{Filter, Result};

use super::keys::{self, StreamKey};
use super::{Directory, tables};
use crate::index::{Stream, Streams};

/// The indexes, as the streams of one table.
pub(super) const STREAMS: Streams = Streams {
    table: tables::INDEX,
    totals: keys::index_kind::TOTALS,
    ranks: keys::index_kind::RANKS,
};

/// Visits the streams of a filter, ascending. Every conversation is in one stream of each
/// index, and if it is unread, in one of each with the unread ones; so they share no row: their
/// totals add up, and their rows merge.
///
/// # Errors
///
/// A filter of more assignees than a list takes; what the visit answers.
pub(super) fn each_stream(
    filter: &Filter,
    directory: &Directory,
    mut visit: impl FnMut(Stream) -> Result<()>,
) -> Result<()> {
    filter.validate()?;
    let mut visit = |key: StreamKey| {
        let key = if filter.is_unread() {
            key.of_unread()
        } else {
            key
        };
        visit(key.stream())
    };
    let states = || {
        filter.statuses().iter().flat_map(|status| {
            filter
                .channels_or_all()
                .map(move |channel| (*status, channel))
        })
    };
    if filter.is_any_assignee() {
        return states()
            .try_for_each(|(status, channel)| visit(StreamKey::by_state(status, channel)));
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
    for bucket in buckets {
        for (status, channel) in states() {
            visit(StreamKey::by_assignee(bucket, status, channel))?;
        }
    }
    Ok(())
}
