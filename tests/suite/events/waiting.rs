//! Waiting for events without polling.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use convodb::{ErrorKind, Store};

use super::{receive, types};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

#[test]
fn a_wait_ends_with_the_commit_that_brings_an_event_and_misses_none() {
    let store = Store::in_memory().unwrap();
    let (to, events) = mpsc::channel();
    let waiting = thread::spawn({
        let mut consumer = store.consumer("webhooks").unwrap();
        move || -> convodb::Result<()> {
            loop {
                for event in consumer.next(3)? {
                    to.send(event).unwrap();
                }
                assert!(consumer.wait(LONG)?);
            }
        }
    });
    for _ in 0..200 {
        receive(&store);
        // One at a time, so that the waiting thread sleeps again before the next.
        events.recv().unwrap();
    }
    assert_eq!(events.recv().unwrap().sequence, 201);
    store.close().unwrap();
    let ended = waiting.join().unwrap().unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::Closed);
}

#[test]
fn a_wait_ends_at_its_time_and_at_once_where_there_is_something() {
    let store = Store::in_memory().unwrap();
    assert!(!store.wait_for_events(0, Duration::ZERO).unwrap());
    assert!(!store.wait_for_events(0, Duration::from_millis(2)).unwrap());
    receive(&store);
    assert!(store.wait_for_events(0, LONG).unwrap());
    assert!(store.wait_for_events(1, LONG).unwrap());
    assert!(!store.wait_for_events(2, Duration::ZERO).unwrap());
    let early = store.wait_for_events(3, LONG).unwrap_err();
    assert_eq!(early.field(), Some("after"));
}

#[test]
fn a_commit_without_an_event_ends_no_wait() {
    let store = Store::in_memory().unwrap();
    let waiting = thread::spawn({
        let store = store.clone();
        move || {
            let there = store.wait_for_events(0, LONG).unwrap();
            (there, types(&store.events(0, 1).unwrap()))
        }
    });
    super::user(&store, "usr_alice");
    store.compact().unwrap();
    receive(&store);
    let woken = waiting.join().unwrap();
    assert_eq!(woken, (true, vec!["conversation.created"]));
}

#[test]
fn a_reopening_wakes_whoever_waits() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("inbox.redb")).unwrap();
    let (ready, is_ready) = mpsc::channel();
    let waiting = thread::spawn({
        let store = store.clone();
        move || {
            ready.send(()).unwrap();
            store.wait_for_events(0, LONG)
        }
    });
    is_ready.recv().unwrap();
    store.reopen().unwrap();
    // Whether it was woken or came only then, it sees what is published.
    receive(&store);
    match waiting.join().unwrap() {
        Ok(there) => assert!(there),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NeedsReopen),
    }
}

#[test]
fn a_wait_within_ones_own_transaction_is_an_error() {
    let store = Store::in_memory().unwrap();
    let waited = store.transaction(|_| store.wait_for_events(0, LONG));
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::InTransaction);
}
