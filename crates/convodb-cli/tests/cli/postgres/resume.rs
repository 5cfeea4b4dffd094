//! Imports that end early, and go on.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use convodb_testkit::postgres::{Server, is_installed};
use serde_json::{Value, json};

use super::Base;
use crate::lines::{LINES, contents, import_with_kills, message};
use crate::{Desk, line, text, until, write};

#[test]
fn an_import_that_is_killed_goes_on_and_ends_with_the_same_workspace() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::new();
    let arguments = [
        "import",
        "--lines",
        "all.ndjson",
        &base.url,
        "--errors",
        "errors.ndjson",
    ];
    import_with_kills(&desk, &arguments);

    // Nothing is there twice, and nothing is lost.
    let whole = ["import", "--lines", "all.ndjson", "whole.redb"];
    assert_eq!(
        desk.command(&whole).output().unwrap().status.code(),
        Some(1)
    );
    let [killed, whole] = [&base.url, "whole.redb"].map(|db| contents(&desk, db));
    assert!(killed == whole, "the stores differ");
    desk.ok(&["verify", &base.url]);
    assert_eq!(desk.json(&["stats", &base.url])["messages"], LINES);
    // Once more changes nothing.
    let again = desk.command(&arguments).arg("--json").output().unwrap();
    let done: Value = serde_json::from_slice(&again.stdout).unwrap();
    let expected = json!({"created": 0, "merged": 0, "duplicates": 0, "failed": 0, "lost": 0, "aborted": 0,
        "failed_before": 4, "line": 12_004, "resumed_behind": 12_004});
    assert_eq!(done, expected);
    // In another workspace it begins anew.
    let other = [&arguments[..4], &["--workspace", "other", "--json"]].concat();
    let other = desk.command(&other).output().unwrap();
    let done: Value = serde_json::from_slice(&other.stdout).unwrap();
    assert_eq!(done["created"], LINES);
}

#[test]
fn a_whole_import_that_is_killed_leaves_nothing_and_runs_again() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::with(3_000, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    std::fs::write(desk.path("one.ndjson"), &exported).unwrap();
    let arguments = ["import", "one.ndjson", &base.url];
    let mut import = desk
        .command(&arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let writes = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND query LIKE 'INSERT INTO convodb.%'";
    until("it writes", || base.psql(writes) != "0");
    import.kill().unwrap();
    let output = import.wait_with_output().unwrap();
    assert!(output.status.code().is_none(), "it was killed: {output:?}");
    assert_eq!(desk.ok(&["export", &base.url]), "");
    desk.ok(&arguments);
    assert!(
        desk.ok(&["export", &base.url]) == exported,
        "the exports differ"
    );
    desk.ok(&["verify", &base.url]);
}

#[test]
fn standard_input_goes_on_by_its_name_and_conversations_are_skipped() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::with(60, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    std::fs::write(desk.path("all.ndjson"), &exported).unwrap();
    let named = ["import", "--lines", "-", &base.url, "--resume", "history"];
    let run = |arguments: &[&str]| {
        let run = crate::transfer::run_with_input(&desk, arguments, exported.as_bytes());
        text(&run.stdout)
    };
    assert!(run(&named).starts_with("84 created"));
    assert!(run(&named).starts_with("0 created"));
    let again = ["import", "--lines", "--again", "all.ndjson", &base.url];
    let rejected = desk.command(&again).output().unwrap();
    assert_eq!(rejected.status.code(), Some(1));
    assert_eq!(text(&rejected.stderr).lines().count(), 60);
    let skipped = desk.ok(&[&again[..], &["--skip-existing"]].concat());
    assert!(skipped.starts_with("0 created, 0 merged"), "{skipped}");

    write(&desk.path("some.ndjson"), &[&message(1), "{}", &message(2)]);
    let atomic = ["import", "--lines", "--atomic", "some.ndjson", &base.url];
    let output = desk.command(&atomic).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "nothing was imported: 1 of 3 lines was rejected\n"
    );
    assert!(
        desk.ok(&["export", &base.url]) == exported,
        "the exports differ"
    );
    write(&desk.path("good.ndjson"), &[&message(1), &message(2)]);
    let good = ["import", "--lines", "--atomic", "good.ndjson", &base.url];
    assert!(desk.ok(&good).starts_with("2 created"));
    assert!(desk.ok(&good).starts_with("0 created"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_import_of_lines_says_how_it_goes_on() {
    let Some(base) = Base::new() else { return };
    let desk = Desk::new();
    let mut import = desk
        .command(&["import", "--lines", "-", &base.url, "--resume", "history"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<_> = (0..3_000).map(message).collect();
    let stdin = import.stdin.as_mut().unwrap();
    std::io::Write::write_all(stdin, lines.join("\n").as_bytes()).unwrap();
    std::io::Write::flush(stdin).unwrap();
    until("something is stored", || {
        base.psql("SELECT count(*) FROM convodb.import") != "0"
    });
    let kill = format!("kill -INT {}", import.id());
    let killed = Command::new("sh").args(["-c", &kill]).status();
    assert!(killed.unwrap().success());
    // Its input does not end.
    until("it ends", || import.try_wait().unwrap().is_some());
    let message = line(130, import.wait_with_output().unwrap());
    assert!(
        message.starts_with("convodb: interrupted behind line "),
        "{message}"
    );
    desk.ok(&["verify", &base.url]);
}

#[test]
fn an_import_whose_server_is_killed_fails_and_goes_on_when_it_is_back() {
    if !is_installed() {
        return;
    }
    let mut server = Server::start_with(&[]);
    let desk = Desk::new();
    let url = server.url("postgres");
    desk.ok(&["migrate", &url]);
    let lines: Vec<_> = (0..20_000).map(message).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    write(&desk.path("all.ndjson"), &lines);
    let arguments = ["import", "--lines", "all.ndjson", &url];
    let mut import = desk.command(&arguments);
    let import = import
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stored = || server.psql("postgres", "SELECT count(*) FROM convodb.import");
    until("something is stored", || stored() != "0");
    server.kill();
    let message = line(3, import.wait_with_output().unwrap());
    assert!(message.contains("PostgreSQL"), "{message}");
    // It waits for the server.
    let waiting = [&arguments[..], &["--wait", "60"]].concat();
    let waiting = desk
        .command(&waiting)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(300));
    server.launch(&[]);
    let done = waiting.wait_with_output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(
        text(&done.stdout).contains("an earlier run had reached line"),
        "{done:?}"
    );
    desk.ok(&["import", "--lines", "all.ndjson", "whole.redb"]);
    let [killed, whole] = [&url, "whole.redb"].map(|db| contents(&desk, db));
    assert!(killed == whole, "the stores differ");
    desk.ok(&["verify", &url]);
}
