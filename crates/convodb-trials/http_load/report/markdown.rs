//! The table.

use std::fmt::Write as _;
use std::fs;

use compare::number;

use super::{Figure, Load};
use crate::servers::Name;

/// The name of the processor, if the system has it.
fn processor() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

fn whole(value: f64) -> String {
    number(value.round()).trim_end_matches(".0").to_owned()
}

pub(crate) fn table(load: &Load) -> String {
    let processor = processor().map_or(String::new(), |name| format!(" ({name})"));
    let mut text = format!(
        "{} conversations; {} processors{processor}, which the client shares; {} s a case and \
         server. Requests per second, and microseconds; in bold how many times SQLite's rate.\n\n",
        whole(f64::from(load.size)),
        load.processors,
        load.seconds,
    );
    text.push_str("| case / connections |");
    let mut rule = "\n| --- |".to_owned();
    for name in load.servers() {
        let _ = write!(text, " {}: req/s | p50 | p99 |", name.as_str());
        rule.push_str(" ---: | ---: | ---: |");
    }
    let _ = writeln!(text, "{rule}");
    for (case, figures) in load.cases() {
        let _ = write!(text, "| `{}` |", case.name());
        let theirs = figures.iter().find(|figure| figure.server == Name::Sqlite);
        for name in load.servers() {
            let Some(figure) = figures.iter().find(|figure| figure.server == name) else {
                text.push_str(" – | – | – |");
                continue;
            };
            let ratio = ratio(figure, theirs.copied());
            let [rate, p50, p99] = [figure.rate, figure.p50_us, figure.p99_us].map(whole);
            let _ = write!(text, " {rate}{ratio} | {p50} | {p99} |");
        }
        text.push('\n');
    }
    text
}

fn ratio(figure: &Figure, theirs: Option<&Figure>) -> String {
    match (figure.server, theirs) {
        (Name::Convodb, Some(theirs)) => format!(" **{:.2}×**", figure.rate / theirs.rate),
        _ => String::new(),
    }
}
