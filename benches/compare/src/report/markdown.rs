//! The table: medians, and how many times convodb's each is.

use std::fmt::Write as _;

use super::goals::{self, Goal};
use super::json::Earlier;
use crate::cases::Bench;
use crate::engine::Kind;
use crate::measure::{Figure, Record};

pub(crate) fn find(records: &[Record], case: &str, engine: &str) -> Option<Figure> {
    let found = |record: &&Record| record.case == case && record.engine == engine;
    records.iter().find(found).map(|record| record.figure)
}

/// Thousands are set apart, small numbers keep a digit.
pub fn number(value: f64) -> String {
    if value < 99.95 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn shown(unit: &str, value: f64) -> String {
    match unit {
        "bytes" => format!("{} MiB", number(value / f64::from(1 << 20))),
        _ => number(value),
    }
}

/// The factor by which the other is slower, larger or, for a rate, lower.
fn ratio(unit: &str, ours: f64, theirs: f64) -> String {
    let ratio = match unit {
        rate if rate.ends_with("/s") => ours / theirs,
        _ => theirs / ours,
    };
    match ratio {
        r if r >= 9.95 => format!("{}×", number(r.round()).trim_end_matches(".0")),
        r if r >= 0.1 => format!("{r:.1}×"),
        r => format!("{r:.3}×"),
    }
}

pub(crate) fn table(bench: &Bench, earlier: &[Earlier]) -> String {
    let records = &bench.records;
    let kinds: Vec<Kind> = bench.engines_measured();
    let mut text = format!(
        "{} conversations over {} days. Medians in microseconds unless said, with (min–p99); in \
         bold how many times convodb's: above 1 the other is slower, larger, or loads less.\n\n",
        number(f64::from(bench.data.size)),
        bench.data.days,
    );
    let engines: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    text.push_str(&medians(records, &engines));
    text.push_str(&latencies(records));
    text.push_str(&means(records, &engines));
    let goals = goals::list(records, earlier, bench.data.size);
    if !goals.is_empty() {
        text.push_str(
            "\nThe goals of commands, readers and replay are for 100,000 and 1,000,000, the others \
             for 1,000,000.\n",
        );
        text.push_str(&judged(&goals));
    }
    for note in &bench.notes {
        let _ = write!(text, "\n{note}\n");
    }
    text
}

/// Goals, and whether they are met.
pub(crate) fn judged(goals: &[Goal]) -> String {
    let mut text = "\n| goal | at most | measured | |\n| --- | ---: | ---: | --- |\n".to_owned();
    for goal in goals {
        let met = if goal.measured <= goal.at_most {
            "met"
        } else {
            "missed"
        };
        let [at_most, measured] = [goal.at_most, goal.measured].map(fine);
        let _ = writeln!(text, "| {} | {at_most} | {measured} | {met} |", goal.name);
    }
    text
}

/// The medians of these engines, the first of which the others are compared with.
pub(crate) fn medians(records: &[Record], engines: &[&str]) -> String {
    let mut text = format!("| case | {} |\n", engines.join(" | "));
    let _ = writeln!(text, "| --- |{}", " ---: |".repeat(engines.len()));
    let mut cases: Vec<(&str, &str)> = Vec::new();
    for record in records {
        if !cases.iter().any(|(case, _)| *case == record.case) {
            cases.push((&record.case, record.unit));
        }
    }
    // What is measured first comes last: what it costs to be fast.
    let (load, rest): (Vec<_>, Vec<_>) = cases
        .into_iter()
        .partition(|(case, _)| matches!(area(case), "load" | "file" | "memory" | "open"));
    for (case, unit) in rest.into_iter().chain(load) {
        let first = engines.first().copied().unwrap_or_default();
        let ours = find(records, case, first);
        let cell = |engine: &&str| {
            let Some(figure) = find(records, case, engine) else {
                return "–".to_owned();
            };
            let mut cell = shown(unit, figure.median);
            if figure.min < figure.p99 {
                let (min, p99) = (number(figure.min), number(figure.p99));
                let _ = write!(cell, " ({min}–{p99})");
            }
            if let (Some(ours), true) = (ours, *engine != first) {
                let _ = write!(cell, " **{}**", ratio(unit, ours.median, figure.median));
            }
            cell
        };
        let cells: Vec<_> = engines.iter().map(cell).collect();
        let unit = match unit {
            "conversations/s" => ", conversations a second",
            "commands/s" => ", commands a second",
            _ => "",
        };
        let _ = writeln!(text, "| {case}{unit} | {} |", cells.join(" | "));
    }
    text
}

/// What a case is named for.
fn area(case: &str) -> &str {
    case.split_once('/').map_or(case, |(area, _)| area)
}

/// Single commands, as those see them who wait for them.
pub(crate) fn latencies(records: &[Record]) -> String {
    let tails = records.iter().filter_map(|record| {
        let figure = record.figure;
        let tail = figure.tail?;
        let shown = [
            figure.mean,
            tail.p50,
            figure.p99,
            figure.p999,
            tail.slowest,
            tail.max,
        ];
        let shown = shown.map(number).join(" | ");
        let kib = |bytes: Option<f64>| bytes.map_or("–".to_owned(), |it| fine(it / 1024.0));
        let all = kib(tail.written.map(|written| written.all));
        let logged = kib(tail.written.and_then(|written| written.logged));
        Some(format!(
            "| {} | {} | {shown} | {all} | {logged} |\n",
            record.case, record.engine
        ))
    });
    let rows: String = tails.collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "\nSingle commands in microseconds; the mean is all their wall time to the end of the last \
         checkpoint by their number, the median above that of rounds. Written are KiB a command to \
         the end of the last checkpoint, of it the records of the log.\n\n\
         | case | engine | mean | p50 | p99 | p99.9 | mean of the slowest 1 % | longest | KiB written | of the log |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n{rows}"
    )
}

/// The other cases that are called many times.
pub(crate) fn means(records: &[Record], engines: &[&str]) -> String {
    let is_many = |record: &&Record| record.figure.tail.is_none() && record.unit == "us";
    let mut cases: Vec<&str> = Vec::new();
    for record in records.iter().filter(is_many) {
        if !cases.contains(&record.case.as_str()) {
            cases.push(&record.case);
        }
    }
    if cases.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\nMean / p99 / p99.9 of the other cases, in microseconds.\n\n| case | {} |\n| --- |{}\n",
        engines.join(" | "),
        " ---: |".repeat(engines.len())
    );
    for case in cases {
        let cell = |engine: &&str| match find(records, case, engine) {
            Some(figure) => [figure.mean, figure.p99, figure.p999]
                .map(number)
                .join(" / "),
            None => "–".to_owned(),
        };
        let cells: Vec<_> = engines.iter().map(cell).collect();
        let _ = writeln!(text, "| {case} | {} |", cells.join(" | "));
    }
    text
}

fn fine(ratio: f64) -> String {
    match ratio {
        r if r >= 9.95 => number(r),
        r if r >= 0.1 => format!("{r:.2}"),
        r => format!("{r:.4}"),
    }
}
