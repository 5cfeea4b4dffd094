//! Snapshots and iterators: what ends them, and how long they hold.

use std::time::Duration;

use convodb::prelude::*;
use convodb::{Channel, ErrorKind, Filter, Inbound, Options, Result};

use super::{directory, import_long, kind};
use convodb_testkit::fixture::WAL_BYTES;
use convodb_testkit::op::{CONTACTS, contact};

/// Buffered or not, an iterator that has ended says so once, and nothing comes after.
fn check_ended<T: std::fmt::Debug>(answers: Vec<Result<T>>, whole: usize) {
    let (last, before) = answers.split_last().unwrap();
    assert_eq!(
        last.as_ref().unwrap_err().kind(),
        ErrorKind::SnapshotExpired
    );
    assert!(before.iter().all(Result::is_ok), "one error, at the end");
    assert!(before.len() < whole, "what was not read cannot be");
}

/// What is held of a store before it is compacted or reopened ends; the store goes on.
fn check_ends_what_is_held(end: impl Fn(&Store)) {
    const MESSAGES: usize = 200;
    let store = Store::in_memory().unwrap();
    let id = import_long(&store, MESSAGES as u16);
    let clone = store.clone();
    let snapshot = store.snapshot().unwrap();
    let mut begun = store.messages(id, ..).unwrap();
    begun.next().unwrap().unwrap();
    begun.next_back().unwrap().unwrap();
    let mut fresh = snapshot.messages(id, ..).unwrap();
    let mut notes = store.notes(id).unwrap();
    notes.next().unwrap().unwrap();
    // Iterators of a snapshot are the snapshot's hold, not holds of their own.
    assert_eq!(store.stats().unwrap().snapshots, 3);
    assert!(store.stats().unwrap().oldest_snapshot.is_some());

    end(&store);
    let expired = Err(ErrorKind::SnapshotExpired);
    assert_eq!(kind(snapshot.count(&Filter::all())), expired);
    assert_eq!(kind(snapshot.clone().transcript(id)), expired);
    check_ended(begun.by_ref().collect(), MESSAGES);
    check_ended(fresh.by_ref().rev().collect(), MESSAGES);
    check_ended(notes.by_ref().collect(), MESSAGES);
    assert!(begun.next().is_none() && begun.next_back().is_none());
    assert!(fresh.next().is_none() && fresh.next_back().is_none());
    assert!(notes.next().is_none());

    assert_eq!(store.stats().unwrap().snapshots, 0);
    assert_eq!(store.stats().unwrap().oldest_snapshot, None);
    assert_eq!(clone.transcript(id).unwrap().messages.len(), MESSAGES);
    assert_eq!(clone.snapshot().unwrap().count(&Filter::all()).unwrap(), 1);
    assert!(clone.resolve(id).unwrap().effect.changed);
}

#[test]
fn compacting_ends_snapshots_and_iterators_and_nothing_else() {
    check_ends_what_is_held(|store| store.compact().unwrap());
}

#[test]
fn reopening_ends_snapshots_and_iterators_and_nothing_else() {
    check_ends_what_is_held(|store| store.reopen().unwrap());
}

#[test]
fn snapshots_count_until_they_are_dropped() {
    let store = Store::in_memory().unwrap();
    let first = store.snapshot().unwrap();
    let clone = first.clone();
    let second = store.snapshot().unwrap();
    assert_eq!(store.stats().unwrap().snapshots, 2);
    drop((first, second));
    assert_eq!(store.stats().unwrap().snapshots, 1);
    drop(clone);
    assert_eq!(store.stats().unwrap().snapshots, 0);
}

/// The size of a file after so many commits beside a snapshot of this age, and how that ended.
fn grown_beside_a_snapshot(age: Duration) -> (u64, Option<ErrorKind>) {
    const COMMITS: u8 = 150;
    let (_directory, path) = directory();
    let store = Options::new()
        .snapshot_ttl(age)
        .wal_size(WAL_BYTES)
        .checkpoint_commands(1)
        .open(&path)
        .unwrap();
    let snapshot = store.snapshot().unwrap();
    for number in 0..COMMITS {
        let from = contact(number % CONTACTS);
        let text = "It has not come yet. ".repeat(50);
        store
            .receive(Inbound::text(from, Channel::Whatsapp, text))
            .unwrap();
    }
    let ended = snapshot.count(&Filter::all()).err();
    let held = store.stats().unwrap();
    assert_eq!(held.snapshots, usize::from(ended.is_none()));
    (held.file_bytes, ended.map(|error| error.kind()))
}

#[test]
fn a_snapshot_that_has_grown_too_old_ends_and_keeps_the_file_from_growing() {
    let (held, ended) = grown_beside_a_snapshot(Duration::MAX);
    assert_eq!(ended, None);
    let (freed, ended) = grown_beside_a_snapshot(Duration::ZERO);
    assert_eq!(ended, Some(ErrorKind::SnapshotExpired));
    assert!(freed * 2 < held, "{freed} bytes, not far below {held}");
}

#[test]
fn an_iterator_that_has_grown_too_old_ends() {
    let store = Options::new()
        .snapshot_ttl(Duration::ZERO)
        .open_in_memory()
        .unwrap();
    let hello = Inbound::text(contact(1), Channel::Whatsapp, "Hello");
    let id = store.receive(hello).unwrap().value.conversation_id;
    let ended = store.messages(id, ..).map(drop);
    assert_eq!(kind(ended), Err(ErrorKind::SnapshotExpired));
    assert_eq!(
        store.transcript(id).unwrap().messages.len(),
        1,
        "reading goes on"
    );
}
