//! Counted streams beside sorted lists, with the sets that are hard on them.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::thread;

use convodb_testkit::harness::random::Random;
use convodb_testkit::ranks::{Position, load, position, run, run_bytes, run_text};
use convodb_testkit::tables::{Tables, levels};

const CASES: u64 = 24;

/// How many streams there are, and from how many times and ids their rows are drawn.
#[derive(Clone, Copy)]
struct Kinds {
    streams: u64,
    times: u64,
    ids: u64,
}

impl Kinds {
    fn row(self, random: &mut Random) -> (u8, Position) {
        let position = position(random.below(self.times), random.below(self.ids));
        (random.below(self.streams) as u8, position)
    }

    fn rows(self, random: &mut Random, most: u64) -> Vec<(u8, Position)> {
        (0..=random.below(most)).map(|_| self.row(random)).collect()
    }

    /// Runs commits of so many rows at most.
    fn run(self, most: u64) {
        for seed in 0..CASES {
            let mut random = Random::new(seed);
            let commits: Vec<_> = (0..=seed % 5)
                .map(|_| self.rows(&mut random, most))
                .collect();
            let depths: [u64; 8] = std::array::from_fn(|_| random.word());
            run(&commits, &depths, self.streams as u8).unwrap();
        }
    }
}

#[test]
fn counts_pages_and_ranks_are_those_of_sorted_lists() {
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
    let run = |(streams, times, ids, most)| {
        let kinds = Kinds {
            streams,
            times,
            ids,
        };
        thread::spawn(move || kinds.run(most))
    };
    for thread in kinds.map(run) {
        thread.join().unwrap_or_else(|panic| resume_unwind(panic));
    }
}

#[test]
fn many_rows_at_once_are_counted_as_one_by_one() {
    let kinds = Kinds {
        streams: 1,
        times: 9_000,
        ids: 1,
    };
    for seed in 0..CASES {
        let mut random = Random::new(seed);
        let mut rows = |most| -> BTreeSet<_> {
            let rows = kinds.rows(&mut random, most).into_iter();
            rows.map(|(_, position)| position).collect()
        };
        load(&[rows(1_500), rows(400)]).unwrap();
    }
}

#[test]
fn what_was_wrong_once_is_right() {
    for case in include_str!("../fixtures/wrong-once.txt").split("\n\n") {
        run_text(case).unwrap();
    }
}

#[test]
fn arbitrary_bytes_are_rows_that_come_and_go() {
    let mut random = Random::new(1);
    let bytes: Vec<u8> = (0..4_000).map(|_| random.word() as u8).collect();
    run_bytes(&bytes).unwrap();
}

#[test]
fn a_stream_that_is_emptied_leaves_nothing_and_can_be_filled_again() {
    let all: Vec<_> = (0..2_000).map(|time| (0, position(time, 0))).collect();
    run(&[all.clone(), all.clone(), all], &[0, 7, 1_999], 1).unwrap();
}

#[test]
fn deep_pages_are_right_where_the_newest_rows_are_buffered_alone() {
    // As conversations do that become the newest: before all that is there.
    let commits: Vec<Vec<_>> = (0..8)
        .map(|commit| {
            let times = (9_000 - 1_000 * commit..).take(1_000);
            let new = times.map(|time| (0, position(time, 0)));
            // And some leave from further behind.
            let left = (9_000 - 1_000 * commit..).step_by(7).skip(300).take(100);
            let left = left.filter(|time| *time < 10_000 && commit > 0);
            new.chain(left.map(|time| (0, position(time, 0)))).collect()
        })
        .collect();
    run(
        &commits,
        &[0, 13, 500, 1_999, 3_001, 4_444, 6_000, 7_777],
        1,
    )
    .unwrap();
}

#[test]
fn rows_that_come_and_go_before_a_checkpoint_leave_nothing_in_memory() {
    let tables = Tables::new().unwrap();
    let positions: Vec<_> = (0..3_000)
        .map(|time| position(time * 7 % 3_000, 0))
        .collect();
    let write = |adds: bool, positions: &[Position]| {
        let written = tables.write(|rows| {
            positions.iter().try_for_each(|position| match adds {
                true => rows.insert(0, position),
                false => rows.take(0, position),
            })?;
            Ok(true)
        });
        assert!(written.unwrap());
    };
    write(true, &positions);
    let [full, _] = tables.buffered_bytes();
    let (kept, left) = positions.split_at(1_000);
    write(false, left);
    let [third, _] = tables.buffered_bytes();
    assert_eq!(third, full / 3);
    let mut sorted = kept.to_vec();
    sorted.sort_unstable();
    let view = tables.view().unwrap();
    assert_eq!(view.rows().select(&[0], 400, 600).unwrap(), sorted[400..]);
    write(false, kept);
    assert_eq!(tables.buffered_bytes(), [0, 0]);
    write(true, left);
    write(true, kept);
    assert_eq!(tables.buffered_bytes(), [full, 0]);
}

#[test]
fn levels_are_held_to_their_hash() {
    let all: Vec<_> = (0..4_096).map(|time| levels(&position(time, 0))).collect();
    let risen = |least: u8| all.iter().filter(|[level, _]| *level >= least).count();
    assert_eq!([risen(1), risen(2), risen(3)], [520, 19, 1]);
    let risen = |least: u8| all.iter().filter(|[_, level]| *level >= least).count();
    assert_eq!([risen(1), risen(2), risen(3)], [248, 9, 0]);
    assert_eq!(levels(&[0xAB; 24]), [0, 0]);
}
