//! `import --lines`: each line for itself, once, whatever ends the process.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Desk, line, text, until, write};

/// A text without an id.
pub(super) fn message(n: u64) -> String {
    json!({"message": {
        "contact_id": format!("con_{}", n % 11), "channel": "whatsapp",
        "direction": if n.is_multiple_of(3) { "outbound" } else { "inbound" },
        "type": "text", "content": format!("message {n}"), "sent_at": 1_600_000_000 + n / 4,
    }})
    .to_string()
}

/// Every conversation with what it says, without the ids that each store draws.
pub(super) fn contents(desk: &Desk, db: &str) -> Vec<Value> {
    let exported = desk.ok(&["export", db]);
    let mut all: Vec<Value> = exported
        .lines()
        .map(|line| {
            let mut whole: Value = serde_json::from_str(line).unwrap();
            whole["id"] = Value::Null;
            for message in whole["messages"].as_array_mut().into_iter().flatten() {
                (message["id"], message["conversation_id"]) = (Value::Null, Value::Null);
            }
            whole
        })
        .collect();
    all.sort_by_key(ToString::to_string);
    all
}

/// The messages of the file that [`import_with_kills`] imports.
pub(super) const LINES: u64 = 12_000;

/// Writes a file of messages with four bad lines, and imports it into a store. The import is killed thrice, each time
/// when a further bad line is reported, and then goes on to the end.
pub(super) fn import_with_kills(desk: &Desk, arguments: &[&str]) {
    let mut lines: Vec<_> = (0..LINES).map(message).collect();
    for at in [100, 3_000, 6_000, 11_000] {
        lines.insert(at, r#"{"message": {"contact_id": "con_1"}}"#.to_owned());
    }
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    write(&desk.path("all.ndjson"), &lines);
    let reported = || {
        let errors = std::fs::read_to_string(desk.path("errors.ndjson")).unwrap_or_default();
        errors.lines().count()
    };
    for kills in 1..=3 {
        let mut import = desk
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A line is reported when its commit is durable.
        until("a bad line is reported", || reported() >= kills);
        import.kill().unwrap();
        let output = import.wait_with_output().unwrap();
        assert!(output.status.code().is_none(), "it was killed: {output:?}");
    }
    let end = desk.command(arguments).output().unwrap();
    // The last bad line may have been reached by an earlier run.
    assert!(matches!(end.status.code(), Some(0 | 1)), "{end:?}");
    assert!(
        text(&end.stdout).contains("an earlier run had reached line"),
        "{end:?}"
    );
    assert!(text(&end.stdout).contains(", with "), "{end:?}");
}

#[test]
fn an_import_that_is_killed_goes_on_and_ends_with_the_same_store() {
    let desk = Desk::new();
    let arguments = [
        "import",
        "--lines",
        "all.ndjson",
        "killed.redb",
        "--errors",
        "errors.ndjson",
    ];
    import_with_kills(&desk, &arguments);

    let whole = desk
        .command(&["import", "--lines", "all.ndjson", "whole.redb"])
        .output()
        .unwrap();
    assert_eq!(whole.status.code(), Some(1));
    assert!(text(&whole.stdout).starts_with("12,000 created, 0 merged, 0 duplicates, 4 failed"));
    let printed = text(&whole.stderr);
    let reported: Vec<_> = printed.lines().collect();
    assert_eq!(
        reported[0],
        "all.ndjson:101: channel: `channel` or `inbox_id` is required"
    );
    assert_eq!(reported.len(), 4);

    let [killed, whole] = ["killed.redb", "whole.redb"].map(|db| contents(&desk, db));
    assert!(killed == whole, "the stores differ");
    desk.ok(&["verify", "killed.redb"]);
    // Once more changes nothing, and rejects no line of its own.
    let again = desk.command(&arguments).arg("--json").output().unwrap();
    assert_eq!(again.status.code(), Some(0));
    let done: Value = serde_json::from_slice(&again.stdout).unwrap();
    let expected = json!({"created": 0, "merged": 0, "duplicates": 0, "failed": 0, "lost": 0, "aborted": 0,
        "failed_before": 4, "line": 12_004, "resumed_behind": 12_004});
    assert_eq!(done, expected);
    let errors = std::fs::read_to_string(desk.path("errors.ndjson")).unwrap();
    let errors: Vec<Value> = errors
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(errors[0]["error"]["field"], "channel");
    assert_eq!(errors[0]["line"], 101);
}

#[test]
fn a_whole_export_goes_in_line_by_line_and_what_is_there_is_skipped() {
    let desk = Desk::with(50, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    std::fs::write(desk.path("all.ndjson"), &exported).unwrap();
    desk.ok(&["import", "--lines", "all.ndjson", "two.redb"]);
    assert_eq!(desk.ok(&["export", "two.redb"]), exported);
    // Another name, as if it were another file.
    let arguments = ["import", "--lines", "--again", "all.ndjson", "two.redb"];
    let rejected = desk.command(&arguments).output().unwrap();
    assert_eq!(rejected.status.code(), Some(1));
    assert_eq!(text(&rejected.stderr).lines().count(), 50);
    let skipping = [&arguments[..], &["--skip-existing"]].concat();
    let done = desk.ok(&skipping);
    assert!(done.starts_with("0 created, 0 merged"), "{done}");
    assert_eq!(desk.ok(&["export", "two.redb"]), exported);
}

#[test]
fn an_atomic_import_of_a_bad_line_stores_nothing_and_leaves_no_file() {
    let desk = Desk::new();
    write(&desk.path("some.ndjson"), &[&message(1), "{}", &message(2)]);
    let arguments = ["import", "--lines", "--atomic", "some.ndjson", "one.redb"];
    let output = desk.command(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "some.ndjson:2: contact_id: is required\n"
    );
    assert_eq!(
        text(&output.stdout),
        "nothing was imported: 1 of 3 lines was rejected\n"
    );
    assert!(!desk.path("one.redb").exists());
    // A store that was there stays.
    write(&desk.path("good.ndjson"), &[&message(3)]);
    desk.ok(&["import", "--lines", "good.ndjson", "one.redb"]);
    let exported = desk.ok(&["export", "one.redb"]);
    let output = desk.command(&arguments).arg("--json").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&done["failed"], &done["aborted"]), (&json!(1), &json!(2)));
    assert_eq!(desk.ok(&["export", "one.redb"]), exported);
}

#[test]
fn standard_input_goes_on_by_the_name_that_it_is_given() {
    let desk = Desk::new();
    let lines: Vec<_> = (0..20).map(message).collect();
    let run = |arguments: &[&str]| {
        let mut import = desk
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = import.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, lines.join("\n").as_bytes()).unwrap();
        drop(stdin);
        text(&import.wait_with_output().unwrap().stdout)
    };
    let named = ["import", "--lines", "-", "one.redb", "--resume", "history"];
    assert!(run(&named).starts_with("20 created"));
    assert!(run(&named).starts_with("0 created"));
    // Without a name, lines without an id are new messages.
    assert!(run(&["import", "--lines", "-", "one.redb"]).starts_with("20 created"));
    let wrong = desk.failure(3, &["import", "--lines", "-", "one.redb", "--resume", ""]);
    assert!(wrong.contains("import: "), "{wrong}");
    let usage = desk
        .command(&["import", "--atomic", "-", "one.redb"])
        .output()
        .unwrap();
    assert_eq!(usage.status.code(), Some(2));
}

#[cfg(unix)]
#[test]
fn an_interrupted_import_keeps_what_it_committed_and_goes_on() {
    let desk = Desk::new();
    let mut import = desk
        .command(&["import", "--lines", "-", "one.redb", "--resume", "history"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<_> = (0..3_000).map(message).collect();
    let stdin = import.stdin.as_mut().unwrap();
    std::io::Write::write_all(stdin, lines.join("\n").as_bytes()).unwrap();
    std::io::Write::flush(stdin).unwrap();
    until("something is stored", || desk.path("one.redb").exists());
    std::thread::sleep(std::time::Duration::from_millis(200));
    let kill = format!("kill -INT {}", import.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
    // Its input does not end.
    until("it ends", || import.try_wait().unwrap().is_some());
    let message = line(130, import.wait_with_output().unwrap());
    assert!(message.starts_with("convodb: interrupted"), "{message}");
    desk.ok(&["verify", "one.redb"]);
}
