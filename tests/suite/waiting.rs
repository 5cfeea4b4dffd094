//! Waiting for events without polling.

use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use convodb::prelude::*;
use convodb::{ConsumerName, ErrorKind, EventSeq};

use crate::events::{receive, types, user};
use crate::tasks::Task;

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
    assert_eq!(events.recv().unwrap().seq, EventSeq::new(201));
    store.close().unwrap();
    let ended = waiting.join().unwrap().unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::Closed);
}

#[test]
fn a_wait_ends_at_its_time_and_at_once_where_there_is_something() {
    let store = Store::in_memory().unwrap();
    let wait = |after, timeout| store.wait_for_events(EventSeq::new(after), timeout);
    assert!(!wait(0, Duration::ZERO).unwrap());
    assert!(!wait(0, Duration::from_millis(2)).unwrap());
    receive(&store);
    assert!(wait(0, LONG).unwrap());
    assert!(wait(1, LONG).unwrap());
    assert!(!wait(2, Duration::ZERO).unwrap());
    let early = wait(3, LONG).unwrap_err();
    assert_eq!(early.field(), Some("after"));
}

#[test]
fn a_commit_without_an_event_ends_no_wait() {
    let store = Store::in_memory().unwrap();
    let waiting = thread::spawn({
        let store = store.clone();
        move || {
            let there = store.wait_for_events(EventSeq::ZERO, LONG).unwrap();
            (there, types(&store.events(EventSeq::ZERO, 1).unwrap()))
        }
    });
    user(&store, "usr_alice");
    store.compact().unwrap();
    receive(&store);
    let woken = waiting.join().unwrap();
    assert_eq!(woken, (true, vec!["conversation.created"]));
}

#[test]
fn a_reopening_wakes_a_waiting_thread() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("inbox.redb")).unwrap();
    let (ready, is_ready) = mpsc::channel();
    let waiting = thread::spawn({
        let store = store.clone();
        move || {
            ready.send(()).unwrap();
            store.wait_for_events(EventSeq::ZERO, LONG)
        }
    });
    is_ready.recv().unwrap();
    store.reopen().unwrap();
    // It was woken, or it began to wait only now and sees the event.
    receive(&store);
    match waiting.join().unwrap() {
        Ok(there) => assert!(there),
        Err(error) => assert_eq!(error.kind(), ErrorKind::NeedsReopen),
    }
}

#[test]
fn a_wait_within_ones_own_transaction_is_an_error() {
    let store = Store::in_memory().unwrap();
    let waited = store.transaction(|_| store.wait_for_events(EventSeq::ZERO, LONG));
    assert_eq!(waited.unwrap_err().kind(), ErrorKind::ReentrantCommand);
}

#[test]
fn removing_a_consumer_wakes_the_thread_that_waits_for_it_and_no_other() {
    let store = Store::in_memory().unwrap();
    let (ready, is_ready) = mpsc::channel();
    let [removed, kept] = ["removed", "kept"].map(|name| {
        let consumer = store.consumer(name).unwrap();
        let ready = ready.clone();
        thread::spawn(move || {
            ready.send(()).unwrap();
            consumer.wait(LONG)
        })
    });
    is_ready.recv().unwrap();
    is_ready.recv().unwrap();
    let name = ConsumerName::new("removed").unwrap();
    store.remove_consumer(&name).unwrap();
    let ended = removed.join().unwrap().unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::NotFound);
    assert!(!kept.is_finished());
    receive(&store);
    assert!(kept.join().unwrap().unwrap());
}

#[test]
fn a_consumer_that_is_removed_in_a_transaction_is_woken_too() {
    let store = Store::in_memory().unwrap();
    let consumer = store.consumer("webhooks").unwrap();
    let name = consumer.name().clone();
    let waiting = thread::spawn(move || consumer.wait(LONG));
    let removed = store.transaction(|tx| tx.remove_consumer(&name).map(drop));
    removed.unwrap();
    let ended = waiting.join().unwrap().unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::NotFound);
}

#[test]
fn a_future_resolves_with_the_commit_that_has_an_event() {
    let store = Store::in_memory().unwrap();
    let mut consumer = store.consumer("webhooks").unwrap();
    let mut changed = Task::new(consumer.changed());
    let mut of_store = Task::new(store.events_changed(EventSeq::ZERO));
    assert!(changed.poll().is_pending() && of_store.poll().is_pending());
    user(&store, "usr_alice");
    assert_eq!(changed.wakes(), 0, "that commit has no event");
    receive(&store);
    changed.wait_for_wakes(1);
    of_store.wait_for_wakes(1);
    assert!(matches!(changed.poll(), Poll::Ready(Ok(()))));
    assert!(matches!(of_store.poll(), Poll::Ready(Ok(()))));
    assert_eq!(consumer.next(9).unwrap().len(), 2);
    // There is nothing left to return: the next future waits again.
    assert!(Task::new(consumer.changed()).poll().is_pending());
    let ready = Task::new(store.events_changed(EventSeq::new(1))).poll();
    assert!(matches!(ready, Poll::Ready(Ok(()))), "at once");
}

#[test]
fn a_future_ends_with_its_consumer_and_with_the_store() {
    let store = Store::in_memory().unwrap();
    let consumer = store.consumer("webhooks").unwrap();
    let mut removed = Task::new(consumer.changed());
    assert!(removed.poll().is_pending());
    consumer.remove().unwrap();
    removed.wait_for_wakes(1);
    let Poll::Ready(Err(error)) = removed.poll() else {
        panic!("the consumer is removed");
    };
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let mut closed = Task::new(store.events_changed(EventSeq::ZERO));
    assert!(closed.poll().is_pending());
    store.close().unwrap();
    closed.wait_for_wakes(1);
    let Poll::Ready(Err(error)) = closed.poll() else {
        panic!("the store is closed");
    };
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[test]
fn a_future_does_not_keep_the_store_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    let mut changed = Task::new(store.events_changed(EventSeq::ZERO));
    assert!(changed.poll().is_pending());
    drop(store);
    Store::open(&path).unwrap();
    changed.wait_for_wakes(1);
    let Poll::Ready(Err(error)) = changed.poll() else {
        panic!("the store is closed");
    };
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[test]
fn a_dropped_future_is_not_woken() {
    let store = Store::in_memory().unwrap();
    let mut dropped = Task::new(store.events_changed(EventSeq::ZERO));
    assert!(dropped.poll().is_pending());
    let wakes = dropped.into_wakes();
    receive(&store);
    assert_eq!(wakes(), 0);
}
