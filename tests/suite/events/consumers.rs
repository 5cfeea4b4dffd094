//! Durable consumers, and what is kept for them.

use std::time::Duration;

use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    Channel, ConsumerName, ContactId, Conversation, ConversationId, ErrorKind, Import, Options,
    Retention, Store,
};

use super::{receive, types};

fn numbers(events: &[convodb::Event]) -> Vec<u64> {
    events.iter().map(|event| event.sequence).collect()
}

#[test]
fn a_consumer_goes_on_behind_its_last_acknowledgement_when_the_store_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    receive(&store);
    receive(&store);
    let mut consumer = store.consumer("webhooks").unwrap();
    assert_eq!(numbers(&consumer.next(2).unwrap()), [1, 2]);
    assert_eq!(numbers(&consumer.next(2).unwrap()), [3]);
    assert_eq!(consumer.next(2).unwrap(), []);
    assert!(consumer.ack(2).unwrap().changed);
    drop((consumer, store));

    let store = Store::open(&path).unwrap();
    let mut consumer = store.consumer("webhooks").unwrap();
    assert_eq!(consumer.position().unwrap(), 2);
    assert_eq!(numbers(&consumer.next(9).unwrap()), [3], "at least once");
    consumer.rewind().unwrap();
    assert_eq!(numbers(&consumer.next(9).unwrap()), [3]);
}

#[test]
fn an_acknowledgement_never_goes_back_nor_ahead_of_what_happened() {
    let store = Store::in_memory().unwrap();
    receive(&store);
    let mut consumer = store.consumer("search").unwrap();
    assert_eq!(consumer.ack(2).unwrap().value, 2);
    let back = consumer.ack(1).unwrap();
    assert_eq!((back.value, back.changed), (2, false));
    let ahead = consumer.ack(3).unwrap_err();
    let told = (ahead.kind(), ahead.field());
    assert_eq!(told, (ErrorKind::Invalid, Some("sequence")));
    store.remove_consumer(consumer.name()).unwrap();
    assert_eq!(consumer.ack(2).unwrap_err().kind(), ErrorKind::NotFound);
    let bad = store.consumer("two words").unwrap_err();
    assert_eq!(bad.field(), Some("consumer"));
}

#[test]
fn an_acknowledgement_commits_with_what_the_event_led_to_or_not_at_all() {
    let store = Store::in_memory().unwrap();
    let (id, _) = receive(&store);
    let name = ConsumerName::new("notes").unwrap();
    store.add_consumer(&name).unwrap();
    let work = |commit: bool| {
        store.transaction(|tx| {
            tx.add_note(id, "Seen.")?;
            tx.ack_events(&name, 2)?;
            if commit {
                Ok(())
            } else {
                tx.resolve(convodb::ConversationId::from_parts(1, 1))
                    .map(drop)
            }
        })
    };
    assert!(work(false).is_err());
    assert_eq!(store.consumers().unwrap()[0].position, 0);
    work(true).unwrap();
    assert_eq!(store.consumers().unwrap()[0].position, 2);
    assert_eq!(store.notes(id).unwrap().count(), 1);
}

#[test]
fn a_purge_never_passes_the_slowest_consumer_unless_it_is_forced() {
    let store = Store::in_memory().unwrap();
    for _ in 0..5 {
        receive(&store);
    }
    store.consumer("fast").unwrap().ack(6).unwrap();
    let mut slow = store.consumer("slow").unwrap();
    slow.ack(2).unwrap();
    let purge = |retention: Retention| store.purge_events(&retention).unwrap();
    assert_eq!(purge(Retention::newest(5)).value, 1);
    assert_eq!(purge(Retention::newest(0)).value, 1);
    let nothing = purge(Retention::newest(0));
    assert_eq!((nothing.value, nothing.changed), (0, false));
    assert_eq!(numbers(&slow.next(9).unwrap()), [3, 4, 5, 6]);

    slow.rewind().unwrap();
    assert_eq!(purge(Retention::newest(1).force()).value, 3);
    let gap = slow.next(9).unwrap_err();
    assert_eq!(gap.kind(), ErrorKind::EventsGap);
    assert_eq!(gap.oldest_event(), Some(6));
    let waiting = slow.wait(Duration::MAX).unwrap_err();
    assert_eq!(waiting.oldest_event(), Some(6));
    slow.ack(5).unwrap();
    assert_eq!(numbers(&slow.next(9).unwrap()), [6]);
    // A new one begins with the oldest that is left.
    let mut new = store.consumer("new").unwrap();
    assert_eq!(numbers(&new.next(9).unwrap()), [6]);

    assert_eq!(purge(Retention::newest(0).force()).value, 1);
    let gap = store.events(5, 9).unwrap_err();
    assert_eq!(gap.oldest_event(), Some(7), "the next one");
    assert_eq!(store.events(6, 9).unwrap(), []);
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
        store.purge_events(&Retention::younger_than(age)).unwrap()
    };
    assert_eq!(purge(7).value, 0);
    assert_eq!(
        purge(4).value,
        3,
        "two of the first minute, one of the second"
    );
    assert_eq!(purge(4).value, 0);
    let left = store.events(3, 9).unwrap();
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
    let before = store.sequence().unwrap();
    let purged = store.purge_events(&Retention::newest(10)).unwrap();
    assert_eq!((purged.value, purged.changed), (4_990, true));
    assert_eq!(store.sequence().unwrap(), before + 2);
    assert_eq!(store.stats().unwrap().events, 10);
}
