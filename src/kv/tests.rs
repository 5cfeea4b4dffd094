//! Buffered rows over the engine's, beside a map.

use std::collections::{BTreeMap, VecDeque};
use std::iter::repeat_with;
use std::ops::{Bound, RangeBounds as _};
use std::sync::Arc;

use convodb_core::Result;
use fastrand::Rng;

use super::{Database, Durability, KeyRange, Memory, Memtable, Read, Rows, Setup, Table};

const FIRST: Table = Table {
    index: 0,
    name: "first",
};
const SECOND: Table = Table {
    index: 1,
    name: "second",
};
const TABLES: &[Table] = &[FIRST, SECOND];
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

fn key(rng: &mut Rng) -> Key {
    rng.u16(0..300).to_be_bytes()
}

fn bound(rng: &mut Rng) -> Bound<Key> {
    match rng.u8(0..3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(key(rng)),
        _ => Bound::Excluded(key(rng)),
    }
}

/// No range runs backwards.
fn ends(rng: &mut Rng) -> Ends {
    loop {
        let (from, to) = (bound(rng), bound(rng));
        let runs_forward = match (from, to) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => true,
            (Bound::Included(from), Bound::Included(to)) => from <= to,
            (
                Bound::Included(from) | Bound::Excluded(from),
                Bound::Included(to) | Bound::Excluded(to),
            ) => from < to,
        };
        if runs_forward {
            return (from, to);
        }
    }
}

fn step(rng: &mut Rng) -> Step {
    let table = if rng.bool() { FIRST } else { SECOND };
    match rng.u8(0..79) {
        0..40 => Step::Put(table, key(rng), rng.u8(..)),
        40..60 => Step::Remove(table, key(rng)),
        60..62 => Step::Retain(table, ends(rng)),
        62 => Step::WriteThrough,
        63..71 => Step::Commit,
        71..73 => Step::GiveUp,
        73..76 => Step::Freeze,
        _ => Step::WriteFrozen,
    }
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

#[test]
fn buffered_rows_are_read_as_if_the_engine_had_them() -> Result<()> {
    for seed in 0..64 {
        let mut rng = Rng::with_seed(seed);
        let count = rng.usize(0..200);
        let steps: Vec<Step> = repeat_with(|| step(&mut rng)).take(count).collect();
        let ends = ends(&mut rng);
        let turns: Vec<bool> = repeat_with(|| rng.bool()).take(30).collect();
        run(&steps, &ends, &turns)?;
    }
    Ok(())
}
