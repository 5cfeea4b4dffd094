//! Many rows at once, in the order of their keys.
//!
//! The engine takes a run of rows that lie between two neighbours of its own by a cursor, which
//! packs them into full pages and puts these into the tree at once. A row of a run costs a small
//! part of an insertion that descends from the root, but a run itself costs several of them.

use std::ops::Bound;

use convodb_core::Result;
use redb::{CursorError, Table};

use crate::{Bytes, failure};

/// A run of fewer rows is dearer than as many insertions.
const WORTH_A_RUN: usize = 8;
/// Where rows lie scattered among those that are there, a look whether a run begins is wasted.
/// The more looks were, the more rows are inserted before the next, up to so many.
const MAX_BETWEEN_LOOKS: usize = 256;

pub(super) fn put<'r>(
    table: &mut Table<'_, Bytes, Bytes>,
    mut rows: impl Iterator<Item = (&'r [u8], &'r [u8])> + Clone,
) -> Result<()> {
    let mut between_looks = 0;
    loop {
        for (key, value) in rows.by_ref().take(between_looks) {
            table.insert(key, value).map_err(failure::storage)?;
        }
        if rows.clone().next().is_none() {
            return Ok(());
        }
        let taken = put_run(table, &mut rows)?;
        between_looks = match taken {
            true => 0,
            false => (2 * between_looks).clamp(WORTH_A_RUN, MAX_BETWEEN_LOOKS),
        };
    }
}

/// Puts the rows that come before the next one that is there, if they are worth it.
fn put_run<'r>(
    table: &mut Table<'_, Bytes, Bytes>,
    rows: &mut (impl Iterator<Item = (&'r [u8], &'r [u8])> + Clone),
) -> Result<bool> {
    let Some((first, _)) = rows.clone().next() else {
        return Ok(false);
    };
    let mut cursor = table
        .lower_bound_mut(Bound::Included(first))
        .map_err(failure::storage)?;
    let next = cursor.peek_next().map_err(failure::storage)?;
    let next = next.map(|(key, _)| key.value().to_vec());
    let is_before = |key: &[u8]| next.as_deref().is_none_or(|next| key < next);
    match rows.clone().nth(WORTH_A_RUN - 1) {
        Some((key, _)) if is_before(key) => {}
        _ => return Ok(false),
    }
    while let Some((key, value)) = rows.clone().next()
        && is_before(key)
    {
        match cursor.insert_before(key, value) {
            Ok(()) => drop(rows.next()),
            // The same key once more.
            Err(CursorError::UnorderedKey) => break,
            Err(error) => return Err(failure::storage(error)),
        }
    }
    cursor.close().map_err(failure::storage)?;
    Ok(true)
}
