//! A user with many conversations is removed while other threads write, for a moment. Nothing here
//! asserts a time.

use std::time::Duration;

use convodb_testkit::harness::reassignment::{self, Control, Plan};
use convodb_testkit::harness::report::{Breach, Report, Silent};

fn run(control: Control, limit: Duration) -> Report {
    let plan = Plan {
        seed: 1,
        conversations: 600,
        limit,
        control,
    };
    let report = reassignment::run(plan, &Silent);
    println!("reassignment: {report}");
    report
}

#[test]
fn commands_go_on_while_conversations_are_reassigned() {
    let report = run(Control::None, Duration::from_secs(60));
    report.assert_clean();
    assert!(report.count_tried("commands") > 0, "{report}");
}

#[test]
fn conversations_that_are_not_reassigned_are_flagged() {
    let report = run(Control::Idle, Duration::from_millis(20));
    assert_eq!(report.count(Breach::Hung), 1, "{report}");
    assert_eq!(report.count(Breach::Torn), 0, "{report}");
}
