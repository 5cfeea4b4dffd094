//! Counted streams beside sorted lists, with the sets that are hard on them.

use convodb_core::Result;
use proptest::prelude::*;

use super::check::{LEVELS, load, position, run};
use crate::index::ordered::{POSITION_LEN, Position};

fn rows(streams: u8, times: u64, ids: u64) -> impl Strategy<Value = (u8, Position)> {
    (0..streams, 0..times, 0..ids).prop_map(|(number, time, id)| (number, position(time, id)))
}

fn commits(
    streams: u8,
    times: u64,
    ids: u64,
    size: usize,
) -> impl Strategy<Value = Vec<Vec<(u8, Position)>>> {
    prop::collection::vec(
        prop::collection::vec(rows(streams, times, ids), 1..size),
        1..6,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn one_stream_of_many_rows(
        commits in commits(1, 5_000, 1, 900),
        depths: [u64; 8],
    ) {
        prop_assert!(run(&commits, &depths, 1).is_ok());
    }

    #[test]
    fn rows_of_one_time(commits in commits(2, 1, 3_000, 700), depths: [u64; 8]) {
        prop_assert!(run(&commits, &depths, 2).is_ok());
    }

    #[test]
    fn few_rows_that_come_and_go(commits in commits(3, 12, 2, 60), depths: [u64; 8]) {
        prop_assert!(run(&commits, &depths, 3).is_ok());
    }

    #[test]
    fn eight_streams(commits in commits(8, 4_000, 3, 900), depths: [u64; 8]) {
        prop_assert!(run(&commits, &depths, 8).is_ok());
    }

    #[test]
    fn thirty_two_streams_of_which_some_are_small(
        commits in commits(32, 3_000, 2, 900),
        depths: [u64; 8],
    ) {
        prop_assert!(run(&commits, &depths, 32).is_ok());
    }

    #[test]
    fn a_hundred_streams_of_about_one_row(commits in commits(100, 50, 2, 120), depths: [u64; 8]) {
        prop_assert!(run(&commits, &depths, 100).is_ok());
    }

    #[test]
    fn many_rows_at_once_are_counted_as_one_by_one(
        first in prop::collection::btree_set(rows(1, 9_000, 1), 1..1_500),
        second in prop::collection::btree_set(rows(1, 9_000, 1), 1..400),
    ) {
        prop_assert!(load(&first, &second).is_ok());
    }
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
