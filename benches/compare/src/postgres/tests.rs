//! The mode at a tiny size, on a server that the test starts.

use anyhow::Result;
use convodb_testkit::postgres::{Server, is_installed};
use indicatif::ProgressBar;

use super::floods::{HAND, SHARDS, SIX};
use super::reads::OFFSET;
use super::{CONFIGURATIONS, Host, run};
use crate::data::Dataset;
use crate::report::markdown::find;

#[test]
fn both_answer_what_the_generator_says_and_everything_is_measured() -> Result<()> {
    if !is_installed() {
        return Ok(());
    }
    let host = Host::Own(Server::start());
    let (records, table) = run(&host, Dataset::new(2_000, 90), ProgressBar::hidden())?;
    let ours = CONFIGURATIONS.map(|it| it.name);
    let is_there = |case: &str, engine: &str| find(&records, case, engine).is_some();
    for case in [
        "load",
        "file",
        "append/1",
        "append/16",
        "append/64",
        "status/16",
        "status/64",
    ] {
        assert!(ours.iter().all(|name| is_there(case, name)), "{case}");
        assert!(is_there(case, HAND), "{case}");
    }
    assert!(is_there("append/64", SIX) && is_there("status/64", SHARDS));
    for case in ["half/resolved", "last/agent"] {
        assert!(
            [ours[0], HAND, OFFSET]
                .iter()
                .all(|name| is_there(case, name)),
            "{case}"
        );
    }
    assert!(is_there("beside/half/open", ours[0]) && is_there("get/10", HAND));
    for name in ours {
        let row = format!("| events lost of {name} | 0.0000 | 0.0000 | met |");
        assert!(table.contains(&row), "{table}");
    }
    Ok(())
}
