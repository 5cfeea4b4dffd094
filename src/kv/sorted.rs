//! Many rows at once, in the order of their keys.
//!
//! The engine takes a run of rows that lie between two neighbours of its own by a cursor, which
//! packs them into full pages and puts these into the tree at once. A row of a run costs a small
//! part of an insertion that descends from the root, but a run itself costs several of them.

use std::ops::Bound;

use convodb_core::Result;
use redb::{CursorError, Table};

use super::{Bytes, failure};

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
            Err(error) => return Err(failure::cursor(error)),
        }
    }
    cursor.close().map_err(failure::storage)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fastrand::Rng;

    use crate::kv::{Database, Durability, Memory, Read as _, Setup, Table};
    use convodb_core::{Error, Result};

    const TABLE: Table = Table {
        index: 0,
        name: "rows",
    };
    const SETUP: Setup = Setup {
        tables: &[TABLE],
        cache_bytes: 1 << 20,
        check_up_to_bytes: 0,
    };

    type Rows = Vec<(Vec<u8>, Vec<u8>)>;

    /// Writes batches, each in an order of its keys that repeats some, and compares the table with a
    /// map that was given the same rows one by one.
    fn check(batches: &[Rows]) -> Result<()> {
        let database = Database::open_memory(&Memory::default(), &SETUP)?;
        let mut model = BTreeMap::new();
        for batch in batches {
            let mut batch = batch.clone();
            batch.sort_by(|(a, _), (b, _)| a.cmp(b));
            let transaction = database.begin_write()?;
            let rows = batch.iter().map(|(key, value)| (&key[..], &value[..]));
            transaction.tables().put_sorted(TABLE, rows)?;
            database.commit(transaction, Durability::Durable)?;
            model.extend(batch);
        }
        let tables = database.begin_read()?;
        let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        let found = tables.range(TABLE, all)?.map(|row| {
            let (key, value) = row?;
            Ok::<_, Error>((key.to_vec(), value.to_vec()))
        });
        assert_eq!(found.collect::<Result<BTreeMap<_, _>>>()?, model);
        assert_eq!(tables.len(TABLE)?, model.len() as u64);
        Ok(())
    }

    /// Runs of neighbours, rows scattered among them, and the same keys again.
    fn batch(rng: &mut Rng) -> Rows {
        let mut rows = Rows::new();
        let value = rng.u8(..);
        for _ in 0..rng.u8(0..12) {
            let (from, step) = (rng.u16(..), rng.u16(1..50));
            for nth in 0..rng.u16(1..200) {
                let key = from.wrapping_add(nth.wrapping_mul(step));
                let value = vec![value; 1 + rows.len() % 300];
                rows.push((key.to_be_bytes().to_vec(), value));
            }
        }
        rows
    }

    #[test]
    fn sorted_rows_come_to_the_same_as_one_by_one() -> Result<()> {
        for seed in 0..64 {
            let mut rng = Rng::with_seed(seed);
            let batches: Vec<_> = (0..rng.u8(1..6)).map(|_| batch(&mut rng)).collect();
            check(&batches)?;
        }
        Ok(())
    }

    #[test]
    fn a_key_that_stands_twice_in_a_run_has_its_last_value() -> Result<()> {
        let twice = (0..40_u8).map(|nth| (vec![nth / 2], vec![nth]));
        check(&[twice.collect()])
    }
}
