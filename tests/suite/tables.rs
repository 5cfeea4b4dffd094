//! Buffered rows over the engine's, beside a map.

use std::collections::{BTreeMap, VecDeque};
use std::iter::repeat_n;
use std::ops::{Bound, RangeBounds as _};

use convodb_testkit::harness::random::Random;
use convodb_testkit::tables::{Row, Rows, Tables, View};

type Key = [u8; 2];
type Model = BTreeMap<(usize, Key), Vec<u8>>;
type Ends = (Bound<Key>, Bound<Key>);

#[derive(Clone, Debug)]
enum Step {
    Put(usize, Key, u8),
    /// Many rows in the order of their keys, some of them twice.
    PutSorted(usize, Vec<(Key, u8)>),
    Remove(usize, Key),
    /// Keeps what has an odd value.
    Retain(usize, Ends),
    /// What follows goes through the engine, until the commit.
    WriteThrough,
    Commit,
    GiveUp,
    Freeze,
    WriteFrozen,
}

fn key(random: &mut Random) -> Key {
    (random.below(300) as u16).to_be_bytes()
}

fn bound(random: &mut Random) -> Bound<Key> {
    match random.below(3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(key(random)),
        _ => Bound::Excluded(key(random)),
    }
}

/// No range runs backwards.
fn ends(random: &mut Random) -> Ends {
    loop {
        let (from, to) = (bound(random), bound(random));
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

/// Runs of neighbours, and rows scattered among them.
fn sorted(random: &mut Random) -> Vec<(Key, u8)> {
    let mut rows = Vec::new();
    for _ in 0..random.below(4) {
        let (from, step) = (random.below(300), 1 + random.below(20));
        for nth in 0..random.below(60) {
            let key = ((from + nth * step) % 300) as u16;
            rows.push((key.to_be_bytes(), random.word() as u8));
        }
    }
    rows.sort_by_key(|(key, _)| *key);
    rows
}

fn step(random: &mut Random) -> Step {
    let table = random.index(2);
    match random.below(83) {
        0..40 => Step::Put(table, key(random), random.word() as u8),
        40..60 => Step::Remove(table, key(random)),
        60..62 => Step::Retain(table, ends(random)),
        62..64 => Step::WriteThrough,
        64..72 => Step::Commit,
        72..74 => Step::GiveUp,
        74..77 => Step::Freeze,
        77..79 => Step::WriteFrozen,
        _ => Step::PutSorted(table, sorted(random)),
    }
}

fn value(length: u8) -> Vec<u8> {
    vec![length; usize::from(length)]
}

/// A few keys, as often as something changes.
fn check_few(rows: &Rows<'_>, model: &Model) {
    for table in 0..2 {
        for number in (0..300_u16).step_by(37) {
            let key = number.to_be_bytes();
            let found = rows.value(table, &key).unwrap();
            assert_eq!(found.as_ref(), model.get(&(table, key)));
        }
    }
}

/// Everything that can be read, and one range from both ends in turn.
fn check(rows: &Rows<'_>, model: &Model, ends: &Ends, turns: &[bool]) {
    let (from, to) = ends;
    let from = from.as_ref().map(|key| &key[..]);
    let to = to.as_ref().map(|key| &key[..]);
    for table in 0..2 {
        let own = model.iter().filter(|((of, _), _)| *of == table);
        assert_eq!(rows.count(table).unwrap(), own.clone().count() as u64);
        for number in 0..300_u16 {
            let key = number.to_be_bytes();
            let found = rows.value(table, &key).unwrap();
            assert_eq!(found.as_ref(), model.get(&(table, key)));
        }
        let within = own.filter(|((_, key), _)| ends.contains(key));
        let within: VecDeque<Row> = within
            .map(|((_, key), value)| (key.to_vec(), value.clone()))
            .collect();
        let mixed = turns.iter().copied().chain(repeat_n(true, 301));
        for turns in [mixed.collect(), vec![false; 301]] {
            let mut left = within.clone();
            let found = rows
                .turns(table, (from, to), turns.iter().copied())
                .unwrap();
            for (found, from_front) in found.into_iter().zip(turns) {
                let expected = match from_front {
                    true => left.pop_front(),
                    false => left.pop_back(),
                };
                assert_eq!(found, [expected.clone(), expected]);
            }
            assert!(left.is_empty());
        }
    }
}

/// Runs steps, and checks at each commit also the view of the one before.
fn run(steps: &[Step], ends: &Ends, turns: &[bool]) {
    let mut tables = Tables::new().unwrap();
    let mut committed = Model::new();
    let mut held: Option<(View, Model)> = None;
    let mut steps = steps.iter();
    let (mut ended, mut is_frozen) = (false, false);
    while !ended {
        let mut model = committed.clone();
        let (mut commits, mut through) = (false, false);
        let is_buffered = tables.write(|rows| {
            commits = loop {
                let Some(step) = steps.next() else {
                    ended = true;
                    break true;
                };
                match step {
                    Step::Put(table, key, length) => {
                        rows.put(*table, key, &value(*length))?;
                        model.insert((*table, *key), value(*length));
                    }
                    Step::PutSorted(table, sorted) => {
                        let row = |(key, length): &(Key, u8)| (key.to_vec(), value(*length));
                        rows.put_sorted(*table, &sorted.iter().map(row).collect::<Vec<_>>())?;
                        let row = |(key, length): &(Key, u8)| ((*table, *key), value(*length));
                        model.extend(sorted.iter().map(row));
                    }
                    Step::Remove(table, key) => {
                        let was_there = rows.remove(*table, key)?;
                        assert_eq!(was_there, model.remove(&(*table, *key)).is_some());
                    }
                    Step::Retain(table, within) => {
                        let (from, to) = within;
                        let from = from.as_ref().map(|key| &key[..]);
                        let to = to.as_ref().map(|key| &key[..]);
                        rows.retain(*table, (from, to), |value| value.len() % 2 == 1)?;
                        model.retain(|(of, key), value| {
                            of != table || !within.contains(key) || value.len() % 2 == 1
                        });
                    }
                    Step::WriteThrough => {
                        rows.write_through()?;
                        through = true;
                    }
                    Step::Commit => break true,
                    Step::GiveUp => break false,
                    Step::Freeze | Step::WriteFrozen => {}
                }
                check_few(&rows.rows(), &model);
            };
            check(&rows.rows(), &model, ends, turns);
            Ok(commits)
        });
        assert_eq!(is_buffered.unwrap(), !through);
        if commits {
            committed = model;
        }
        if let Some((view, model)) = held.take() {
            check(&view.rows(), &model, ends, turns);
        }
        let view = tables.view().unwrap();
        match steps.clone().next() {
            Some(Step::Freeze) if !is_frozen => {
                tables.freeze().unwrap();
                is_frozen = true;
            }
            Some(Step::WriteFrozen) => {
                tables.write_frozen().unwrap();
                is_frozen = false;
            }
            _ => {}
        }
        check(&view.rows(), &committed, ends, turns);
        check(&tables.view().unwrap().rows(), &committed, ends, turns);
        held = Some((view, committed.clone()));
    }
}

#[test]
fn buffered_rows_are_read_as_if_the_engine_had_them() {
    for seed in 0..48 {
        let mut random = Random::new(seed);
        let count = random.index(200);
        let steps: Vec<Step> = (0..count).map(|_| step(&mut random)).collect();
        let ends = ends(&mut random);
        let turns: Vec<bool> = (0..30).map(|_| random.below(2) == 0).collect();
        run(&steps, &ends, &turns);
    }
}

/// The rows of a range, from the front and from the back by turns.
fn by_turns(rows: &Rows<'_>, keys: (Bound<&[u8]>, Bound<&[u8]>), count: usize) -> Vec<Row> {
    let turns = (0..count).map(|nth| nth % 3 != 0);
    let found = rows.turns(0, keys, turns.clone()).unwrap();
    let (mut front, mut back) = (Vec::new(), VecDeque::new());
    for ([row, same], from_front) in found.into_iter().zip(turns) {
        assert_eq!(row, same);
        match from_front {
            true => front.extend(row),
            false => row.into_iter().for_each(|row| back.push_front(row)),
        }
    }
    front.extend(back);
    front
}

#[test]
fn many_buffered_rows_are_read_in_their_order_from_either_end() {
    let mut random = Random::new(5);
    let mut tables = Tables::new().unwrap();
    let mut model: BTreeMap<[u8; 4], Vec<u8>> = BTreeMap::new();
    let mut held = Vec::new();
    for round in 0..12_u32 {
        tables
            .write(|rows| {
                for nth in 0..3_000_u32 {
                    // In order, in reverse, and anywhere.
                    let number = match round % 3 {
                        0 => 40_000 + 3_000 * round + nth,
                        1 => 40_000 - 3_000 * round - nth,
                        _ => random.below(80_000) as u32,
                    };
                    let key = number.to_be_bytes();
                    if random.below(4) == 0 {
                        let was_there = rows.remove(0, &key)?;
                        assert_eq!(was_there, model.remove(&key).is_some());
                    } else {
                        rows.put(0, &key, &value(round as u8))?;
                        model.insert(key, value(round as u8));
                    }
                }
                Ok(true)
            })
            .unwrap();
        match round {
            2 | 7 => tables.freeze().unwrap(),
            5 | 10 => tables.write_frozen().unwrap(),
            _ => {}
        }
        held.push((tables.view().unwrap(), model.clone()));
    }
    for (view, model) in &held {
        let rows = view.rows();
        assert_eq!(rows.count(0).unwrap(), model.len() as u64);
        for _ in 0..20 {
            let from = (random.below(80_000) as u32).to_be_bytes();
            let to = (u32::from_be_bytes(from) + random.below(9_000) as u32).to_be_bytes();
            let expected: Vec<Row> = model
                .range(from..=to)
                .map(|(key, value)| (key.to_vec(), value.clone()))
                .collect();
            let keys = (Bound::Included(&from[..]), Bound::Included(&to[..]));
            assert_eq!(by_turns(&rows, keys, expected.len() + 3), expected);
        }
        for (key, value) in model.iter().step_by(97) {
            assert_eq!(rows.value(0, key).unwrap().as_ref(), Some(value));
        }
    }
}

#[test]
fn buffered_bytes_are_those_of_the_rows_that_are_left_and_move_with_the_tier() {
    let mut tables = Tables::new().unwrap();
    let put = |tables: &Tables, length| {
        let put = tables.write(|rows| rows.put(0, b"a key", &value(length)).map(|()| true));
        assert!(put.unwrap());
    };
    put(&tables, 100);
    let [of_one, none] = tables.buffered_bytes();
    assert!(
        (105..=205).contains(&of_one) && none == 0,
        "{of_one} {none}"
    );
    put(&tables, 100);
    assert_eq!(tables.buffered_bytes(), [of_one, 0]);
    put(&tables, 40);
    assert_eq!(tables.buffered_bytes(), [of_one - 60, 0]);
    tables.freeze().unwrap();
    put(&tables, 100);
    assert_eq!(tables.buffered_bytes(), [of_one, of_one - 60]);
    tables.write_frozen().unwrap();
    assert_eq!(tables.buffered_bytes(), [of_one, 0]);
}
