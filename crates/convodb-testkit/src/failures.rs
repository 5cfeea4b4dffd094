//! What lets a PostgreSQL server, its clients and what connects them fail, while writers give commands; and a
//! checker of what they recorded.
//!
//! The suite of `convodb-postgres` runs each harness for a moment, and the trials run it at length.

use std::time::Duration;

use self::load::{Plan, report, undisturbed};
use crate::child::Child;
use crate::harness::report::{Breach, Progress, Report};
use crate::postgres::Server;

pub mod bouncer;
pub mod check;
pub mod conformance;
pub mod history;
pub mod kills;
pub mod load;
pub mod proxy;
pub mod standby;
pub mod writer;

/// The names of the harnesses.
pub const HARNESSES: [&str; 7] = [
    "undisturbed",
    "connections",
    "cuts",
    "processes",
    "pooler",
    "server",
    "failovers",
];

/// Runs each harness for about so long, or only one, on servers of their own. `start` runs a program that gives its
/// role to [`kills::serve`].
pub fn run(
    seed: u64,
    time: Duration,
    only: Option<&str>,
    start: impl Fn(&str) -> Child + Sync,
    progress: &dyn Progress,
) -> Report {
    let plan = Plan::new(seed, time);
    let server = Server::start_with(&kills::DURABLE);
    let mut all = report();
    for (done, name) in (1..).zip(HARNESSES) {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let report = match name {
            "undisturbed" => {
                let mut report = undisturbed(plan, &server);
                if report.count_tried("deadlocks") > 0 {
                    report.found(Breach::Failed, || "commits deadlock".to_owned());
                }
                report
            }
            "connections" => kills::connections(plan, &server),
            "cuts" => kills::cuts(plan, &server),
            "processes" => kills::processes(plan, &server, &start),
            "pooler" if !bouncer::is_installed() => continue,
            "pooler" => bouncer::pooled(plan, &server),
            "server" => kills::server(plan, &kills::DURABLE),
            _ => failovers(plan),
        };
        all.note(format!("{name}: {report}"));
        all.merge(report);
        progress.at(done, HARNESSES.len() as u64);
    }
    all
}

/// A failover is a matter of seconds, so there are several.
fn failovers(plan: Plan) -> Report {
    let mut report = report();
    let time = Duration::from_secs(3).min(plan.time);
    for number in 0..(plan.time.as_secs() / 10).max(1) {
        let seed = plan.seed.wrapping_add(number);
        report.merge(standby::failover(Plan { seed, time, ..plan }));
        standby::unreplicated(&mut report);
        standby::lost_directory(&mut report);
    }
    report
}
