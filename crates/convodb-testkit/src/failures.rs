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
pub mod history;
pub mod kills;
pub mod load;
pub mod proxy;
pub mod standby;
pub mod writer;

/// Runs each harness for about so long, on servers of their own. `start` runs a program that gives its role to
/// [`kills::serve`].
pub fn run(
    seed: u64,
    time: Duration,
    start: impl Fn(&str) -> Child + Sync,
    progress: &dyn Progress,
) -> Report {
    const HARNESSES: u64 = 7;
    let mut all = report();
    let mut done = 0;
    let mut add = |name: &str, report: Report| {
        done += 1;
        all.note(format!("{name}: {report}"));
        all.merge(report);
        progress.at(done, HARNESSES);
    };
    let plan = Plan::new(seed, time);
    let server = Server::start_with(&kills::DURABLE);
    let mut quiet = undisturbed(plan, &server);
    if quiet.count_tried("deadlocks") > 0 {
        quiet.found(Breach::Failed, || "commits deadlock".to_owned());
    }
    add("undisturbed", quiet);
    add("connections", kills::connections(plan, &server));
    add("cuts", kills::cuts(plan, &server));
    add("processes", kills::processes(plan, &server, start));
    if bouncer::is_installed() {
        add("pooler", bouncer::pooled(plan, &server));
    }
    drop(server);
    add("server", kills::server(plan));
    // A failover is a matter of seconds, so there are several.
    let mut failovers = report();
    for number in 0..(time.as_secs() / 10).max(1) {
        let short = Duration::from_secs(3).min(time);
        failovers.merge(standby::failover(Plan::new(
            seed.wrapping_add(number),
            short,
        )));
        standby::unreplicated(&mut failovers);
        standby::lost_directory(&mut failovers);
    }
    add("failovers", failovers);
    all
}
