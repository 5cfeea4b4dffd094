//! Ctrl-C, a hang-up and a termination request.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Output, Stdio};

use super::{Desk, line, until};

const INTERRUPTED: &str = "convodb: interrupted: nothing was stored";

fn started(desk: &Desk, arguments: &[&str]) -> Child {
    desk.command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn ended_by(signal: &str, process: Child) -> Output {
    let kill = format!("kill -{signal} {}", process.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
    process.wait_with_output().unwrap()
}

#[test]
fn an_interrupted_import_stores_nothing_and_leaves_no_file() {
    let desk = Desk::with(200, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    for signal in ["INT", "TERM", "HUP"] {
        let mut import = started(&desk, &["import", "-", "new.redb"]);
        // Everything but the end of the input.
        let stdin = import.stdin.as_mut().unwrap();
        stdin.write_all(exported.as_bytes()).unwrap();
        stdin.flush().unwrap();
        until("the store is created", || desk.path("new.redb").exists());
        assert_eq!(line(130, ended_by(signal, import)), INTERRUPTED);
        assert_eq!(desk.names(), ["one.redb"], "{signal}");
    }
}

#[test]
fn an_interrupted_import_does_not_change_an_existing_store() {
    let desk = Desk::with(20, "one.redb");
    desk.ok(&["generate", "--size", "200", "--seed", "2", "two.redb"]);
    let (before, more) = (
        desk.ok(&["export", "one.redb"]),
        desk.ok(&["export", "two.redb"]),
    );
    let mut import = started(&desk, &["import", "-", "one.redb"]);
    let stdin = import.stdin.as_mut().unwrap();
    // More than the buffers of the pipe and the importer hold: some are being stored now.
    stdin.write_all(more.as_bytes()).unwrap();
    assert_eq!(line(130, ended_by("INT", import)), INTERRUPTED);
    assert_eq!(desk.ok(&["export", "one.redb"]), before);
    desk.ok(&["verify", "one.redb"]);
}

#[test]
fn an_interrupted_generate_stores_nothing() {
    let desk = Desk::new();
    let generate = started(&desk, &["generate", "--size", "10000000", "one.redb"]);
    until("the store is created", || desk.path("one.redb").exists());
    assert_eq!(line(130, ended_by("INT", generate)), INTERRUPTED);
    assert!(desk.names().is_empty());
}

#[test]
fn an_interrupted_compact_or_backup_leaves_no_temporary_file() {
    let desk = Desk::with(3_000, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    for arguments in [
        &["compact", "one.redb"][..],
        &["backup", "one.redb", "copy.redb"],
    ] {
        for signal in ["INT", "TERM"] {
            let process = started(&desk, arguments);
            until("the copy is begun", || desk.names().len() > 1);
            let output = ended_by(signal, process);
            assert!(
                output.status.success(),
                "it ends what it has begun: {output:?}"
            );
            let _ = std::fs::remove_file(desk.path("copy.redb"));
            assert_eq!(desk.names(), ["one.redb"], "{arguments:?}");
            assert_eq!(desk.ok(&["export", "one.redb"]), exported);
        }
    }
}

#[test]
fn a_backup_whose_reader_waits_is_interrupted_at_once_and_leaves_nothing() {
    let desk = Desk::with(500, "one.redb");
    let mut backup = started(&desk, &["backup", "one.redb", "-"]);
    // The pipe holds less than the copy.
    let mut first = [0; 1];
    backup
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    assert_eq!(desk.names(), ["one.redb"]);
    let output = ended_by("TERM", backup);
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(desk.names(), ["one.redb"]);
}
