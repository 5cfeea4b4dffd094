//! The example `inbox` as a person meets it: a process with arguments, two outputs and an exit
//! code. And its sample, which is the first data of ours that anybody sees.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use convodb::{Filter, Import, Store};
use serde_json::Value;

const SAMPLE: &str = include_str!("../../examples/inbox/sample.ndjson");

/// The example's binary, built where this one was. Only a plain `cargo test` builds examples: one
/// that merely lies there may be of yesterday.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // target/<profile>/deps/suite-<hash>
        let suite = env::current_exe().unwrap();
        let directory = suite.ancestors().nth(2).unwrap();
        let profile = match directory.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(profile) => profile,
            None => panic!("no profile's directory: {}", directory.display()),
        };
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--quiet", "--example", "inbox"])
            .args([
                "--manifest-path",
                concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"),
            ])
            .args(["--profile", profile, "--target-dir"])
            .arg(directory.parent().unwrap());
        if cfg!(feature = "tracing") {
            cargo.args(["--features", "tracing"]);
        }
        assert!(cargo.status().unwrap().success(), "cargo built no example");
        directory
            .join("examples")
            .join(format!("inbox{}", env::consts::EXE_SUFFIX))
    })
}

fn inbox() -> Command {
    Command::new(binary())
}

fn stdout(output: &Output) -> &str {
    str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// Runs an inbox that fails, and gives the one line in which it says why.
#[track_caller]
fn failure(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    let (line, rest) = stderr(&output).split_once('\n').unwrap();
    assert_eq!(rest, "");
    line.to_owned()
}

fn sample() -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap();
    SAMPLE.lines().map(parse).collect()
}

fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document[field].as_str().unwrap()
}

/// What a field says, each word once, in order.
fn words<'a>(documents: impl Iterator<Item = &'a Value>, field: &str) -> Vec<&'a str> {
    let words: BTreeSet<_> = documents.map(|document| text(document, field)).collect();
    words.into_iter().collect()
}

/// The sample's open conversations, latest activity first.
fn open_inbox() -> Vec<Value> {
    let mut open = sample();
    open.retain(|conversation| conversation["status"] == "open");
    // Its times are of one length or have a fraction, which sorts behind the full second.
    open.sort_by_key(|row| {
        let updated_at = text(row, "updated_at").trim_end_matches('Z').to_owned();
        std::cmp::Reverse((updated_at, text(row, "id").to_owned()))
    });
    open
}

#[test]
fn the_show_of_the_sample_has_every_table_and_ends_with_a_clean_verify() {
    let output = inbox().output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "", "a progress bar is for terminals");
    let shown = stdout(&output);
    for row in open_inbox().iter().take(20) {
        assert!(shown.contains(text(row, "id")), "{row}");
    }
    for expected in [
        "last message",
        "unread",
        "open, unread",
        "Counts by view",
        "page by page",
        "internal notes",
        "reopened",
        "\nverify\n",
        "\nclean: ",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    assert!(!shown.contains('\u{1b}'), "colours are for terminals");
}

#[test]
fn the_json_begins_with_the_open_inbox_as_imported_page_by_page() {
    let output = inbox().arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
    let documents = stdout(&output).lines().map(|line| {
        let document: Value = serde_json::from_str(line).unwrap();
        document
    });
    let expected = open_inbox();
    let mut rows = Vec::new();
    for (number, page) in (1..).zip(documents.take_while(|one| one["data"].is_array())) {
        assert_eq!(page["total"], expected.len());
        assert_eq!(page["page"], number);
        rows.extend(page["data"].as_array().unwrap().clone());
    }
    assert!(rows.len() > 20, "the sample has more than one page");
    let ids = |rows: &[Value]| -> Vec<_> { rows.iter().map(|row| row["id"].clone()).collect() };
    assert_eq!(ids(&rows), ids(&expected));
    for (row, mut imported) in rows.into_iter().zip(expected) {
        imported["messages"] = Value::Array(Vec::new());
        imported.as_object_mut().unwrap().remove("notes");
        assert_eq!(row, imported);
    }
}

#[test]
fn the_json_goes_on_with_one_conversation_and_what_became_of_it() {
    let output = inbox().arg("--json").output().unwrap();
    let documents: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .skip_while(|document: &Value| document["data"].is_array())
        .collect();
    let thread = documents.first().unwrap();
    let mut imported = sample()
        .into_iter()
        .find(|one| one["id"] == thread["id"])
        .unwrap();
    let notes = imported.as_object_mut().unwrap().remove("notes").unwrap();
    let notes = notes.as_array().unwrap();
    assert_eq!(*thread, imported);
    assert_eq!(documents[1..=notes.len()], **notes);

    let [assigned, resolved, again, reply, read, note] = &documents[1 + notes.len()..] else {
        panic!("{documents:#?}");
    };
    assert_ne!(assigned["assigned_to"], thread["assigned_to"]);
    assert_eq!(
        (text(assigned, "status"), text(resolved, "status")),
        ("open", "resolved")
    );
    assert_eq!(again, resolved, "resolving again changes nothing");
    assert_eq!(
        (text(reply, "status"), text(read, "status")),
        ("sent", "read")
    );
    assert_eq!(reply["id"], read["id"]);
    assert_eq!(note["author"], assigned["assigned_to"]["id"]);
    assert_eq!(note["conversation_id"], thread["id"]);
}

#[test]
fn a_malformed_line_is_named_and_nothing_of_its_file_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let (file, db) = (
        directory.path().join("lines.ndjson"),
        directory.path().join("db"),
    );
    let mut lines: Vec<_> = SAMPLE.lines().take(2).collect();
    lines.push(r#"{"id": "conv_1"}"#);
    fs::write(&file, lines.join("\n")).unwrap();

    let told = failure(inbox().arg(&file).arg("--db").arg(&db));
    let place = format!("inbox: {}:3: conversation_id: must be", file.display());
    assert!(told.starts_with(&place), "{told}");
    let store = Store::open(&db).unwrap();
    assert_eq!(store.count(&Filter::all()).unwrap(), 0);
    assert_eq!(store.assignees().unwrap(), []);
}

#[test]
fn a_refused_line_is_named_with_the_field_and_counts_the_blank_lines_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lines.ndjson");
    let mut lines = sample();
    lines[1]["messages"][0]["content"] = Value::from(" ");
    fs::write(&file, format!("{}\n\n \r\n{}\n", lines[0], lines[1])).unwrap();

    let told = failure(inbox().arg(&file));
    let expected = "lines.ndjson:4: messages[0].content: must not be empty or only white space";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn a_second_import_into_the_same_store_names_what_exists_already_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let db = directory.path().join("inbox.redb");
    let first = inbox().arg("--db").arg(&db).output().unwrap();
    assert!(first.status.success(), "{}", stderr(&first));
    let before = Store::open(&db).unwrap().stats().unwrap();

    let told = failure(inbox().arg("--db").arg(&db));
    let first = &sample()[0];
    let expected = format!(
        "sample.ndjson:1: the conversation `{}` exists",
        text(first, "id")
    );
    assert!(told.contains(&expected), "{told}");
    let store = Store::open(&db).unwrap();
    assert_eq!(store.stats().unwrap().sequence, before.sequence);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn what_cannot_be_opened_or_holds_nothing_is_told_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("empty.ndjson"), "").unwrap();
    fs::write(path("blank.ndjson"), "\n  \n").unwrap();
    let told = failure(
        inbox()
            .arg(path("missing.ndjson"))
            .arg("--db")
            .arg(path("none")),
    );
    assert!(told.contains("missing.ndjson: "), "{told}");
    assert!(
        !path("none").exists(),
        "a store was made for a file that is not there"
    );
    for name in ["empty.ndjson", "blank.ndjson"] {
        let told = failure(inbox().arg(path(name)));
        assert!(
            told.ends_with(&format!("{name}: holds no conversation")),
            "{told}"
        );
    }

    let held = Store::open(path("held")).unwrap();
    let told = failure(inbox().arg("--db").arg(path("held")));
    assert!(told.ends_with("held: the file is open elsewhere"), "{told}");
    held.close().unwrap();
    let told = failure(inbox().arg("--db").arg(path("blank.ndjson")));
    assert!(
        told.contains("blank.ndjson: the file is not a store"),
        "{told}"
    );
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    for arguments in [&["--json"][..], &[]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let output = inbox().args(arguments).stdout(writer).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn every_line_of_the_sample_reads_back_as_it_was_written() {
    let store = Store::in_memory().unwrap();
    for line in SAMPLE.lines() {
        let import: Import = serde_json::from_str(line).unwrap();
        let id = store.import(import).unwrap().value.id;
        let mut written = serde_json::to_string(&store.get(id).unwrap()).unwrap();
        let notes: Vec<_> = store.notes(id).unwrap().map(Result::unwrap).collect();
        if !notes.is_empty() {
            let notes = serde_json::to_string(&notes).unwrap();
            assert_eq!(written.pop(), Some('}'));
            written += &format!(",\"notes\":{notes}}}");
        }
        assert_eq!(written, line);
    }
}

#[test]
fn the_sample_has_every_channel_status_and_type_and_its_ids_carry_its_times() {
    let sample = sample();
    let messages = || {
        let all = sample.iter().map(|one| one["messages"].as_array().unwrap());
        all.flatten()
    };
    let channels = ["instagram", "messenger", "webchat", "whatsapp"];
    assert_eq!(words(sample.iter(), "channel"), channels);
    assert_eq!(words(sample.iter(), "status"), ["open", "resolved"]);
    let types = ["document", "image", "template", "text"];
    assert_eq!(words(messages(), "type"), types);
    let statuses = ["delivered", "failed", "read", "sent"];
    assert_eq!(words(messages(), "status"), statuses);

    for line in SAMPLE.lines() {
        let import: Import = serde_json::from_str(line).unwrap();
        let times = import
            .messages
            .iter()
            .map(|one| (one.id.timestamp_ms(), one.created_at));
        let notes = import
            .notes
            .iter()
            .map(|one| (one.id.timestamp_ms(), one.created_at));
        let of = &import.conversation;
        let itself = [(of.id.timestamp_ms(), of.created_at)];
        for (id, created_at) in times.clone().chain(notes.clone()).chain(itself) {
            assert_eq!(
                i64::try_from(id),
                Ok(created_at.timestamp_millis()),
                "{}",
                of.id
            );
        }
        assert_eq!(times.clone().map(|(_, at)| at).min(), Some(of.created_at));
        let activity = times.chain(notes).map(|(_, at)| at).max();
        assert!(activity <= Some(of.updated_at), "{}", of.id);
    }
}
