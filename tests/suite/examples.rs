//! The examples, run as processes.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use convodb::prelude::*;
use convodb::{Conversation, Filter, Import, Page, Transcript};

const EXAMPLES: [&str; 6] = [
    "agents",
    "async_service",
    "events",
    "inbox",
    "quickstart",
    "webhook",
];

/// The directory of the examples' binaries, built where this one was: of this package alone, `cargo
/// test` builds none.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        // target/<profile>/deps/suite-<hash>
        let suite = env::current_exe().unwrap();
        let directory = suite.ancestors().nth(2).unwrap();
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(profile) => profile,
            None => panic!("no profile's directory: {}", directory.display()),
        };
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--quiet", "--examples", "--package", "convodb"])
            .args(["--manifest-path", manifest])
            .args(["--profile", profile, "--target-dir"])
            .arg(directory.parent().unwrap());
        assert!(cargo.status().unwrap().success(), "cargo built no example");
        directory.join("examples")
    })
}

fn example(name: &str) -> Command {
    Command::new(directory().join(format!("{name}{}", env::consts::EXE_SUFFIX)))
}

/// What a successful run prints.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    String::from_utf8(output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn every_example_is_run_here() {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut found: Vec<_> = fs::read_dir(sources)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_owned())
        .collect();
    found.sort();
    assert_eq!(found, EXAMPLES);
}

#[test]
fn every_example_succeeds_and_prints_something() {
    for name in EXAMPLES {
        let mut command = example(name);
        if name == "inbox" {
            command.arg("500");
        }
        assert!(!printed(&mut command).trim().is_empty(), "{name}");
    }
}

/// A store with more than a page of open conversations, and one that is resolved.
fn store() -> Store {
    let store = Store::in_memory().unwrap();
    for number in 0..30 {
        let from = convodb::ContactId::new(&format!("con_{number}")).unwrap();
        let hello = convodb::Inbound::text(from, convodb::Channel::Webchat, "Hello");
        let id = store.receive(hello).unwrap().value.conversation_id;
        store.add_note(id, "A note.").unwrap();
        if number == 7 {
            store.resolve(id).unwrap();
        }
    }
    store
}

#[test]
fn the_inbox_imports_a_file_and_prints_its_open_inbox_as_json() {
    let store = store();
    let rows = store.list(&Filter::all(), (1, 100)).unwrap().data;
    let lines = rows.iter().map(|row| {
        let transcript = store.transcript(row.id).unwrap();
        let notes = store.notes(row.id).unwrap().map(Result::unwrap).collect();
        let import = Import::new(transcript.conversation, transcript.messages).notes(notes);
        serde_json::to_string(&import).unwrap()
    });
    let lines: Vec<String> = lines.collect();
    let directory = tempfile::tempdir().unwrap();
    let (by_line, array) = (
        directory.path().join("lines"),
        directory.path().join("array"),
    );
    fs::write(&by_line, lines.join("\n")).unwrap();
    fs::write(&array, format!("[{}]", lines.join(","))).unwrap();
    for file in [by_line, array] {
        let printed = printed(example("inbox").arg("--json").arg(file));
        let mut printed = printed.lines();
        for number in 1..=2 {
            let line = printed.next().unwrap();
            let page: Page<Conversation> = serde_json::from_str(line).unwrap();
            let mut expected = store.list(&Filter::open(), (number, 20)).unwrap();
            // It is not in the JSON.
            expected.offset = None;
            assert_eq!(page, expected);
        }
        let first = store.list(&Filter::open(), (1, 1)).unwrap().data[0].id;
        let transcript: Transcript = serde_json::from_str(printed.next().unwrap()).unwrap();
        assert_eq!(transcript, store.transcript(first).unwrap());
        assert_eq!(printed.next(), None);
    }
}

#[test]
fn a_file_that_cannot_be_read_or_imported_is_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let malformed = directory.path().join("malformed");
    fs::write(&malformed, r#"{"id": "conv_1"}"#).unwrap();
    for file in [malformed, directory.path().join("missing")] {
        let output = example("inbox").arg("--json").arg(file).output().unwrap();
        assert!(!output.status.success());
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}

#[test]
fn a_reader_that_has_closed_the_pipe_is_no_failure() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let output = example("inbox").arg("100").stdout(writer).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}
