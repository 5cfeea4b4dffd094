//! Processes that are killed while they write.

use convodb_testkit::child::{self, Child};
use convodb_testkit::harness::kill::{self, Manner, Plan};
use convodb_testkit::harness::report::{Breach, Report, Silent};

fn run(test: &str, kills: u64, manner: Manner) -> Report {
    let plan = Plan {
        seed: 1,
        kills,
        manner,
    };
    let report = kill::run(
        plan,
        |role| Child::start(module_path!(), test, role),
        &Silent,
    );
    println!("kill: {report}");
    report
}

#[test]
fn a_process_killed_under_several_writers_loses_nothing_and_leaves_nothing_by_half() {
    const TEST: &str =
        "a_process_killed_under_several_writers_loses_nothing_and_leaves_nothing_by_half";
    match child::role() {
        Some(role) => kill::serve(&role),
        None => {
            let report = run(TEST, 3, Manner::Honest);
            report.assert_clean();
            assert_eq!(report.count_tried("kills"), 3);
            assert!(report.count_tried("acknowledged") > 0);
        }
    }
}

#[test]
fn a_process_that_acknowledges_what_it_has_not_committed_is_flagged() {
    const TEST: &str = "a_process_that_acknowledges_what_it_has_not_committed_is_flagged";
    match child::role() {
        Some(role) => kill::serve(&role),
        None => {
            let report = run(TEST, 3, Manner::Hasty);
            assert!(report.count(Breach::Lost) > 0, "{report}");
        }
    }
}
