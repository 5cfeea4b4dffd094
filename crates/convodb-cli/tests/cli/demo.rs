//! `demo`, and its sample.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use convodb::prelude::*;
use convodb::{Filter, Import};
use serde_json::Value;

use super::{Desk, text};

const SAMPLE: &str = include_str!("../../src/commands/demo/sample.ndjson");

fn sample() -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap();
    SAMPLE.lines().map(parse).collect()
}

fn field<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap()
}

/// The values of a field, each once, in order.
fn values<'a>(documents: impl Iterator<Item = &'a Value>, name: &str) -> Vec<&'a str> {
    let values: BTreeSet<_> = documents.map(|document| field(document, name)).collect();
    values.into_iter().collect()
}

/// The open conversations of the sample, latest activity first.
fn open_inbox() -> Vec<Value> {
    let mut open = sample();
    open.retain(|conversation| conversation["status"] == "open");
    // Its times have one length or a fraction, which sorts after the full second.
    open.sort_by_key(|row| {
        let updated_at = field(row, "updated_at").trim_end_matches('Z').to_owned();
        std::cmp::Reverse((updated_at, field(row, "id").to_owned()))
    });
    open
}

/// The documents of `demo --json`.
fn documents(desk: &Desk) -> Vec<Value> {
    let printed = desk.ok(&["demo", "--json"]);
    let parse = |line| serde_json::from_str(line).unwrap();
    printed.lines().map(parse).collect()
}

/// A document of a conversation without what is derived on import.
fn without_counts(document: &Value) -> Value {
    let mut document = document.clone();
    document.as_object_mut().unwrap().remove("inbound_count");
    document
}

#[test]
fn the_demo_of_the_sample_prints_every_table_and_a_clean_verification() {
    let shown = Desk::new().ok(&["demo"]);
    for row in open_inbox().iter().take(20) {
        assert!(shown.contains(field(row, "id")), "{row}");
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
fn its_json_begins_with_the_open_inbox_as_imported_page_by_page() {
    let expected = open_inbox();
    let mut rows = Vec::new();
    let pages = documents(&Desk::new()).into_iter();
    let pages = pages.take_while(|one| one["data"].is_array());
    for (number, page) in (1..).zip(pages) {
        assert_eq!(page["total"], expected.len());
        assert_eq!(page["page"], number);
        rows.extend(page["data"].as_array().unwrap().clone());
    }
    assert!(rows.len() > 20, "the sample has more than one page");
    assert_eq!(rows.len(), expected.len());
    for (row, mut imported) in rows.into_iter().zip(expected) {
        let messages = imported["messages"].take();
        let messages = messages.as_array().unwrap().iter();
        let inbound = messages.filter(|message| message["direction"] == "inbound");
        assert_eq!(
            row["inbound_count"].as_u64().unwrap_or(0),
            inbound.count() as u64
        );
        imported["messages"] = Value::Array(Vec::new());
        imported.as_object_mut().unwrap().remove("notes");
        assert_eq!(without_counts(&row), imported);
    }
}

#[test]
fn its_json_continues_with_one_conversation_and_the_values_of_commands() {
    let documents: Vec<_> = documents(&Desk::new())
        .into_iter()
        .skip_while(|document| document["data"].is_array())
        .collect();
    let transcript = documents.first().unwrap();
    let mut imported = sample()
        .into_iter()
        .find(|one| one["id"] == transcript["id"])
        .unwrap();
    let notes = imported.as_object_mut().unwrap().remove("notes").unwrap();
    let notes = notes.as_array().unwrap();
    assert_eq!(without_counts(transcript), imported);
    assert_eq!(documents[1..=notes.len()], **notes);

    let shown = &documents[1 + notes.len()..];
    assert_eq!(shown.len(), 6, "{documents:#?}");
    let [assigned, resolved, again, reply, read, note] = shown else {
        unreachable!("there are six");
    };
    assert_ne!(assigned["assigned_to"], transcript["assigned_to"]);
    assert_eq!(
        (field(assigned, "status"), field(resolved, "status")),
        ("open", "resolved")
    );
    assert_eq!(again, resolved, "resolving again changes nothing");
    assert_eq!(
        (field(reply, "status"), field(read, "status")),
        ("sent", "read")
    );
    assert_eq!(reply["id"], read["id"]);
    assert_eq!(note["author"], assigned["assigned_to"]["id"]);
    assert_eq!(note["conversation_id"], transcript["id"]);
}

#[test]
fn a_malformed_line_is_named_and_nothing_is_stored() {
    let desk = Desk::new();
    let mut lines: Vec<_> = SAMPLE.lines().take(2).collect();
    lines.push(r#"{"id": "conv_1"}"#);
    fs::write(desk.path("lines.ndjson"), lines.join("\n")).unwrap();
    let failure = desk.failure(3, &["demo", "lines.ndjson", "--db", "one.redb"]);
    let prefix = "convodb: lines.ndjson:3: conversation_id: must be";
    assert!(failure.starts_with(prefix), "{failure}");
    assert_eq!(desk.names(), ["lines.ndjson"]);

    drop(desk.open("one.redb"));
    desk.failure(3, &["demo", "lines.ndjson", "--db", "one.redb"]);
    let store = desk.open("one.redb");
    assert_eq!(store.count(&Filter::all()).unwrap(), 0);
    assert_eq!(store.assignees().unwrap(), []);
}

#[test]
fn a_rejected_line_is_named_with_the_field_and_blank_lines_count() {
    let desk = Desk::new();
    let mut lines = sample();
    lines[1]["messages"][0]["content"] = Value::from("x".repeat(65_537));
    let lines = format!("{}\n\n \r\n{}\n", lines[0], lines[1]);
    fs::write(desk.path("lines.ndjson"), lines).unwrap();
    let failure = desk.failure(3, &["demo", "lines.ndjson"]);
    let expected = "lines.ndjson:4: messages[0].content: must be at most 65536 bytes";
    assert!(failure.contains(expected), "{failure}");
}

#[test]
fn a_second_import_into_the_same_store_names_the_existing_conversation_and_changes_nothing() {
    let desk = Desk::new();
    let kept = desk.ok(&["demo", "--db", "one.redb"]);
    assert!(kept.contains("The store is in one.redb"), "{kept}");
    let before = desk.open("one.redb").commit_seq().unwrap();

    let failure = desk.failure(3, &["demo", "--db", "one.redb"]);
    let expected = format!(
        "sample.ndjson:1: the conversation `{}` exists",
        field(&sample()[0], "id")
    );
    assert!(failure.contains(&expected), "{failure}");
    let store = desk.open("one.redb");
    assert_eq!(store.commit_seq().unwrap(), before);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_missing_or_empty_file_and_a_store_that_cannot_be_opened_are_reported_in_one_line() {
    let desk = Desk::new();
    fs::write(desk.path("empty.ndjson"), "").unwrap();
    fs::write(desk.path("blank.ndjson"), "\n  \n").unwrap();
    let failure = desk.failure(3, &["demo", "missing.ndjson", "--db", "none.redb"]);
    assert!(failure.contains("missing.ndjson: "), "{failure}");
    for name in ["empty.ndjson", "blank.ndjson"] {
        let failure = desk.failure(3, &["demo", name, "--db", "none.redb"]);
        assert_eq!(failure, format!("convodb: {name}: has no conversation"));
    }
    assert_eq!(desk.names(), ["blank.ndjson", "empty.ndjson"]);

    let held = desk.open("held.redb");
    let failure = desk.failure(3, &["demo", "--db", "held.redb"]);
    assert!(failure.contains("held.redb: the file is open"), "{failure}");
    held.close().unwrap();
    let failure = desk.failure(3, &["demo", "--db", "blank.ndjson"]);
    assert!(
        failure.contains("blank.ndjson: the file is not a store"),
        "{failure}"
    );
}

#[test]
fn a_closed_pipe_ends_the_demo_without_a_failure() {
    for arguments in [&["demo", "--json"][..], &["demo"]] {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let desk = Desk::new();
        let mut demo = desk.command(arguments);
        let output = demo.stdout(writer).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn every_line_of_the_sample_is_exported_as_it_was_imported() {
    let store = Store::in_memory().unwrap();
    for line in SAMPLE.lines() {
        let import: Import = serde_json::from_str(line).unwrap();
        let id = store.import(import).unwrap().value.id;
        let transcript = store.transcript(id).unwrap();
        let notes = store.notes(id).unwrap().map(Result::unwrap).collect();
        let export = Import::new(transcript.conversation, transcript.messages).notes(notes);
        let export = serde_json::to_string(&export).unwrap();
        let count = format!(
            "\"inbound_count\":{}",
            store.conversation(id).unwrap().inbound_count
        );
        assert_eq!(export.replacen(&format!(",{count}"), "", 1), line);
    }
}

#[test]
fn the_sample_has_every_channel_status_and_type_and_its_ids_have_its_times() {
    let sample = sample();
    let messages = || {
        let all = sample.iter().map(|one| one["messages"].as_array().unwrap());
        all.flatten()
    };
    let channels = ["instagram", "messenger", "webchat", "whatsapp"];
    assert_eq!(values(sample.iter(), "channel"), channels);
    assert_eq!(values(sample.iter(), "status"), ["open", "resolved"]);
    let types = ["document", "image", "template", "text"];
    assert_eq!(values(messages(), "type"), types);
    let statuses = ["delivered", "failed", "read", "sent"];
    assert_eq!(values(messages(), "status"), statuses);

    for line in SAMPLE.lines() {
        let import: Import = serde_json::from_str(line).unwrap();
        let messages = import.messages.iter();
        let messages = messages.map(|one| (one.id.timestamp_ms(), one.created_at));
        let notes = import.notes.iter();
        let notes = notes.map(|one| (one.id.timestamp_ms(), one.created_at));
        let of = &import.conversation;
        let own = [(of.id.timestamp_ms(), of.created_at)];
        for (id, created_at) in messages.clone().chain(notes.clone()).chain(own) {
            assert_eq!(
                i64::try_from(id),
                Ok(created_at.timestamp_millis()),
                "{}",
                of.id
            );
        }
        assert_eq!(
            messages.clone().map(|(_, at)| at).min(),
            Some(of.created_at)
        );
        let activity = messages.chain(notes).map(|(_, at)| at).max();
        assert!(activity <= Some(of.updated_at), "{}", of.id);
    }
}
