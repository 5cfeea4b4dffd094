//! What convodb is to reach, as ratios of figures of one run.

use super::json::Earlier;
use super::markdown::find;
use crate::commands::{Pick, Verb};
use crate::engine::Kind;
use crate::measure::{Figure, Record};
use crate::replay::{COMMANDS, FULL};
use crate::views::View;

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
    goals.extend(views(records));
    goals.extend(load(records));
    goals.extend(commands(records));
    goals.extend(reader(records));
    goals.extend(replay(records));
    goals.extend(opening_and_file(records));
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
    goal("get/10", "lmdb", "get/10", 2.0);
    goals
}

/// The middle of the one that is long enough for `OFFSET` to walk.
fn views(records: &[Record]) -> Vec<Goal> {
    let first = View::ALL.map(|view| (view.case("first"), "sqlite", 1.0 / 3.0));
    let half = View::Archive.case("half");
    let goals = first.into_iter().chain([
        (half.clone(), "sqlite", 1.0 / 100.0),
        (half, "sqlite_expert", 1.0 / 5.0),
    ]);
    let goal = |(case, engine, at_most): (String, &str, f64)| {
        beside(records, &case, engine, &case, at_most)
    };
    goals.filter_map(goal).collect()
}

fn load(records: &[Record]) -> Vec<Goal> {
    let rate = |kind: Kind| Some(find(records, "load", kind.name())?.median);
    let goal = |kind: Kind| {
        Some(Goal {
            // A rate: the other way round.
            name: format!("load of {} beside convodb's", kind.name()),
            at_most: 1.0,
            measured: rate(kind)? / rate(Kind::Convodb)?,
        })
    };
    let file = beside(records, "file", "sqlite", "file", 1.2);
    let rates = [Kind::Sqlite, Kind::SqliteLean]
        .into_iter()
        .filter_map(goal);
    file.into_iter().chain(rates).collect()
}

/// Durable commands, whichever conversations they are about.
fn commands(records: &[Record]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for pick in [Pick::Uniform, Pick::Recent] {
        let suffix = pick.suffix();
        let alone = Verb::ALL.map(|verb| format!("{}/1{suffix}", verb.name()));
        let many = format!("append/16{suffix}");
        for case in &alone {
            goals.extend(beside(records, case, "sqlite", case, 0.6));
            goals.extend(beside(records, case, "sqlite_lean", case, 1.3));
        }
        goals.extend(beside(records, &many, "sqlite", &many, 1.0 / 2.0));
        let at_most = match pick {
            Pick::Uniform => 0.55,
            Pick::Recent => 1.0 / 1.2,
        };
        goals.extend(beside(records, &many, "sqlite_lean", &many, at_most));
        for case in alone.iter().chain([&many]) {
            if pick == Pick::Uniform || case.starts_with("append") {
                goals.extend(mean(records, case));
            }
            goals.extend(written(records, case, pick));
        }
    }
    goals.extend(tails(records));
    goals
}

fn of(records: &[Record], case: &str, kind: Kind) -> Option<Figure> {
    find(records, case, kind.name())
}

/// To the end of the last checkpoint.
fn mean(records: &[Record], case: &str) -> Option<Goal> {
    let [ours, theirs] = [Kind::Convodb, Kind::SqliteLean].map(|kind| of(records, case, kind));
    Some(Goal {
        name: format!("{case} beside sqlite_lean, mean"),
        at_most: 1.0,
        measured: ours?.mean / theirs?.mean,
    })
}

fn written(records: &[Record], case: &str, pick: Pick) -> Option<Goal> {
    let written = of(records, case, Kind::Convodb)?.tail?.written?;
    Some(Goal {
        name: format!("{case}, KiB written a command"),
        at_most: match pick {
            Pick::Uniform => 17.0,
            Pick::Recent => 6.0,
        },
        measured: written.all / 1024.0,
    })
}

fn tails(records: &[Record]) -> Vec<Goal> {
    let many = |kind| Some(of(records, "append/16", kind)?.p999 / 1e3);
    let alone = |kind| Some(of(records, "append/1", kind)?.tail?.slowest);
    let many = many(Kind::Convodb).zip(many(Kind::Sqlite));
    let many = many.map(|(ours, theirs)| Goal {
        name: "append/16, p99.9 in ms: 4 or a twentieth of sqlite's".to_owned(),
        at_most: f64::max(4.0, theirs / 20.0),
        measured: ours,
    });
    let alone = alone(Kind::Convodb).zip(alone(Kind::SqliteLean));
    let alone = alone.map(|(ours, theirs)| Goal {
        name: "append/1 beside sqlite_lean, mean of the slowest 1 %".to_owned(),
        at_most: 1.0,
        measured: ours / theirs,
    });
    many.into_iter().chain(alone).collect()
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

/// Plain commands a second, and a whole log in seconds.
fn replay(records: &[Record]) -> Vec<Goal> {
    let ours = |case: &str| Some(of(records, case, Kind::Convodb)?.median);
    let most = COMMANDS.into_iter().max().unwrap_or_default().to_string();
    let rate = |name: &str| {
        Some(Goal {
            // A rate: the other way round.
            name: format!("60,000 commands a second beside recovery/{name}"),
            at_most: 1.0,
            measured: 60_000.0 / ours(&format!("recovery/{name}"))?,
        })
    };
    let full = ours(&format!("replay/{FULL}")).map(|us| Goal {
        name: format!("replay/{FULL}, seconds"),
        at_most: 2.0,
        measured: us / 1e6,
    });
    let rates = [most.as_str(), FULL].into_iter().filter_map(rate);
    rates.chain(full).collect()
}

fn opening_and_file(records: &[Record]) -> Vec<Goal> {
    let ours = |case: &str| Some(of(records, case, Kind::Convodb)?.median);
    let goal = |name: &str, at_most, measured| Goal {
        name: name.to_owned(),
        at_most,
        measured,
    };
    let mib = f64::from(1 << 20);
    let open = ours("open").map(|us| goal("open, ms", 3.0, us / 1e3));
    let file = ours("file").map(|bytes| goal("file, MiB", 600.0, bytes / mib));
    let more = ours("file/one_more").zip(ours("file/packed"));
    // It is less than double.
    let more =
        more.map(|(grown, packed)| goal("file/one_more beside file/packed", 1.99, grown / packed));
    [open, file, more].into_iter().flatten().collect()
}

/// Growth from an earlier run's size to this one's, what a command costs since, and a page beside
/// SQLite's.
fn since(records: &[Record], earlier: &[Earlier], size: u32) -> Vec<Goal> {
    let ours = earlier.iter().filter(|one| one.engine == "convodb");
    let goal = |one: &Earlier| {
        let now = find(records, &one.case, "convodb")?.median;
        let (area, shape) = one.case.split_once('/')?;
        // In a small inbox one user's list is shorter than a page: another question.
        let paged = !shape.starts_with("user");
        let grown = one.size < u64::from(size);
        let same = one.size == u64::from(size);
        if same && matches!(area, "first" | "half" | "last" | "cursor") {
            let is_theirs = |other: &&Earlier| {
                (other.engine.as_str(), &other.case) == ("sqlite", &one.case)
                    && other.size == one.size
            };
            let before = earlier.iter().find(is_theirs)?.median;
            let theirs = find(records, &one.case, "sqlite")?.median;
            return Some(Goal {
                name: format!("{} beside sqlite since", one.case),
                at_most: 1.05,
                measured: now / theirs / (one.median / before),
            });
        }
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
