//! Writers, while the server, their process or what connects them fails.

use std::time::Duration;

use convodb_testkit::child::{self, Child};
use convodb_testkit::failures::load::{Control, Plan, block_on, database, report, undisturbed};
use convodb_testkit::failures::{bouncer, conformance, kills, standby};
use convodb_testkit::harness::report::{Breach, Report, Silent};
use convodb_testkit::postgres::{is_installed, shared};

pub fn moment(millis: u64) -> Plan {
    Plan::new(1, Duration::from_millis(millis))
}

pub fn clean(report: &Report) {
    report.assert_clean();
    assert!(report.count_tried("acknowledged") > 0, "{report}");
}

/// Runs a control until it is flagged: one run may be too short to do what is to be flagged.
fn flagged(breach: Breach, run: impl Fn(u64) -> Report) {
    let reports = (1..=10).map(|times| run(500 * times));
    assert!(
        reports.into_iter().any(|report| report.count(breach) > 0),
        "{breach} is not flagged"
    );
}

#[test]
fn histories_of_several_stores_are_linearizable_and_nothing_deadlocks() {
    if is_installed() {
        let report = undisturbed(moment(1_000), shared());
        clean(&report);
        assert_eq!(report.count_tried("deadlocks"), 0);
    }
}

#[test]
fn what_was_acknowledged_and_not_given_is_flagged() {
    if is_installed() {
        flagged(Breach::Lost, |millis| {
            undisturbed(moment(millis).control(Control::Hasty), shared())
        });
    }
}

#[test]
fn what_is_there_twice_is_flagged() {
    if is_installed() {
        flagged(Breach::Torn, |millis| {
            undisturbed(moment(millis).control(Control::Twice), shared())
        });
    }
}

#[test]
fn commits_that_compare_no_versions_are_flagged() {
    if is_installed() {
        for breach in [Breach::Torn, Breach::Wrong] {
            flagged(breach, |millis| {
                undisturbed(
                    moment(2 * millis).control(Control::WithoutVersions),
                    shared(),
                )
            });
        }
    }
}

#[test]
fn a_server_killed_under_writers_loses_nothing_and_they_go_on() {
    if is_installed() {
        let report = kills::server(moment(1_500), &kills::DURABLE);
        clean(&report);
        assert!(report.count_tried("kills") > 0, "{report}");
    }
}

#[test]
fn a_server_that_acknowledges_before_it_writes_is_flagged() {
    if is_installed() {
        flagged(Breach::Lost, |millis| {
            kills::server(moment(millis), &kills::LOSSY)
        });
    }
}

#[test]
fn connections_that_end_at_random_lose_nothing_and_do_nothing_twice() {
    if is_installed() {
        let report = kills::connections(moment(1_000), shared());
        clean(&report);
        assert!(report.count_tried("ended connections") > 0, "{report}");
        assert!(report.count_tried("folds") > 0, "{report}");
        flagged(Breach::Lost, |millis| {
            kills::connections(moment(millis).control(Control::Hasty), shared())
        });
    }
}

#[test]
fn connections_cut_at_a_commit_lose_nothing_and_do_nothing_twice() {
    if is_installed() {
        let report = kills::cuts(moment(2_000), shared());
        clean(&report);
        assert!(report.count_tried("after") > 0, "{report}");
        flagged(Breach::Torn, |millis| {
            kills::cuts(moment(millis).control(Control::Twice), shared())
        });
    }
}

#[test]
fn processes_killed_between_load_and_write_lose_nothing_and_leave_nothing_by_half() {
    const TEST: &str =
        "processes_killed_between_load_and_write_lose_nothing_and_leave_nothing_by_half";
    if let Some(role) = child::role() {
        kills::serve(&role);
    } else if is_installed() {
        let start = |role: &str| Child::start(module_path!(), TEST, role);
        let report = kills::processes(moment(1_500), shared(), start);
        clean(&report);
        flagged(Breach::Lost, |millis| {
            kills::processes(moment(millis).control(Control::Hasty), shared(), start)
        });
    }
}

#[test]
fn a_failover_to_a_synchronous_standby_loses_nothing() {
    if is_installed() {
        let report = standby::failover(moment(1_500));
        clean(&report);
    }
}

#[test]
fn a_failover_to_another_standby_loses_what_the_store_says_it_can() {
    if is_installed() {
        flagged(Breach::Lost, |millis| {
            let (report, lossy) = standby::lossy_failover(moment(3 * millis));
            clean(&report);
            lossy
        });
    }
}

#[test]
fn a_commit_that_its_synchronous_standby_does_not_have_is_not_acknowledged() {
    if is_installed() {
        let mut report = report();
        standby::unreplicated(&mut report);
        report.assert_clean();
        assert_eq!(report.count_tried("ended waits"), 1);
    }
}

#[test]
fn a_pooler_by_transaction_serves_stores_without_named_statements() {
    if is_installed() && bouncer::is_installed() {
        clean(&bouncer::pooled(moment(1_000), shared()));
        flagged(Breach::Torn, |millis| {
            bouncer::pooled(moment(millis).control(Control::Twice), shared())
        });
    }
}

#[test]
fn a_failover_that_loses_changes_of_the_directory_leaves_no_store_behind() {
    if is_installed() {
        let mut report = report();
        standby::lost_directory(&mut report);
        report.assert_clean();
    }
}

#[test]
fn a_server_of_this_kind_passes_the_checks_of_others() {
    if is_installed() {
        let url = shared().url(&database(shared()));
        let time = Duration::from_millis(300);
        let report = block_on(conformance::run(&url, time, &Silent)).unwrap();
        report.assert_clean();
    }
}
