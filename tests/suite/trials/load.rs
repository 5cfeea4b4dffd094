//! Sixteen writers and sixteen readers at once, for a moment. Nothing here asserts a time.

use std::time::Duration;

use convodb_testkit::harness::load::{self, Control, Plan};
use convodb_testkit::harness::report::{Breach, Report, Silent};

fn run(control: Control) -> Report {
    let plan = Plan {
        seed: 1,
        time: Duration::from_millis(600),
        conversations: 200,
        control,
    };
    let report = load::run(plan, &Silent);
    println!("load: {report}");
    report
}

#[test]
fn many_readers_and_writers_at_once_meet_no_error_and_lose_nothing() {
    let report = run(Control::None);
    report.assert_clean();
    for what in ["commands", "reads"] {
        assert!(report.count_tried(what) > 0, "{what}: {report}");
    }
}

#[test]
fn an_error_and_a_loss_under_load_are_flagged() {
    let closed = run(Control::Closed);
    assert!(closed.count(Breach::Failed) > 0, "{closed}");
    let forgotten = run(Control::Forgotten);
    assert_eq!(forgotten.count(Breach::Lost), 1, "{forgotten}");
}
