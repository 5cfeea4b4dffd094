//! Counted streams beside sorted lists, with the sets that are hard on them.

use std::collections::BTreeSet;
use std::iter::repeat_with;
use std::panic::resume_unwind;
use std::thread;

use convodb_core::Result;
use fastrand::Rng;

use super::check::{LEVELS, load, position, run};
use crate::index::ordered::{POSITION_LEN, Position};

const CASES: u64 = 24;

/// How many streams there are, and from how many times and ids their rows are drawn.
#[derive(Clone, Copy)]
struct Kinds {
    streams: u8,
    times: u64,
    ids: u64,
}

impl Kinds {
    fn row(self, rng: &mut Rng) -> (u8, Position) {
        let position = position(rng.u64(..self.times), rng.u64(..self.ids));
        (rng.u8(..self.streams), position)
    }

    /// Runs commits of fewer rows than that.
    fn run(self, size: usize) -> Result<()> {
        for seed in 0..CASES {
            let mut rng = Rng::with_seed(seed);
            let mut commit = || {
                let count = rng.usize(1..size);
                repeat_with(|| self.row(&mut rng)).take(count).collect()
            };
            let first: Vec<_> = commit();
            let mut commits = vec![first];
            for _ in 0..seed % 5 {
                commits.push(commit());
            }
            let depths: [u64; 8] = std::array::from_fn(|_| rng.u64(..));
            run(&commits, &depths, self.streams)?;
        }
        Ok(())
    }
}

#[test]
fn counts_pages_and_ranks_are_those_of_sorted_lists() -> Result<()> {
    // One stream of many rows; rows of one time; few that come and go; as many streams as the
    // statuses and channels; some small among many; many of about one row.
    let kinds = [
        (1, 5_000, 1, 900),
        (2, 1, 3_000, 700),
        (3, 12, 2, 60),
        (8, 4_000, 3, 900),
        (32, 3_000, 2, 900),
        (100, 50, 2, 120),
    ];
    let run = |(streams, times, ids, size)| {
        let kinds = Kinds {
            streams,
            times,
            ids,
        };
        thread::spawn(move || kinds.run(size))
    };
    for thread in kinds.map(run) {
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))?;
    }
    Ok(())
}

#[test]
fn many_rows_at_once_are_counted_as_one_by_one() -> Result<()> {
    for seed in 0..CASES {
        let mut rng = Rng::with_seed(seed);
        let kinds = Kinds {
            streams: 1,
            times: 9_000,
            ids: 1,
        };
        let mut rows = |most: usize| -> BTreeSet<_> {
            let count = rng.usize(1..most);
            repeat_with(|| kinds.row(&mut rng)).take(count).collect()
        };
        let (first, second) = (rows(1_500), rows(400));
        load(&first, &second)?;
    }
    Ok(())
}

/// Runs that were wrong once: a line for the depths, then one for each commit, its rows as a
/// stream, a time and an id.
#[test]
fn what_was_wrong_once_is_right() -> Result<()> {
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    for case in include_str!("wrong_once.txt").split("\n\n") {
        let mut lines = case.lines();
        let depths = lines.next().unwrap_or_default();
        let depths: Vec<u64> = depths.split(' ').map(number).collect();
        let mut commits: Vec<Vec<(u8, Position)>> = Vec::new();
        for line in lines {
            let row = |text: &str| {
                let mut parts = text.split(':').map(number);
                let mut next = || parts.next().unwrap_or_default();
                (next() as u8, position(next(), next()))
            };
            commits.push(line.split(' ').map(row).collect());
        }
        assert!(depths.len() == 8 && !commits.is_empty(), "{depths:?}");
        let streams = commits.iter().flatten().map(|(stream, _)| stream + 1);
        run(&commits, &depths, streams.max().unwrap_or_default())?;
    }
    Ok(())
}

#[test]
fn a_stream_that_is_emptied_leaves_nothing_and_can_be_filled_again() -> Result<()> {
    let all: Vec<_> = (0..2_000).map(|time| (0, position(time, 0))).collect();
    run(&[all.clone(), all.clone(), all], &[0, 7, 1_999], 1)
}

#[test]
fn levels_are_held_to_their_hash() {
    let levels: Vec<u8> = (0..4_096)
        .map(|time| LEVELS.of(&position(time, 0)))
        .collect();
    let risen = |least: u8| levels.iter().filter(|level| **level >= least).count();
    assert_eq!([risen(1), risen(2), risen(3)], [520, 19, 1]);
    assert_eq!(LEVELS.of(&[0xAB; POSITION_LEN]), 0);
}
