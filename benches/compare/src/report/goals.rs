//! What convodb is to reach, as ratios of figures of one run.

use super::json::Earlier;
use super::markdown::find;
use crate::commands::{Pick, Verb};
use crate::engine::Kind;
use crate::measure::Record;
use crate::replay::COMMANDS;

pub(crate) struct Goal {
    pub(crate) name: String,
    pub(crate) at_most: f64,
    pub(crate) measured: f64,
}

const SHAPES: [&str; 7] = [
    "open",
    "open+channel",
    "user",
    "user+channel",
    "all",
    "resolved+channel",
    "agent",
];
const ONE_STREAM: [&str; 3] = ["open+channel", "user+channel", "resolved+channel"];
/// Long enough that `OFFSET` has to walk.
const LONG: [&str; 2] = ["open+channel", "resolved+channel"];
const DEEP: [&str; 2] = ["half", "last"];

/// The goals whose figures are there.
pub(crate) fn list(records: &[Record], earlier: &[Earlier], size: u32) -> Vec<Goal> {
    let mut goals = reads(records);
    goals.extend(load(records));
    goals.extend(commands(records));
    goals.extend(reader(records));
    goals.extend(replay(records));
    goals.extend(since(records, earlier, size));
    goals
}

/// A case of convodb beside one of another engine.
fn beside(
    records: &[Record],
    case: &str,
    engine: &str,
    their_case: &str,
    at_most: f64,
) -> Option<Goal> {
    let ours = find(records, case, Kind::Convodb.name())?.median;
    let theirs = find(records, their_case, engine)?.median;
    Some(Goal {
        name: match case == their_case {
            true => format!("{case} beside {engine}"),
            false => format!("{case} beside {their_case} of {engine}"),
        },
        at_most,
        measured: ours / theirs,
    })
}

fn reads(records: &[Record]) -> Vec<Goal> {
    let mut goals = Vec::new();
    let mut goal = |case: &str, engine, their_case: &str, at_most| {
        goals.extend(beside(records, case, engine, their_case, at_most));
    };
    for shape in SHAPES {
        let first = format!("first/{shape}");
        let at_most = if shape == "all" { 0.6 } else { 1.0 / 3.0 };
        goal(&first, "sqlite", &first, at_most);
    }
    for shape in ONE_STREAM {
        let first = format!("first/{shape}");
        goal(&first, "lmdb", &first, 1.0);
    }
    for depth in DEEP {
        for shape in LONG {
            let case = format!("{depth}/{shape}");
            goal(&case, "sqlite", &case, 1.0 / 200.0);
            goal(&case, "sqlite", &format!("first/{shape}"), 2.0);
            goal(&case, "sqlite_expert", &case, 1.0 / 5.0);
        }
        let all = format!("{depth}/all");
        goal(&all, "sqlite", &all, 1.0 / 100.0);
        goal(&all, "sqlite", "first/all", 5.0);
    }
    goal("counts/sidebar", "sqlite", "counts/sidebar", 1.0 / 4.0);
    goal("get/10", "sqlite", "get/10", 1.0 / 3.0);
    goals
}

fn load(records: &[Record]) -> Vec<Goal> {
    let rate = |kind: Kind| Some(find(records, "load", kind.name())?.median);
    // A rate: the other way round.
    let rates = rate(Kind::Sqlite).zip(rate(Kind::Convodb));
    let rates = rates.map(|(theirs, ours)| Goal {
        name: "load of sqlite beside convodb's".to_owned(),
        at_most: 1.0,
        measured: theirs / ours,
    });
    let file = beside(records, "file", "sqlite", "file", 1.2);
    file.into_iter().chain(rates).collect()
}

/// Durable commands, whichever conversations they are about.
fn commands(records: &[Record]) -> Vec<Goal> {
    let mut goals = Vec::new();
    let mut goal = |case: &str, engine, at_most| {
        goals.extend(beside(records, case, engine, case, at_most));
    };
    for pick in [Pick::Uniform, Pick::Recent].map(Pick::suffix) {
        for verb in Verb::ALL.map(Verb::name) {
            let case = format!("{verb}/1{pick}");
            goal(&case, "sqlite", 0.6);
            goal(&case, "sqlite_lean", 1.3);
        }
        // At least 2 and 1.2 times as fast.
        let case = format!("append/16{pick}");
        goal(&case, "sqlite", 1.0 / 2.0);
        goal(&case, "sqlite_lean", 1.0 / 1.2);
    }
    goals
}

/// A reader beside writers and without.
fn reader(records: &[Record]) -> Vec<Goal> {
    let [alone, beside] =
        ["reader/alone", "reader/16"].map(|case| find(records, case, Kind::Convodb.name()));
    let Some((alone, beside)) = alone.zip(beside) else {
        return Vec::new();
    };
    let goal = |name: &str, at_most, measured| Goal {
        name: format!("reader/16 beside reader/alone, {name}"),
        at_most,
        measured,
    };
    vec![
        goal("p50", 2.0, beside.median / alone.median),
        goal("p99", 5.0, beside.p99 / alone.p99),
    ]
}

/// Seconds, and no ratio.
fn replay(records: &[Record]) -> Option<Goal> {
    let most = COMMANDS.into_iter().max()?;
    let took = |kind: Kind| find(records, &format!("replay/{most}"), kind.name());
    let beyond_us = took(Kind::Convodb)?.median - took(Kind::Redb)?.median;
    Some(Goal {
        name: format!("replay/{most} beyond the engine's own recovery, seconds"),
        at_most: 1.0,
        measured: beyond_us / 1e6,
    })
}

/// Growth from an earlier run's size to this one's, and what a command costs since.
fn since(records: &[Record], earlier: &[Earlier], size: u32) -> Vec<Goal> {
    let ours = earlier.iter().filter(|one| one.engine == "convodb");
    let goal = |one: &Earlier| {
        let now = find(records, &one.case, "convodb")?.median;
        let (area, shape) = one.case.split_once('/')?;
        // In a small inbox one user's list is shorter than a page: another question.
        let paged = !shape.starts_with("user");
        let grown = one.size < u64::from(size);
        let same = one.size == u64::from(size);
        let (text, at_most) = match area {
            "first" | "half" | "last" | "cursor" if grown && paged => ("grown", 2.0),
            "append" | "assign" | "resolve" if same => ("since", 1.5),
            _ => return None,
        };
        Some(Goal {
            name: format!("{} {text} from {}", one.case, one.size),
            at_most,
            measured: now / one.median,
        })
    };
    ours.filter_map(goal).collect()
}
