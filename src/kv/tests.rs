//! Buffered rows over the engine's, beside a map.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Bound, RangeBounds as _};
use std::sync::Arc;

use convodb_core::Result;
use proptest::prelude::*;

use super::{Database, Durability, KeyRange, Memory, Memtable, Read, Rows, Setup, Table};

const TABLES: &[Table] = &[
    Table {
        index: 0,
        name: "first",
    },
    Table {
        index: 1,
        name: "second",
    },
];
const SETUP: Setup = Setup {
    tables: TABLES,
    cache_bytes: 1 << 20,
    check_up_to_bytes: 0,
};

type Key = [u8; 2];
type Model = BTreeMap<(usize, Key), Vec<u8>>;
type Ends = (Bound<Key>, Bound<Key>);

#[derive(Clone, Debug)]
enum Step {
    Put(Table, Key, u8),
    Remove(Table, Key),
    /// Removes what has an even value.
    Retain(Table, Ends),
    /// What follows goes through the engine, until the commit.
    WriteThrough,
    Commit,
    GiveUp,
    Freeze,
    WriteFrozen,
}

fn key() -> impl Strategy<Value = Key> {
    (0..300_u16).prop_map(u16::to_be_bytes)
}

fn ends() -> impl Strategy<Value = Ends> {
    let bound = || {
        prop_oneof![
            Just(Bound::Unbounded),
            key().prop_map(Bound::Included),
            key().prop_map(Bound::Excluded),
        ]
    };
    (bound(), bound()).prop_filter("no range runs backwards", |(from, to)| match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => true,
        (Bound::Included(from), Bound::Included(to)) => from <= to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from < to,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let table = || prop::sample::select(TABLES);
    prop_oneof![
        40 => (table(), key(), any::<u8>()).prop_map(|(table, key, value)| Step::Put(table, key, value)),
        20 => (table(), key()).prop_map(|(table, key)| Step::Remove(table, key)),
        2 => (table(), ends()).prop_map(|(table, ends)| Step::Retain(table, ends)),
        1 => Just(Step::WriteThrough),
        8 => Just(Step::Commit),
        2 => Just(Step::GiveUp),
        3 => Just(Step::Freeze),
        3 => Just(Step::WriteFrozen),
    ]
}

fn keys(ends: &Ends) -> KeyRange<'_> {
    let (from, to) = ends;
    (
        from.as_ref().map(|key| &key[..]),
        to.as_ref().map(|key| &key[..]),
    )
}

/// Everything that can be read, and one range from both ends in turn.
fn check(rows: &impl Read, model: &Model, ends: &Ends, turns: &[bool]) -> Result<()> {
    for table in TABLES {
        let own = model.iter().filter(|((of, _), _)| *of == table.index);
        assert_eq!(rows.len(*table)?, own.clone().count() as u64);
        for number in 0..300_u16 {
            let key = number.to_be_bytes();
            let found = rows.get(*table, &key)?;
            let expected = model.get(&(table.index, key));
            assert_eq!(found.as_deref(), expected.map(|value| &value[..]));
        }
        let within = own.filter(|((_, key), _)| ends.contains(key));
        let mut expected: VecDeque<_> = within.map(|((_, key), value)| (key, value)).collect();
        let mut all = expected.clone();
        let mut looked_at = Rows::from(rows.range(*table, keys(ends))?);
        let mut handed_on = rows.range(*table, keys(ends))?;
        for from_front in turns.iter().copied().chain(std::iter::repeat_n(true, 301)) {
            let expected = if from_front {
                expected.pop_front()
            } else {
                expected.pop_back()
            };
            let expected = expected.map(|(key, value)| (&key[..], &value[..]));
            let (row, same) = if from_front {
                (looked_at.advance()?, handed_on.next())
            } else {
                (looked_at.advance_back()?, handed_on.next_back())
            };
            assert_eq!(row, expected);
            let same = same.transpose()?;
            let same = same.as_ref().map(|(key, value)| (&key[..], &value[..]));
            assert_eq!(same, expected);
        }
        for row in rows.range(*table, keys(ends))?.rev() {
            let (key, value) = row?;
            let expected = all.pop_back();
            let expected = expected.map(|(key, value)| (&key[..], &value[..]));
            assert_eq!(Some((&key[..], &value[..])), expected);
        }
        assert!(all.is_empty());
    }
    Ok(())
}

fn run(steps: &[Step], ends: &Ends, turns: &[bool]) -> Result<()> {
    let database = Arc::new(Database::open_memory(&Memory::default(), &SETUP)?);
    let made = database.begin_write()?;
    made.tables().create_all()?;
    database.commit(made, Durability::Durable)?;

    let mut committed = Model::new();
    let mut frozen: Option<Memtable> = None;
    let mut steps = steps.iter();
    let mut ended = false;
    while !ended {
        let transaction = database.begin_buffered()?;
        let mut rows = transaction.tables();
        let mut model = committed.clone();
        let mut through = false;
        let commits = loop {
            let Some(step) = steps.next() else {
                ended = true;
                break true;
            };
            match step {
                Step::Put(table, key, value) => {
                    let value = vec![*value; usize::from(*value)];
                    rows.put(*table, key, &value)?;
                    model.insert((table.index, *key), value);
                }
                Step::Remove(table, key) => {
                    let was_there = rows.remove(*table, key)?;
                    assert_eq!(was_there, model.remove(&(table.index, *key)).is_some());
                }
                Step::Retain(table, within) => {
                    rows.retain(*table, keys(within), |_, value| Ok(value.len() % 2 == 1))?;
                    model.retain(|(of, key), value| {
                        *of != table.index || !within.contains(key) || value.len() % 2 == 1
                    });
                }
                // What is frozen and not in the engine yet would have to be waited for.
                Step::WriteThrough if frozen.is_none() => {
                    rows.write_through()?;
                    through = true;
                }
                Step::Commit => break true,
                Step::GiveUp => break false,
                Step::Freeze | Step::WriteFrozen | Step::WriteThrough => {}
            }
            check_few(&rows, &model)?;
        };
        check(&rows, &model, ends, turns)?;
        let memtable = rows.into_memtable();
        assert_eq!(memtable.is_none(), through);
        match memtable {
            _ if !commits => transaction.abort()?,
            Some(memtable) => {
                database.commit_buffered(memtable)?;
                committed = model;
            }
            None => {
                database.commit(transaction, Durability::Durable)?;
                committed = model;
            }
        }
        let before = database.begin_read()?;
        match steps.clone().next() {
            Some(Step::Freeze) if frozen.is_none() => frozen = Some(database.freeze()?),
            Some(Step::WriteFrozen) => {
                if let Some(frozen) = frozen.take() {
                    database.begin_write()?.write_frozen(&frozen, |_| Ok(()))?;
                    database.forget_frozen(&frozen)?;
                }
            }
            _ => {}
        }
        check(&before, &committed, ends, turns)?;
        check(&database.begin_read()?, &committed, ends, turns)?;
    }
    Ok(())
}

/// A few keys, as often as something changes.
fn check_few(rows: &impl Read, model: &Model) -> Result<()> {
    for table in TABLES {
        for number in (0..300_u16).step_by(37) {
            let key = number.to_be_bytes();
            let expected = model.get(&(table.index, key));
            let found = rows.get(*table, &key)?;
            assert_eq!(found.as_deref(), expected.map(|value| &value[..]));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn buffered_rows_are_read_as_if_the_engine_had_them(
        steps in prop::collection::vec(step(), 0..200),
        ends in ends(),
        turns in prop::collection::vec(any::<bool>(), 30),
    ) {
        run(&steps, &ends, &turns).map_err(|error| TestCaseError::fail(error.to_string()))?;
    }
}
