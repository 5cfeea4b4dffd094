//! The table of a run on a server, and its goals.

use std::fmt::Write as _;

use super::floods::{HAND, SHARDS, SIX};
use super::reads::OFFSET;
use super::{Bench, ours::CONFIGURATIONS};
use crate::report::goals::Goal;
use crate::report::markdown::{find, judged, latencies, means, medians};
use crate::report::number;

/// A deep page of a list of fewer rows is no goal: `OFFSET` walks over so few quickly.
const LONG: u64 = 100_000;

pub(crate) fn table(bench: &Bench<'_>) -> String {
    let records = &bench.records;
    let mut engines: Vec<&str> = CONFIGURATIONS.iter().map(|it| it.name).collect();
    engines.extend([HAND, OFFSET, SIX, SHARDS]);
    let mut text = format!(
        "{} conversations over {} days, on a PostgreSQL server. Medians in microseconds unless said, with \
         (min–p99); in bold how many times the first column's: above 1 the other is slower, larger, or loads \
         less.\n\n",
        number(f64::from(bench.data.size)),
        bench.data.days,
    );
    text.push_str(&medians(records, &engines));
    text.push_str(&latencies(records));
    text.push_str(&means(records, &engines));
    text.push_str(
        "\nA consumer of events while sixteen callers append.\n\n\
         | | appends | seen | lost | gaps | out of order |\n| --- | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for one in &bench.consumed {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            one.name, one.appends, one.seen, one.lost, one.gaps, one.disordered
        );
    }
    text.push_str(&judged(&goals(bench)));
    for note in &bench.notes {
        let _ = write!(text, "\n{note}\n");
    }
    text
}

pub(crate) fn goals(bench: &Bench<'_>) -> Vec<Goal> {
    let mut goals = Vec::new();
    let mut beside = |case: &str, engine: &str, other: &str, at_most: f64| {
        let ours = find(&bench.records, case, engine);
        let theirs = find(&bench.records, case, other);
        goals.extend(ours.zip(theirs).map(|(ours, theirs)| Goal {
            name: match engine == "convodb" {
                true => format!("{case} beside {other}"),
                false => format!("{case} of {engine} beside {other}"),
            },
            at_most,
            measured: ours.median / theirs.median,
        }));
    };
    let first = CONFIGURATIONS.first().map_or("", |it| it.name);
    for (shape, total) in bench.plan.shapes.iter().zip(&bench.plan.totals) {
        beside(&format!("first/{}", shape.name), first, HAND, 2.0);
        for depth in ["half", "last"] {
            if *total > LONG {
                let case = format!("{depth}/{}", shape.name);
                beside(&case, first, HAND, 0.05);
                beside(&case, first, OFFSET, 0.005);
            }
        }
    }
    for configuration in CONFIGURATIONS {
        beside("append/64", configuration.name, HAND, 1.0 / 1.2);
        beside("append/64", configuration.name, SIX, 1.0 / 2.5);
        beside("status/64", configuration.name, SHARDS, 1.0 / 2.0);
    }
    let ours = |name: &str| CONFIGURATIONS.iter().any(|it| it.name == name);
    let consumed = bench.consumed.iter().filter(|one| ours(one.name));
    goals.extend(consumed.map(|one| Goal {
        name: format!("events lost of {}", one.name),
        at_most: 0.0,
        measured: one.lost as f64,
    }));
    goals
}
