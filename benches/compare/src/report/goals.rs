//! What convodb is to reach, as ratios of figures of one run.

use super::json::Earlier;
use super::markdown::find;
use crate::measure::Record;

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
    let median = |case: &str, engine: &str| find(records, case, engine).map(|f| f.median);
    let mut goals = Vec::new();
    let mut beside = |case: &str, engine: &str, their_case: &str, at_most: f64| {
        let ratio = || Some(median(case, "convodb")? / median(their_case, engine)?);
        goals.extend(ratio().map(|measured| Goal {
            name: match case == their_case {
                true => format!("{case} beside {engine}"),
                false => format!("{case} beside {their_case} of {engine}"),
            },
            at_most,
            measured,
        }));
    };
    for shape in SHAPES {
        let first = format!("first/{shape}");
        beside(
            &first,
            "sqlite",
            &first,
            if shape == "all" { 0.6 } else { 1.0 / 3.0 },
        );
    }
    for shape in ONE_STREAM {
        let first = format!("first/{shape}");
        beside(&first, "lmdb", &first, 1.0);
    }
    for depth in DEEP {
        for shape in LONG {
            let case = format!("{depth}/{shape}");
            beside(&case, "sqlite", &case, 1.0 / 200.0);
            beside(&case, "sqlite", &format!("first/{shape}"), 2.0);
            beside(&case, "sqlite_expert", &case, 1.0 / 5.0);
        }
        let all = format!("{depth}/all");
        beside(&all, "sqlite", &all, 1.0 / 100.0);
        beside(&all, "sqlite", "first/all", 5.0);
    }
    beside("counts/sidebar", "sqlite", "counts/sidebar", 1.0 / 4.0);
    beside("get/10", "sqlite", "get/10", 1.0 / 3.0);
    beside("file", "sqlite", "file", 1.2);
    // A rate: the other way round.
    let rates = median("load", "sqlite").zip(median("load", "convodb"));
    goals.extend(rates.map(|(theirs, ours)| Goal {
        name: "load of sqlite beside convodb's".to_owned(),
        at_most: 1.0,
        measured: theirs / ours,
    }));
    goals.extend(since(records, earlier, size));
    goals
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
