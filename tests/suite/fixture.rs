//! A file of the first released format, with rows in its pages and changes in its log: every version reads it
//! as it was written.
//!
//! Where a format that was never released changed, `UPDATE_FIXTURE=1` writes it anew.

use std::path::{Path, PathBuf};

use convodb::prelude::*;
use convodb::testing::{ManualClock, SeededIds};
use convodb::{EventSeq, Filter, Options, PageRequest, Store};
use convodb_testkit::apply::apply;
use convodb_testkit::fixture::{clock, ops_of};
use convodb_testkit::model::Model;
use convodb_testkit::op::Op;
use serde_json::{Value, json};

/// The room of the log, which is as small as it can be.
const WAL_BYTES: u64 = 64 << 10;

fn options(clock: &ManualClock) -> Options {
    Options::new()
        .clock(clock.clone())
        .ids(SeededIds::new(11))
        .reassign_by_hand()
        .wal_size(WAL_BYTES)
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/format-1")
        .join(name)
}

/// All that can be read, in an order that does not depend on how it is stored.
fn dump(store: &Store) -> Vec<Value> {
    let all = |filter: &Filter| {
        let mut rows = Vec::new();
        for page in 1.. {
            let request = PageRequest::number(page, PageRequest::MAX_LIMIT).unwrap();
            let page = store.list(filter, request).unwrap();
            if page.data.is_empty() {
                return rows;
            }
            rows.extend(page.data);
        }
        rows
    };
    let mut lines = vec![
        json!({"assignees": store.assignees().unwrap()}),
        json!({"inboxes": store.inboxes().unwrap()}),
        json!({"tags": store.tags().unwrap()}),
        json!({"contacts": store.contacts(None, usize::MAX).unwrap()}),
        json!({"consumers": store.consumers().unwrap()}),
    ];
    for view in store.views().unwrap() {
        // One that is being built has no list yet.
        let rows = view
            .building
            .is_none()
            .then(|| all(&Filter::view(&view.id)));
        let ids = rows.map(|rows| rows.iter().map(|row| row.id).collect::<Vec<_>>());
        lines.push(json!({"view": view, "ids": ids}));
    }
    for row in all(&Filter::all()) {
        let notes = store.notes(row.id).unwrap();
        let notes: Vec<_> = notes.map(|note| note.unwrap()).collect();
        lines.push(json!({
            "row": row,
            "transcript": store.transcript(row.id).unwrap(),
            "notes": notes,
            "audit_log": store.audit_log(row.id).unwrap(),
        }));
    }
    let mut after = EventSeq::ZERO;
    loop {
        let events = match store.events(after, 1_000) {
            Ok(events) => events,
            Err(error) => match error.details() {
                convodb::Details::OldestEvent(oldest) => {
                    after = EventSeq::new(oldest.get() - 1);
                    continue;
                }
                other => panic!("{error}: {other:?}"),
            },
        };
        match events.last() {
            Some(last) => after = last.seq,
            None => break,
        }
        lines.extend(events.iter().map(|event| json!({ "event": event })));
    }
    lines
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Writes the fixture: commands of every kind, half of them behind the last checkpoint.
fn write() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("inbox.redb");
    let clock: ManualClock = clock();
    let store = options(&clock).open(&file).unwrap();
    let mut model = Model::new(&clock);
    for (turn, op) in ops_of(1, 900).iter().enumerate() {
        // What would leave little of the rest.
        if op.ends_snapshots() || matches!(op, Op::PurgeEvents(_) | Op::DeleteResolved { .. }) {
            continue;
        }
        apply(&store, &mut model, op).unwrap();
        if turn == 850 {
            for _ in 0..32 {
                apply(&store, &mut model, &Op::Reassign { limit: 16 }).unwrap();
            }
            store.checkpoint().unwrap();
        }
    }
    std::fs::create_dir_all(path("")).unwrap();
    // What a crash would leave.
    std::fs::copy(&file, path("inbox.redb")).unwrap();
    std::fs::write(path("inbox.ndjson"), text(&dump(&store))).unwrap();
}

#[test]
fn a_file_of_the_first_format_is_read_as_it_was_written() {
    if std::env::var_os("UPDATE_FIXTURE").is_some() {
        write();
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("inbox.redb");
    std::fs::copy(path("inbox.redb"), &file).unwrap();
    let expected = std::fs::read_to_string(path("inbox.ndjson")).unwrap();
    let clock: ManualClock = clock();
    let open = || options(&clock).create(false).open(&file).unwrap();
    let store = open();
    assert!(store.verify().unwrap().is_clean());
    for (found, expected) in text(&dump(&store)).lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(text(&dump(&store)).len(), expected.len());
    // From the pages alone.
    store.close().unwrap();
    assert_eq!(text(&dump(&open())), expected);
}
