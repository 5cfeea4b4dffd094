//! Power cuts, replayed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use convodb_testkit::fixture::{clock, fill, options};
use convodb_testkit::harness::crash::{self, Claims, Control, Crash, Plan};
use convodb_testkit::harness::disk::Image;
use convodb_testkit::harness::report::{Breach, Report, Silent};
use convodb_testkit::tables::with_redb;

fn run(states: u64, control: Control) -> Report {
    let plan = Plan {
        seed: 1,
        states,
        one_in: 8,
        control,
    };
    let report = crash::run(plan, &Silent);
    println!("crash, control {control:?}: {report}");
    report
}

#[test]
fn a_power_cut_at_any_moment_takes_nothing_back_and_leaves_nothing_by_half() {
    let report = run(500, Control::None);
    report.assert_clean();
    assert_eq!(report.count_tried("states"), 500);
}

#[test]
fn a_disk_that_does_not_sync_is_flagged() {
    assert!(!run(200, Control::IgnoredSyncs).is_clean());
}

#[test]
fn a_disk_that_lets_writes_pass_a_sync_is_flagged() {
    assert!(!run(200, Control::LateSyncs(3)).is_clean());
}

#[test]
fn a_reader_that_sees_what_is_not_durable_is_flagged() {
    assert!(run(100, Control::EarlyReaders).count(Breach::Lost) > 0);
}

/// A state of one file.
fn state_of(file: &Path) -> Crash {
    Crash::at_rest(Image {
        files: vec![Arc::new(fs::read(file).unwrap())],
        names: BTreeMap::from([(crash::PATH.into(), 0)]),
    })
}

#[test]
fn an_index_row_left_out_is_flagged() {
    const INDEX: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("index");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let clock = clock();
    let store = options(&clock).open(&path).unwrap();
    let model = fill(&store, &clock, 1, 40);
    store.close().unwrap();
    let mut claims = Claims::default();
    claims.acknowledge(0, 0, &model);
    let mut report = crash::new_report();
    crash::check(&state_of(&path), &claims, "a sound file", &mut report);
    report.assert_clean();

    let database = with_redb(&path);
    let transaction = database.begin_write().unwrap();
    // The second index: the list of all is read from the first alone.
    let by_assignee: &[u8] = &[2];
    let mut index = transaction.open_table(INDEX).unwrap();
    let removed = index
        .extract_from_if(by_assignee.., |_, _| true)
        .unwrap()
        .next();
    removed.expect("a row").unwrap();
    drop(index);
    transaction.commit().unwrap();
    drop(database);
    crash::check(&state_of(&path), &claims, "a spoilt file", &mut report);
    assert_eq!(report.count(Breach::Torn), 1, "{report}");
}
