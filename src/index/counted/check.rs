//! Counted streams beside sorted lists, for the tests and the fuzz target.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use convodb_core::Result;

use super::{Builder, Edits, HEAD, Levels, Total, rank, select};
use crate::index::ordered::{Position, Stream, Streams, position_of};
use crate::kv::{Database, Durability, Memory, Read, Setup, Table};

const TABLE: Table = Table {
    index: 0,
    name: "index",
};
const STREAMS: Streams = Streams {
    table: TABLE,
    totals: 0x10,
    ranks: 0x11,
};
pub(super) const LEVELS: Levels = Levels::new(*b"a seed for tests");

fn database() -> Result<Arc<Database>> {
    let setup = Setup {
        tables: &[TABLE],
        cache_bytes: 1 << 20,
        check_up_to_bytes: 0,
    };
    let database = Database::open_memory(&Memory::default(), &setup)?;
    let transaction = database.begin_write()?;
    transaction.tables().create_all()?;
    database.commit(transaction, Durability::Durable)?;
    Ok(Arc::new(database))
}

/// A position of a time and an id; few of either make many rows of one time.
pub(crate) fn position(time: u64, id: u64) -> Position {
    let mut position = HEAD;
    let (head, rest) = position.split_at_mut(8);
    head.copy_from_slice(&(time + 1).to_be_bytes());
    let (_, tail) = rest.split_at_mut(8);
    tail.copy_from_slice(&id.to_be_bytes());
    position
}

fn stream(number: u8) -> Stream {
    Stream::new(&[1, number, 0])
}

/// What every stream should hold.
type Model = BTreeMap<u8, BTreeSet<Position>>;

/// Inserts what is not there and removes what is.
fn toggle(
    edits: &mut Edits,
    rows: &mut crate::kv::WriteTables<'_>,
    model: &mut Model,
    (number, position): (u8, Position),
) -> Result<()> {
    let known = model.entry(number).or_default();
    if known.remove(&position) {
        edits.remove(rows, &stream(number), &position)
    } else {
        known.insert(position);
        edits.insert(rows, &stream(number), &position, b"row")
    }
}

/// Every node and total is what the rows give, and there is none besides.
fn check_canonical(rows: &impl Read, model: &Model) -> Result<()> {
    let mut expected = BTreeMap::new();
    for (number, positions) in model.iter().filter(|(_, rows)| !rows.is_empty()) {
        let stream = stream(*number);
        let mut builder = Builder::new(LEVELS, |level, first: &Position, node| {
            let key = super::node_key(STREAMS.ranks, level, &stream, first);
            expected.insert(key.to_vec(), node);
            Ok(())
        });
        positions.iter().try_for_each(|row| builder.row(row))?;
        let total = builder.finish()?;
        assert_eq!(total.rows, positions.len() as u64);
        expected.insert(STREAMS.total_key(&stream), total.encode().to_vec());
    }
    let mut found = BTreeMap::new();
    for row in rows.range(TABLE, (Bound::Included(&[0x10][..]), Bound::Unbounded))? {
        let (key, value) = row?;
        found.insert(key.to_vec(), value.to_vec());
    }
    assert_eq!(found, expected);
    Ok(())
}

/// The union of some streams, from each depth on, is what the sorted list has there.
fn check_union(rows: &impl Read, model: &Model, numbers: &[u8], depths: &[u64]) -> Result<()> {
    let mut among: Vec<(Stream, Total)> = Vec::new();
    let mut sorted = Vec::new();
    for number in numbers {
        among.push((stream(*number), STREAMS.total(rows, &stream(*number))?));
        sorted.extend(model.get(number).into_iter().flatten().copied());
    }
    sorted.sort_unstable();
    let total: u64 = among.iter().map(|(_, total)| total.rows).sum();
    assert_eq!(total, sorted.len() as u64);
    for depth in depths
        .iter()
        .filter(|_| total > 0)
        .map(|depth| depth % total)
    {
        let (from, skip) = select(rows, STREAMS, &among, depth)?;
        let mut merged = STREAMS.merge(rows, &from);
        let mut page: Vec<Position> = Vec::new();
        for place in 0..skip + 5 {
            match merged.next()? {
                Some((key, _)) if place >= skip => page.push(*position_of(key)?),
                Some(_) => {}
                None => break,
            }
        }
        let expected: Vec<Position> = sorted
            .iter()
            .skip(depth as usize)
            .take(5)
            .copied()
            .collect();
        assert_eq!(page, expected, "depth {depth} of {total}");
        let first = expected.first().unwrap_or(&HEAD);
        let before = sorted.partition_point(|row| row < first) as u64;
        assert_eq!(rank(rows, STREAMS, &among, first)?, before);
    }
    Ok(())
}

/// Commits of toggled rows, buffered and given to the engine now and then; after each, all is
/// canonical and any union selects and ranks.
pub(crate) fn run(commits: &[Vec<(u8, Position)>], depths: &[u64], union: u8) -> Result<()> {
    let database = database()?;
    let mut model = Model::new();
    for (nth, commit) in commits.iter().enumerate() {
        let transaction = database.begin_buffered()?;
        let buffered = {
            let mut rows = transaction.tables();
            let mut edits = Edits::new(STREAMS, LEVELS);
            for row in commit {
                toggle(&mut edits, &mut rows, &mut model, *row)?;
            }
            edits.settle(&mut rows, |_, _| {})?;
            rows.into_memtable()
        };
        database.commit_buffered(buffered.unwrap_or_default())?;
        if nth % 3 == 2 {
            let frozen = database.freeze()?;
            database.begin_write()?.write_frozen(&frozen, |_| Ok(()))?;
            database.forget_frozen(&frozen)?;
        }
        let rows = database.begin_read()?;
        check_canonical(&rows, &model)?;
        let numbers: Vec<u8> = (0..union).collect();
        check_union(&rows, &model, &numbers, depths)?;
        check_union(&rows, &model, &[0], depths)?;
    }
    Ok(())
}

/// Two loads of many rows at once; after each, the counts are those of rows that came one by one.
#[cfg(test)]
pub(super) fn load(
    first: &BTreeSet<(u8, Position)>,
    second: &BTreeSet<(u8, Position)>,
) -> Result<()> {
    let database = database()?;
    let mut model = Model::new();
    for many in [first, second] {
        let transaction = database.begin_write()?;
        {
            let mut rows = transaction.tables();
            let mut edits = Edits::new(STREAMS, LEVELS);
            let known = model.entry(0).or_default();
            let new: Vec<_> = many
                .iter()
                .filter(|(_, position)| known.insert(*position))
                .map(|(_, position)| (*position, &b"row"[..]))
                .collect();
            edits.insert_many(&mut rows, &stream(0), &new)?;
            edits.settle(&mut rows, |_, _| {})?;
        }
        database.commit(transaction, Durability::Durable)?;
        let rows = database.begin_read()?;
        check_canonical(&rows, &model)?;
        check_union(&rows, &model, &[0], &[0, 1, 100, 1_000])?;
    }
    Ok(())
}

/// Reads arbitrary bytes as commits of toggled rows, few streams and times apart, and runs them.
#[cfg(fuzzing)]
pub(crate) fn run_bytes(data: &[u8]) -> Result<()> {
    let (rows, _) = data.as_chunks();
    let mut commits = vec![Vec::new()];
    for [kind, number, high, low] in rows {
        if kind % 16 == 0 {
            commits.push(Vec::new());
        }
        let time = u64::from(u16::from_be_bytes([*high, *low]));
        // Some rows share a time, some an id.
        let row = (number % 33, position(time >> (kind % 3 * 4), time & 0x0F));
        if let Some(commit) = commits.last_mut() {
            commit.push(row);
        }
    }
    run(&commits, &[0, 1, 20, 333, u64::MAX / 2, u64::MAX], 33)
}
