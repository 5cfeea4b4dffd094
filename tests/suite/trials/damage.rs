//! Damaged and foreign files, looked at in processes of their own.

use convodb_testkit::child::{self, Child};
use convodb_testkit::harness::damage::{self, Control, Plan};
use convodb_testkit::harness::report::{Breach, Report, Silent};

fn run(test: &str, files: u64, control: Control) -> Report {
    let plan = Plan {
        seed: 1,
        first: 0,
        files,
        control,
    };
    let start = |role: &str| Child::start(module_path!(), test, role);
    let report = damage::run(plan, start, &Silent);
    println!("damage: {report}");
    assert_eq!(report.count_tried("files"), files);
    report
}

/// The child's part, or the parent's.
fn in_processes(test: &str, files: u64, control: Control, judge: impl FnOnce(&Report)) {
    match child::role() {
        Some(role) => assert!(damage::serve(&role)),
        None => judge(&run(test, files, control)),
    }
}

#[test]
fn a_damaged_file_answers_right_or_with_an_error() {
    const TEST: &str = "a_damaged_file_answers_right_or_with_an_error";
    in_processes(TEST, 64, Control::None, |report| {
        report.assert_clean();
        for seen in ["refused", "whole"] {
            assert!(report.count_tried(seen) > 0, "{seen}: {report}");
        }
        // With its debug assertions, redb reads every page when it opens a file.
        let is_met_later = report.count_tried("reported") > 0;
        assert!(is_met_later || cfg!(debug_assertions), "{report}");
    });
}

#[test]
fn a_wrong_answer_beneath_intact_checksums_is_flagged() {
    const TEST: &str = "a_wrong_answer_beneath_intact_checksums_is_flagged";
    in_processes(TEST, 2, Control::Unchecked, |report| {
        assert_eq!(report.count(Breach::Wrong), 2, "{report}");
    });
}

#[test]
fn a_record_that_is_another_is_flagged() {
    const TEST: &str = "a_record_that_is_another_is_flagged";
    if let Some(role) = child::role() {
        assert!(damage::serve(&role));
        return;
    }
    for control in [Control::OtherContent, Control::OtherRow] {
        let report = run(TEST, 16, control);
        assert!(report.count(Breach::Wrong) > 0, "{control:?}: {report}");
    }
}

#[test]
fn a_panic_an_abort_and_a_hang_are_flagged() {
    const TEST: &str = "a_panic_an_abort_and_a_hang_are_flagged";
    if let Some(role) = child::role() {
        assert!(damage::serve(&role));
        return;
    }
    for (control, breach) in [
        (Control::Panics, Breach::Panicked),
        (Control::Aborts, Breach::Aborted),
        (Control::Hangs, Breach::Hung),
    ] {
        let report = run(TEST, 4, control);
        assert!(report.count(breach) > 0, "{control:?}: {report}");
    }
}
