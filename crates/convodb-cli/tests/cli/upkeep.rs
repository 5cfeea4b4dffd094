//! Verifying, repairing, compacting and copying.

use std::fs;
use std::process::Stdio;

use convodb::prelude::*;
use convodb::{Filter, PageRequest, UserId};
use convodb_testkit::tables::with_redb;
use serde_json::Value;

use super::{Desk, text};

/// Removes a row of an index, with redb alone.
fn lose_a_row(desk: &Desk, name: &str) {
    const INDEX: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("index");
    let database = with_redb(&desk.path(name));
    let transaction = database.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(INDEX).unwrap();
        // The first partition by status and channel has the open conversations on WhatsApp.
        let (from, to) = ([1, 0, 0], [1, 0, 1]);
        let mut found = rows
            .extract_from_if(&from[..]..&to[..], |_, _| true)
            .unwrap();
        assert!(found.next().is_some());
    }
    transaction.commit().unwrap();
}

#[test]
fn verify_exits_with_findings_and_repair_removes_them() {
    let desk = Desk::with(60, "one.redb");
    assert!(desk.ok(&["verify", "one.redb"]).contains("clean"));
    lose_a_row(&desk, "one.redb");

    let output = desk.command(&["verify", "one.redb"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("missing"));
    assert_eq!(text(&output.stderr), "");

    let output = desk.command(&["verify", "one.redb", "--json"]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["clean"], false);
    assert_eq!(report["findings"][0]["table"], "index");

    assert_eq!(desk.json(&["repair", "one.redb"])["clean"], true);
    let clean = desk.json(&["verify", "one.redb"]);
    assert_eq!(clean["findings"], Value::Array(Vec::new()));
    assert_eq!(clean["conversations"], 60);
}

#[test]
fn a_backup_is_the_same_store_and_overwrites_no_file() {
    let desk = Desk::with(40, "one.redb");
    let printed = desk.json(&["backup", "one.redb", "copy.redb"]);
    assert_eq!(printed["file"], "copy.redb");
    let size = fs::metadata(desk.path("copy.redb")).unwrap().len();
    assert_eq!(printed["bytes"], size);
    for what in [&["export"][..], &["events", "--json"]] {
        let of = |name| desk.ok(&[what, &[name]].concat());
        assert_eq!(of("copy.redb"), of("one.redb"));
    }
    let message = desk.failure(3, &["backup", "one.redb", "copy.redb"]);
    assert_eq!(message, "convodb: copy.redb: exists already");
    let message = desk.failure(3, &["backup", "one.redb", "nowhere/copy.redb"]);
    assert_eq!(
        message,
        "convodb: nowhere/copy.redb: its directory does not exist"
    );
    assert_eq!(desk.names(), ["copy.redb", "one.redb"]);
}

#[test]
fn compacting_frees_the_space_of_deleted_conversations() {
    let desk = Desk::with(600, "one.redb");
    let store = desk.open("one.redb");
    let page = store.list(&Filter::all(), (1, PageRequest::MAX_LIMIT));
    for row in page.unwrap().data {
        store.delete(row.id).unwrap();
    }
    store.close().unwrap();
    let exported = desk.ok(&["export", "one.redb"]);
    let printed = desk.json(&["compact", "one.redb"]);
    assert!(
        printed["bytes"].as_u64() < printed["bytes_before"].as_u64(),
        "{printed}"
    );
    assert_eq!(desk.ok(&["export", "one.redb"]), exported);
    assert_eq!(desk.names(), ["one.redb"]);
}

#[test]
fn a_backup_to_standard_output_is_the_same_store() {
    let desk = Desk::with(40, "one.redb");
    let output = desk.command(&["backup", "one.redb", "-"]).output().unwrap();
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "");
    fs::write(desk.path("copy.redb"), output.stdout).unwrap();
    assert_eq!(
        desk.ok(&["export", "copy.redb"]),
        desk.ok(&["export", "one.redb"])
    );
    assert_eq!(desk.names(), ["copy.redb", "one.redb"]);
}

#[test]
fn recover_loses_what_it_names_and_saves_the_rest_of_the_log() {
    let desk = Desk::with(20, "one.redb");
    let exported = desk.ok(&["export", "one.redb"]);
    let nothing = desk.json(&["recover", "one.redb", "--save", "log"]);
    assert_eq!(nothing["recovered"], false);
    assert_eq!(desk.names(), ["one.redb"]);

    // A crash, and damage to the first of the commits that it left in the log.
    let store = desk.open("one.redb");
    let closed = fs::read(desk.path("one.redb")).unwrap();
    let first = store.commit_seq().unwrap().get() + 1;
    for name in ["Alice", "Bob", "Carol", "Dave"] {
        let id = UserId::new(&format!("usr_{name}")).unwrap();
        store.save_user(&id, name).unwrap();
    }
    let mut crashed = fs::read(desk.path("one.redb")).unwrap();
    store.close().unwrap();
    let log = 2 * 4096..;
    let damaged = log.clone().find(|at| closed[*at] != crashed[*at]).unwrap();
    crashed[damaged] ^= 1;
    fs::write(desk.path("one.redb"), &crashed).unwrap();

    let refused = desk.failure(3, &["list", "one.redb"]);
    assert!(refused.contains("convodb recover"), "{refused}");
    let message = desk.failure(3, &["recover", "one.redb", "--save", "nowhere/log"]);
    assert_eq!(
        message,
        "convodb: nowhere/log: its directory does not exist"
    );
    let message = desk.failure(3, &["recover", "one.redb", "--save", "one.redb"]);
    assert!(message.contains("exists already"), "{message}");
    let recovered = desk.json(&["recover", "one.redb", "--save", "log"]);
    assert_eq!(recovered["last"]["commit"], first - 1);
    assert_eq!(recovered["lost"]["first"], first);
    assert_eq!(recovered["lost"]["last"], first + 2);
    let saved = fs::read(desk.path("log")).unwrap();
    assert_eq!(recovered["saved"]["bytes"], saved.len());
    assert!(saved.windows(5).any(|bytes| bytes == b"Carol"));
    assert_eq!(desk.ok(&["export", "one.redb"]), exported);
    assert!(desk.ok(&["verify", "one.redb"]).contains("clean"));
    assert!(
        desk.ok(&["recover", "one.redb", "--save", "again"])
            .contains("nothing")
    );
    assert_eq!(desk.names(), ["log", "one.redb"]);
}

#[test]
fn a_command_waits_for_a_file_that_is_open_elsewhere() {
    let desk = Desk::with(5, "one.redb");
    let store = desk.open("one.redb");
    let waits = desk
        .command(&["stats", "one.redb", "--wait", "60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let message = desk.failure(3, &["stats", "one.redb", "--wait", "0"]);
    assert!(message.contains("open elsewhere"), "{message}");
    store.close().unwrap();
    let output = waits.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("conversations"));
}

#[test]
fn times_in_the_future_are_counted_and_repaired() {
    let desk = Desk::new();
    let ahead = convodb::testing::ManualClock::at("2106-01-01T00:00:00Z".parse().unwrap());
    let options = convodb::Store::options().clock(ahead);
    let store = options.open(desk.path("one.redb")).unwrap();
    let contact = convodb::ContactId::new("con_1").unwrap();
    let hello = convodb::Inbound::text(contact, convodb::Channel::Webchat, "Hello");
    store.receive(hello).unwrap();
    store.close().unwrap();

    assert_eq!(desk.json(&["stats", "one.redb"])["times_in_the_future"], 1);
    // The conversation and its message.
    let report = desk.json(&["verify", "one.redb"]);
    assert_eq!(report["times_in_the_future"], 2);
    let printed = desk.ok(&["verify", "one.redb"]);
    assert!(
        printed.contains("2 records with times in the future"),
        "{printed}"
    );
    let report = desk.json(&["repair", "one.redb"]);
    assert_eq!(report["times_in_the_future"], 0);
    assert_eq!(desk.json(&["stats", "one.redb"])["times_in_the_future"], 0);
}
