//! A removal with others at work beside it, for a moment. Nothing here asserts a time.

use std::time::Duration;

use convodb_testkit::harness::report::{Breach, Report, Silent};
use convodb_testkit::harness::takeover::{self, Control, Plan};

fn run(control: Control, limit: Duration) -> Report {
    let plan = Plan {
        seed: 1,
        conversations: 600,
        limit,
        control,
    };
    let report = takeover::run(plan, &Silent);
    println!("takeover: {report}");
    report
}

#[test]
fn commands_go_on_while_conversations_are_taken_over() {
    let report = run(Control::None, Duration::from_secs(60));
    report.assert_clean();
    assert!(report.count_tried("commands") > 0, "{report}");
}

#[test]
fn a_takeover_that_nobody_files_is_flagged() {
    let report = run(Control::Idle, Duration::from_millis(20));
    assert_eq!(report.count(Breach::Hung), 1, "{report}");
    assert_eq!(report.count(Breach::Torn), 0, "{report}");
}
