//! Disks that fail, and disks that run full.

use convodb_testkit::harness::disk::Fate;
use convodb_testkit::harness::faults::{self, FATES, Plan};
use convodb_testkit::harness::report::{Report, Silent};

fn run(step: u64, fates: &'static [Fate]) -> Report {
    let plan = Plan {
        seed: 1,
        workloads: 1,
        step,
        fates,
    };
    let report = faults::run(plan, &Silent);
    println!("faults, {fates:?}: {report}");
    report
}

#[test]
fn a_failing_disk_and_a_full_one_cost_nothing_that_was_acknowledged() {
    let report = run(41, FATES);
    report.assert_clean();
    assert!(report.count_tried("failing calls") > 0);
    assert!(report.count_tried("full disks") > 0);
}

#[test]
fn a_disk_that_drops_writes_and_says_nothing_is_flagged() {
    assert!(!run(97, &[Fate::Skipped]).is_clean());
}
