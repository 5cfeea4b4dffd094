//! Power cuts, replayed.

use crate::support::harness::crash::{self, Plan, Syncs};
use crate::support::harness::report::{Report, Silent};

fn run(states: u64, syncs: Syncs) -> Report {
    let seed = 1;
    let plan = Plan {
        seed,
        states,
        syncs,
    };
    let report = crash::run(plan, &Silent);
    println!("crash, {syncs:?} syncs: {report}");
    report
}

#[test]
fn a_power_cut_at_any_moment_takes_nothing_back_and_leaves_nothing_by_half() {
    let report = run(600, Syncs::Honest);
    report.assert_clean();
    assert_eq!(report.count_tried("states"), 600);
}

#[test]
fn a_disk_that_does_not_sync_is_flagged() {
    assert!(!run(300, Syncs::Ignored).is_clean());
}

#[test]
fn a_disk_that_lets_writes_pass_a_sync_is_flagged() {
    assert!(!run(300, Syncs::Late(3)).is_clean());
}
