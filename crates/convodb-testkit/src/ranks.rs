//! Counted streams beside sorted lists: what the suite and the fuzz target of ranks run.

use std::collections::{BTreeMap, BTreeSet};

use convodb::Result;

use crate::tables::{Rows, Tables, counts};

/// The place of a row in its stream.
pub type Position = [u8; 24];

/// What every stream should hold.
#[derive(Debug, Default)]
pub struct Model(BTreeMap<u8, BTreeSet<Position>>);

/// A position of a time and an id; few of either make many rows of one time.
pub fn position(time: u64, id: u64) -> Position {
    let mut position = [0; 24];
    position[..8].copy_from_slice(&(time + 1).to_be_bytes());
    position[16..].copy_from_slice(&id.to_be_bytes());
    position
}

impl Model {
    /// Adds what is not there and takes out what is. Whether it is there then.
    fn toggle(&mut self, stream: u8, position: Position) -> bool {
        let known = self.0.entry(stream).or_default();
        known.insert(position) || !known.remove(&position)
    }

    /// Every node and total is what the rows give, and there is none besides.
    fn check_counts(&self, rows: &Rows<'_>) -> Result<()> {
        let mut expected = BTreeMap::new();
        for (stream, positions) in &self.0 {
            expected.extend(counts(*stream, positions)?);
        }
        assert_eq!(rows.counts()?, expected);
        Ok(())
    }

    /// The union of some streams, from each depth on, is what the sorted list has there.
    fn check_union(&self, rows: &Rows<'_>, streams: &[u8], depths: &[u64]) -> Result<()> {
        let of_stream = |stream| self.0.get(stream).into_iter().flatten().copied();
        let mut sorted: Vec<_> = streams.iter().flat_map(of_stream).collect();
        sorted.sort_unstable();
        if sorted.is_empty() {
            return Ok(());
        }
        for depth in depths.iter().map(|depth| depth % sorted.len() as u64) {
            let expected = sorted.iter().skip(depth as usize).take(5);
            let expected: Vec<_> = expected.copied().collect();
            let page = rows.select(streams, depth, 5)?;
            assert_eq!(page, expected, "depth {depth} of {}", sorted.len());
            let before = sorted.partition_point(|row| *row < expected[0]) as u64;
            assert_eq!(rows.rank(streams, &expected[0])?, before);
        }
        Ok(())
    }
}

/// Commits of toggled rows, buffered and given to the engine now and then. After each, the counts
/// are those of the rows, and any union of streams selects and ranks.
pub fn run(commits: &[Vec<(u8, Position)>], depths: &[u64], union: u8) -> Result<()> {
    let mut tables = Tables::new()?;
    let mut model = Model::default();
    let streams: Vec<u8> = (0..union).collect();
    for (nth, commit) in commits.iter().enumerate() {
        tables.write(|transaction| {
            for (stream, position) in commit {
                match model.toggle(*stream, *position) {
                    true => transaction.insert(*stream, position)?,
                    false => transaction.take(*stream, position)?,
                }
            }
            Ok(true)
        })?;
        if nth % 3 == 2 {
            tables.freeze()?;
            tables.write_frozen()?;
        }
        let view = tables.view()?;
        let rows = view.rows();
        model.check_counts(&rows)?;
        model.check_union(&rows, &streams, depths)?;
        model.check_union(&rows, &[0], depths)?;
    }
    Ok(())
}

/// Loads of many rows at once. After each, the counts are those of rows that came one by one.
pub fn load(loads: &[BTreeSet<Position>]) -> Result<()> {
    let tables = Tables::new()?;
    let mut model = Model::default();
    for load in loads {
        let known = model.0.entry(0).or_default();
        let new: Vec<_> = load.difference(known).copied().collect();
        known.extend(&new);
        tables.write(|transaction| {
            transaction.write_through()?;
            transaction.insert_many(0, &new)?;
            Ok(true)
        })?;
        let view = tables.view()?;
        model.check_counts(&view.rows())?;
        model.check_union(&view.rows(), &[0], &[0, 1, 100, 1_000])?;
    }
    Ok(())
}

/// Runs what was wrong once: a line for the depths, then one for each commit, its rows as a stream,
/// a time and an id.
pub fn run_text(case: &str) -> Result<()> {
    let number = |text: &str| text.parse::<u64>().unwrap();
    let mut lines = case.lines();
    let depths: Vec<u64> = lines.next().unwrap().split(' ').map(number).collect();
    let row = |text: &str| {
        let parts: Vec<u64> = text.split(':').map(number).collect();
        (parts[0] as u8, position(parts[1], parts[2]))
    };
    let commits: Vec<Vec<_>> = lines
        .map(|line| line.split(' ').map(row).collect())
        .collect();
    assert!(depths.len() == 8 && !commits.is_empty(), "{depths:?}");
    let streams = commits.iter().flatten().map(|(stream, _)| stream + 1);
    run(&commits, &depths, streams.max().unwrap())
}

/// Runs arbitrary bytes as commits of toggled rows, few streams and times apart. Four bytes are a
/// row, and some of them end a commit.
pub fn run_bytes(data: &[u8]) -> Result<()> {
    let mut commits = vec![Vec::new()];
    for bytes in data.as_chunks().0 {
        let [kind, number, high, low] = *bytes;
        if kind % 16 == 0 {
            commits.push(Vec::new());
        }
        let time = u64::from(u16::from_be_bytes([high, low]));
        // Some rows share a time, some an id.
        let row = (number % 33, position(time >> (kind % 3 * 4), time & 0x0F));
        commits.last_mut().unwrap().push(row);
    }
    run(&commits, &[0, 1, 20, 333, u64::MAX / 2, u64::MAX], 33)
}
