//! Errors: one line on standard error, an exit code, and no partial effect.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use super::{Desk, line, text, write};

/// Every command on an existing store.
const ON_A_STORE: [&[&str]; 10] = [
    &["export", "one.redb"],
    &["list", "one.redb"],
    &["show", "one.redb", "conv_01HABC00000000000000000000"],
    &["stats", "one.redb"],
    &["verify", "one.redb"],
    &["repair", "one.redb"],
    &["compact", "one.redb"],
    &["backup", "one.redb", "copy.redb"],
    &["events", "one.redb"],
    &["bench", "one.redb"],
];

/// The commands that create a missing store.
const WRITES: [&[&str]; 2] = [
    &["import", "some.ndjson", "one.redb"],
    &["generate", "--size", "2", "one.redb"],
];

fn every() -> impl Iterator<Item = &'static [&'static str]> {
    ON_A_STORE.into_iter().chain(WRITES)
}

fn with_input() -> Desk {
    let desk = Desk::new();
    write(
        &desk.path("some.ndjson"),
        &[r#"{"user":{"id":"usr_1","name":"Alice"}}"#],
    );
    desk
}

#[test]
fn a_missing_file_is_reported_and_not_created() {
    let desk = with_input();
    for arguments in ON_A_STORE {
        let message = desk.failure(3, arguments);
        assert_eq!(message, "convodb: one.redb: the file does not exist");
        let message = desk.failure(3, &[arguments, &["--json"]].concat());
        assert_eq!(message, "convodb: one.redb: the file does not exist");
        assert_eq!(desk.names(), ["some.ndjson"], "{arguments:?}");
    }
    let message = desk.failure(3, &["import", "none.ndjson", "one.redb"]);
    assert!(
        message.starts_with("convodb: none.ndjson: No such file"),
        "{message}"
    );
    let message = desk.failure(3, &["generate", "--size", "2", "nowhere/one.redb"]);
    assert_eq!(
        message,
        "convodb: nowhere/one.redb: its directory does not exist"
    );
    assert_eq!(desk.names(), ["some.ndjson"]);
}

#[test]
fn a_file_that_another_process_has_open_is_reported_as_locked() {
    let desk = with_input();
    let store = desk.open("one.redb");
    for arguments in every() {
        let message = desk.failure(3, &[arguments, &["--wait", "0"]].concat());
        let expected = "convodb: one.redb: the file is open elsewhere";
        assert!(message.starts_with(expected), "{arguments:?}: {message}");
        if cfg!(target_os = "linux") {
            let program = fs::read_to_string("/proc/self/comm").unwrap();
            let (process, program) = (std::process::id(), program.trim());
            let holder = format!(", in process {process} ({program})");
            assert_eq!(message, format!("{expected}{holder}"));
        }
    }
    assert_eq!(store.stats().unwrap().users, 0);
    assert_eq!(desk.names(), ["one.redb", "some.ndjson"]);
}

#[test]
fn a_file_of_another_kind_is_reported_and_not_changed() {
    for content in ["", "hello", "{\"a\":1}\n", &"x".repeat(100_000)] {
        let desk = with_input();
        fs::write(desk.path("one.redb"), content).unwrap();
        for arguments in every() {
            let message = desk.failure(3, arguments);
            assert!(
                message.starts_with("convodb: one.redb: the file is "),
                "{message}"
            );
        }
        assert_eq!(fs::read_to_string(desk.path("one.redb")).unwrap(), content);
        assert_eq!(desk.names(), ["one.redb", "some.ndjson"]);
    }
    let desk = with_input();
    fs::create_dir(desk.path("one.redb")).unwrap();
    for arguments in every() {
        assert!(
            desk.failure(3, arguments)
                .starts_with("convodb: one.redb: ")
        );
    }
}

#[test]
fn a_damaged_file_is_reported_without_a_panic() {
    let desk = Desk::with(200, "whole.redb");
    write(
        &desk.path("some.ndjson"),
        &[r#"{"user":{"id":"usr_1","name":"A"}}"#],
    );
    let whole = fs::read(desk.path("whole.redb")).unwrap();
    // The pages are behind the superblock and the log.
    let pages = 2 * 4096 + (16 << 20);
    let third = (whole.len() - pages) / 3;
    let mut overwritten = whole.clone();
    overwritten[pages + third..pages + 2 * third].fill(0x55);
    for arguments in every() {
        fs::write(desk.path("one.redb"), &whole[..pages / 2]).unwrap();
        let message = desk.failure(3, arguments);
        assert!(message.contains("damaged"), "{message}");
    }
    for arguments in every() {
        fs::write(desk.path("one.redb"), &overwritten).unwrap();
        let output = desk.command(arguments).output().unwrap();
        let message = text(&output.stderr);
        // A command that needs no damaged page succeeds.
        let expected = match output.status.code() {
            Some(0) => message.is_empty(),
            code => {
                let is_expected = ["damaged", "there is no conversation"]
                    .iter()
                    .any(|what| message.contains(what));
                code == Some(3) && is_expected && message.lines().count() == 1
            }
        };
        assert!(expected, "{arguments:?}: {message}");
        let _ = fs::remove_file(desk.path("copy.redb"));
    }
    fs::write(desk.path("one.redb"), &overwritten).unwrap();
    assert!(desk.failure(3, &["verify", "one.redb"]).contains("damaged"));
}

#[test]
fn invalid_arguments_are_usage_errors() {
    let desk = Desk::with(2, "one.redb");
    for (arguments, reason) in [
        (&["--limit", "0"][..], "--limit: must be between 1 and 100"),
        (&["--limit", "101"], "--limit: "),
        (&["--limit", "many"], "--limit: must be a whole number"),
        (&["--page", "0"], "--page: "),
        (&["--status", "closed"], "--status: must be `open`"),
        (&["--channel", "sms"], "--channel: must be `whatsapp`"),
        (&["--channel", ""], "--channel: must not be empty"),
        (&["--assigned-to", "usr_"], "--assigned-to: "),
        (&["--members-of", "usr_1"], "--members-of: "),
    ] {
        let message = desk.failure(2, &[&["list", "one.redb"], arguments].concat());
        assert!(
            message.starts_with(&format!("convodb: {reason}")),
            "{message}"
        );
    }
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["list"],
        &["list", "one.redb", "--page", "1", "--after", "x"],
        &["generate", "one.redb"],
        &["generate", "--size", "0", "one.redb"],
        &["bench", "one.redb", "--limit", "101"],
        &["completions", "csh"],
    ] {
        let output = desk.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stdout), "");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn a_closed_pipe_ends_a_command_with_one_line() {
    let desk = Desk::with(400, "one.redb");
    for arguments in [
        &["export", "one.redb"][..],
        &["events", "one.redb", "--json"],
    ] {
        let mut process = desk
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The output is larger than the buffer of a pipe: the process waits for the reader.
        let mut first = String::new();
        let mut stdout = BufReader::with_capacity(64, process.stdout.take().unwrap());
        stdout.read_line(&mut first).unwrap();
        assert!(first.starts_with('{'), "{first}");
        drop(stdout);
        let message = line(3, process.wait_with_output().unwrap());
        let expected = "convodb: standard output was closed before everything was written";
        assert_eq!(message, expected);
    }
    desk.ok(&["verify", "one.redb"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_reported() {
    let desk = Desk::with(2, "one.redb");
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command: Command = desk.command(&["export", "one.redb"]);
    let output = command.stdout(full).output().unwrap();
    let message = line(3, output);
    assert!(
        message.starts_with("convodb: standard output: No space left"),
        "{message}"
    );
}
