//! Durable consumers, and the events that are kept for them.

use std::time::Duration;

use convodb::prelude::*;
use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    Channel, ConsumerName, ConsumerStart, ContactId, Context, Conversation, ConversationId,
    Details, Error, ErrorKind, EventSeq, Import, Options, Retention,
};

use crate::events::{receive, types};

/// The oldest event that is left after a purge.
#[track_caller]
fn oldest_event(error: &Error) -> EventSeq {
    assert_eq!(error.kind(), ErrorKind::EventsPurged, "{error}");
    match error.details() {
        Details::OldestEvent(oldest) => *oldest,
        other => panic!("no event in {other:?}"),
    }
}

fn seq(number: u64) -> EventSeq {
    EventSeq::new(number)
}

fn numbers(events: &[convodb::Event]) -> Vec<u64> {
    events.iter().map(|event| event.seq.get()).collect()
}

#[test]
fn a_consumer_resumes_after_its_last_acknowledged_event_when_the_store_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    receive(&store);
    receive(&store);
    let mut consumer = store.consumer("webhooks").unwrap();
    assert_eq!(numbers(&consumer.next(2).unwrap()), [1, 2]);
    assert_eq!(numbers(&consumer.next(2).unwrap()), [3]);
    assert_eq!(consumer.next(2).unwrap(), []);
    assert!(consumer.acknowledge(seq(2)).unwrap().effect.changed);
    drop((consumer, store));

    let store = Store::open(&path).unwrap();
    let mut consumer = store.consumer("webhooks").unwrap();
    assert_eq!(consumer.position().unwrap(), seq(2));
    assert_eq!(numbers(&consumer.next(9).unwrap()), [3], "at least once");
    consumer.rewind().unwrap();
    assert_eq!(numbers(&consumer.next(9).unwrap()), [3]);
}

#[test]
fn an_acknowledgement_never_goes_back_nor_beyond_what_was_returned() {
    let store = Store::in_memory().unwrap();
    receive(&store);
    receive(&store);
    let mut consumer = store.consumer("search").unwrap();
    let error = |error: convodb::Error| (error.kind(), error.field().map(str::to_owned));
    let invalid = Err((ErrorKind::InvalidInput, Some("up_to".to_owned())));
    let acknowledge = |consumer: &mut convodb::Consumer, number| {
        let outcome = consumer.acknowledge(seq(number));
        outcome
            .map(|it| (it.value.get(), it.effect.changed))
            .map_err(error)
    };
    assert_eq!(
        acknowledge(&mut consumer, 1),
        invalid,
        "nothing was returned"
    );
    assert_eq!(consumer.next(2).unwrap().len(), 2);
    assert_eq!(
        acknowledge(&mut consumer, 3),
        invalid,
        "it exists, and was not returned"
    );
    assert_eq!(consumer.position().unwrap(), seq(0));
    assert_eq!(acknowledge(&mut consumer, 2), Ok((2, true)));
    assert_eq!(acknowledge(&mut consumer, 1), Ok((2, false)));

    // The command takes any event of the store, and none beyond the newest one.
    let name = consumer.name().clone();
    let ahead = store.acknowledge(&name, seq(4)).unwrap_err();
    assert_eq!(Err::<(), _>(error(ahead)), invalid.clone().map(drop));
    assert_eq!(store.acknowledge(&name, seq(3)).unwrap().value, seq(3));
    assert_eq!(acknowledge(&mut consumer, 2), Ok((3, false)));

    store.remove_consumer(&name).unwrap();
    let missing = consumer.acknowledge(seq(2)).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(consumer.next(1).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(consumer.position().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(consumer.rewind().unwrap_err().kind(), ErrorKind::NotFound);
    let bad = store.consumer("two words").unwrap_err();
    assert_eq!(bad.field(), Some("consumer"));
}

#[test]
fn an_acknowledgement_commits_with_what_the_event_led_to_or_not_at_all() {
    let store = Store::in_memory().unwrap();
    let (id, _) = receive(&store);
    let name = ConsumerName::new("notes").unwrap();
    store.add_consumer(&name, ConsumerStart::Oldest).unwrap();
    let work = |commit: bool| {
        store.transaction(|tx| {
            tx.add_note(id, "Seen.")?;
            tx.acknowledge(&name, seq(2))?;
            if commit {
                Ok(())
            } else {
                tx.resolve(convodb::ConversationId::from_parts(1, 1))
                    .map(drop)
            }
        })
    };
    assert!(work(false).is_err());
    assert_eq!(store.consumers().unwrap()[0].position, seq(0));
    work(true).unwrap();
    assert_eq!(store.consumers().unwrap()[0].position, seq(2));
    assert_eq!(store.notes(id).unwrap().count(), 1);
}

#[test]
fn a_purge_never_passes_the_slowest_consumer_unless_it_is_forced() {
    let store = Store::in_memory().unwrap();
    for _ in 0..5 {
        receive(&store);
    }
    store.consumer_from("fast", ConsumerStart::Newest).unwrap();
    let mut slow = store.consumer("slow").unwrap();
    slow.next(2).unwrap();
    slow.acknowledge(seq(2)).unwrap();
    let purge = |retention: Retention| store.purge_events(retention).unwrap();
    assert_eq!(purge(Retention::newest(5)).value, 1);
    assert_eq!(purge(Retention::newest(0)).value, 1);
    let nothing = purge(Retention::newest(0));
    assert_eq!((nothing.value, nothing.effect.changed), (0, false));
    assert_eq!(numbers(&slow.next(9).unwrap()), [3, 4, 5, 6]);

    slow.rewind().unwrap();
    assert_eq!(purge(Retention::newest(1).force()).value, 3);
    let gap = slow.next(9).unwrap_err();
    assert_eq!(oldest_event(&gap), seq(6));
    let waiting = slow.wait(Duration::MAX).unwrap_err();
    assert_eq!(oldest_event(&waiting), seq(6));
    let last_purged = seq(oldest_event(&gap).get() - 1);
    store.acknowledge(slow.name(), last_purged).unwrap();
    slow.rewind().unwrap();
    assert_eq!(numbers(&slow.next(9).unwrap()), [6]);
    // A new consumer starts at the oldest event that is left.
    let mut new = store.consumer("new").unwrap();
    assert_eq!(numbers(&new.next(9).unwrap()), [6]);

    assert_eq!(purge(Retention::newest(0).force()).value, 1);
    let gap = store.events(seq(5), 9).unwrap_err();
    assert_eq!(oldest_event(&gap), seq(7), "the next one");
    assert_eq!(store.events(seq(6), 9).unwrap(), []);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_purge_by_age_keeps_what_is_younger() {
    let clock = ManualClock::at("2026-04-15T08:30:00Z".parse().unwrap());
    let options = Options::new().clock(clock.clone()).ids(SeededIds::new(1));
    let store = options.open_in_memory().unwrap();
    for _ in 0..6 {
        receive(&store);
        clock.advance(Duration::from_secs(60));
    }
    // 7 events, the latest a minute ago.
    let purge = |minutes: u64| {
        let age = Duration::from_secs(60 * minutes);
        store.purge_events(Retention::younger_than(age)).unwrap()
    };
    assert_eq!(purge(7).value, 0);
    assert_eq!(
        purge(4).value,
        3,
        "two of the first minute, one of the second"
    );
    assert_eq!(purge(4).value, 0);
    let left = store.events(seq(3), 9).unwrap();
    assert_eq!(types(&left), ["message.received"; 4]);
    assert_eq!(purge(0).value, 4);
}

#[test]
fn many_events_are_purged_in_steps() {
    let store = Store::in_memory().unwrap();
    let at = chrono::DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
    let imports = (0..5_000).map(|number| {
        let id = ConversationId::from_parts(1_600_000_000_000, number);
        let contact = ContactId::new(&format!("con_{number}")).unwrap();
        let conversation = Conversation::new(id, contact, Channel::Webchat, at);
        Import::new(conversation, Vec::new())
    });
    store.import_all(imports).unwrap();
    let before = store.commit_seq().unwrap();
    let purged = store.purge_events(Retention::newest(10)).unwrap();
    assert_eq!((purged.value, purged.effect.changed), (4_990, true));
    assert_eq!(store.commit_seq().unwrap(), before.next().next());
    // With a key it is one command, and so one commit.
    let keyed = store.with(Context::new().idempotency_key("k"));
    let purged = keyed.purge_events(Retention::newest(0)).unwrap();
    assert_eq!((purged.value, purged.is_duplicate), (10, false));
    let again = keyed.purge_events(Retention::newest(0)).unwrap();
    assert_eq!((again.value, again.is_duplicate), (10, true));
    assert_eq!(store.stats().unwrap().events, 0);
}

#[test]
fn a_consumer_can_start_at_the_newest_event() {
    let store = Store::in_memory().unwrap();
    receive(&store);
    let mut new = store.consumer_from("new", ConsumerStart::Newest).unwrap();
    assert_eq!(new.position().unwrap(), seq(2));
    assert_eq!(new.next(9).unwrap(), []);
    receive(&store);
    assert_eq!(numbers(&new.next(9).unwrap()), [3]);
    // A consumer that exists stays at its position, whatever start is given.
    let mut again = store.consumer("new").unwrap();
    assert_eq!(numbers(&again.next(9).unwrap()), [3]);

    let name = ConsumerName::new("old").unwrap();
    let added = store.add_consumer(&name, ConsumerStart::Oldest).unwrap();
    assert_eq!((added.value, added.effect.created), (seq(0), true));
    let again = store.add_consumer(&name, ConsumerStart::Newest).unwrap();
    assert_eq!((again.value, again.effect.changed), (seq(0), false));
    let mut old = store.consumer("old").unwrap();
    assert_eq!(numbers(&old.next(9).unwrap()), [1, 2, 3]);
    let (positions, expected) = (store.consumers().unwrap(), [("new", 2), ("old", 0)]);
    let positions = positions
        .iter()
        .map(|one| (one.name.as_str(), one.position.get()));
    assert!(positions.eq(expected), "in the order of the names");
}

#[test]
fn dropping_or_removing_a_consumer_leaves_the_store_and_the_others_working() {
    let store = Store::in_memory().unwrap();
    receive(&store);
    let mut dropped = store.consumer("dropped").unwrap();
    let removed = store.consumer("removed").unwrap();
    let mut kept = store.consumer("kept").unwrap();
    dropped.next(1).unwrap();
    dropped.acknowledge(seq(1)).unwrap();
    drop(dropped);
    removed.remove().unwrap();

    receive(&store);
    assert_eq!(numbers(&kept.next(9).unwrap()), [1, 2, 3]);
    kept.acknowledge(seq(3)).unwrap();
    let mut dropped = store.consumer("dropped").unwrap();
    assert_eq!(
        numbers(&dropped.next(9).unwrap()),
        [2, 3],
        "after its position"
    );
    // A removed consumer starts again, and keeps no event from being purged.
    let mut removed = store.consumer("removed").unwrap();
    assert_eq!(numbers(&removed.next(9).unwrap()), [1, 2, 3]);
    removed.remove().unwrap();
    assert_eq!(store.purge_events(Retention::newest(0)).unwrap().value, 1);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_consumer_ignores_the_context_of_the_store_that_made_it() {
    let store = Store::in_memory().unwrap();
    receive(&store);
    let context = Context::new().idempotency_key("k").if_assignee(None);
    let mut consumer = store.with(context).consumer("webhooks").unwrap();
    consumer.next(2).unwrap();
    for number in [1, 2] {
        let acknowledged = consumer.acknowledge(seq(number)).unwrap();
        assert_eq!(acknowledged.value, seq(number));
        assert!(!acknowledged.is_duplicate);
    }
}

#[test]
fn a_consumer_keeps_the_store_open() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    receive(&store);
    let mut consumer = store.consumer("webhooks").unwrap();
    drop(store);
    assert_eq!(Store::open(&path).unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(numbers(&consumer.next(9).unwrap()), [1, 2]);
    drop(consumer);
    Store::open(&path).unwrap();
}
