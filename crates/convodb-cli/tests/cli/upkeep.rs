//! Verifying, repairing, packing and copying.

use convodb::Filter;
use serde_json::Value;

use super::{Desk, text};

/// Takes a row out of an index, with the engine alone.
fn lose_a_row(desk: &Desk, name: &str) {
    const INDEX: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("index");
    let database = redb::Database::open(desk.path(name)).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(INDEX).unwrap();
        // The first stream by status and channel has open conversations on WhatsApp.
        let (from, to) = ([1, 0, 0], [1, 0, 1]);
        let mut found = rows
            .extract_from_if(&from[..]..&to[..], |_, _| true)
            .unwrap();
        assert!(found.next().is_some());
    }
    transaction.commit().unwrap();
}

#[test]
fn verify_exits_with_findings_and_repair_mends_them() {
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
fn a_backup_is_the_same_store_and_overwrites_nothing() {
    let desk = Desk::with(40, "one.redb");
    let told = desk.json(&["backup", "one.redb", "copy.redb"]);
    assert_eq!(told["file"], "copy.redb");
    let size = std::fs::metadata(desk.path("copy.redb")).unwrap().len();
    assert_eq!(told["bytes"], size);
    for what in [&["export"][..], &["events", "--json"]] {
        let of = |name| desk.ok(&[what, &[name]].concat());
        assert_eq!(of("copy.redb"), of("one.redb"));
    }
    let said = desk.refused(3, &["backup", "one.redb", "copy.redb"]);
    assert_eq!(said, "convodb: copy.redb: exists already");
    let said = desk.refused(3, &["backup", "one.redb", "nowhere/copy.redb"]);
    assert_eq!(
        said,
        "convodb: nowhere/copy.redb: its directory is not there"
    );
    assert_eq!(desk.names(), ["copy.redb", "one.redb"]);
}

#[test]
fn compacting_gives_the_space_back_of_what_is_gone() {
    let desk = Desk::with(600, "one.redb");
    let store = desk.open("one.redb");
    let page = store.list(&Filter::all(), convodb::PageRequest::new(1, 100).unwrap());
    for row in page.unwrap().data {
        store.delete(row.id).unwrap();
    }
    store.close().unwrap();
    let exported = desk.ok(&["export", "one.redb"]);
    let told = desk.json(&["compact", "one.redb"]);
    assert!(
        told["bytes"].as_u64() < told["bytes_before"].as_u64(),
        "{told}"
    );
    assert_eq!(desk.ok(&["export", "one.redb"]), exported);
    assert_eq!(desk.names(), ["one.redb"]);
}
