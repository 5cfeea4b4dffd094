//! Counted streams beside sorted lists: what the suite and the fuzz target of ranks run.

use std::collections::{BTreeMap, BTreeSet};

use convodb::Result;

use crate::tables::{Rows, STREAMS_OF_A_UNION, Tables, View, class, counts};

/// The place of a row in its stream.
pub type Position = [u8; 24];

/// What every stream should hold.
#[derive(Clone, Debug, Default)]
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

    /// Takes a position out of another stream of the same union, where it is. Returns that.
    fn leave(&mut self, stream: u8, position: &Position) -> Option<u8> {
        let union = stream / STREAMS_OF_A_UNION;
        let streams = self.0.iter_mut();
        let mut others =
            streams.filter(|(other, _)| **other != stream && **other / STREAMS_OF_A_UNION == union);
        others.find_map(|(other, known)| known.remove(position).then_some(*other))
    }

    /// Every node and total in the engine is what its rows give, and there is none besides.
    fn check_counts(&self, view: &View) -> Result<()> {
        assert_eq!(view.counts()?, counts(&self.0)?);
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

/// Commits of toggled rows: some go through the engine, most are buffered, frozen and given to it
/// while others come. At each moment any union of streams selects and ranks, and the engine's counts
/// are those of its rows.
pub fn run(commits: &[Vec<(u8, Position)>], depths: &[u64], union: u8) -> Result<()> {
    let mut tables = Tables::new()?;
    let (mut model, mut frozen, mut beneath) = (Model::default(), None, Model::default());
    let streams: Vec<u8> = (0..union).collect();
    let some_classes: Vec<u8> = (0..union)
        .filter(|stream| class(*stream).is_multiple_of(3))
        .collect();
    let mut held = None;
    for (nth, commit) in commits.iter().enumerate() {
        let goes_through = nth % 7 == 5;
        tables.write(|transaction| {
            for (place, (stream, position)) in commit.iter().enumerate() {
                // What came before in the transaction is over the engine's rows until here.
                if goes_through && place == commit.len() / 2 {
                    transaction.write_through()?;
                }
                if let Some(other) = model.leave(*stream, position) {
                    transaction.take(other, position)?;
                }
                match model.toggle(*stream, *position) {
                    true => transaction.insert(*stream, position)?,
                    false => transaction.take(*stream, position)?,
                }
            }
            Ok(true)
        })?;
        if goes_through && !commit.is_empty() {
            (frozen, beneath) = (None, model.clone());
        }
        let committed = (tables.view()?, model.clone());
        beneath.check_counts(&committed.0)?;
        match nth % 3 {
            0 => {
                tables.freeze()?;
                frozen = Some(model.clone());
            }
            2 => {
                tables.write_frozen()?;
                beneath = frozen.take().unwrap_or(beneath);
            }
            _ => {}
        }
        let view = tables.view()?;
        beneath.check_counts(&view)?;
        for (view, model) in held.iter().chain([&committed, &(view, model.clone())]) {
            model.check_union(&view.rows(), &streams, depths)?;
            model.check_union(&view.rows(), &some_classes, depths)?;
            model.check_union(&view.rows(), &[0], depths)?;
        }
        held = Some(committed);
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
        model.check_counts(&view)?;
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
