//! The order of messages, the store's clock, and the time of the latest activity.

use std::time::Duration;

use chrono::{DateTime, Utc};
use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    Channel, CommitSeq, ConversationId, DeliveryStatus, ErrorKind, Execute, Filter, Inbound,
    Outbound, PageRequest, Receipt, Reply, Status,
};

use super::inbox::{Inbox, contact, time};
use crate::store::{Options, Place, Read, Store, test};

fn inbound(text: &str) -> Inbound {
    Inbound::text(contact("con_01HXYZ"), Channel::Whatsapp, text)
}

#[test]
fn a_message_has_its_providers_time_where_given_and_else_the_clocks() {
    let inbox = Inbox::new();
    let sent_at = time("2026-04-16T08:59:59.000001Z");
    let got = inbox.store.receive(inbound("one").provider_time(sent_at));
    assert_eq!(got.unwrap().value.created_at, sent_at);
    let finer = sent_at + Duration::from_nanos(999);
    let got = inbox.store.receive(inbound("one").provider_time(finer));
    assert_eq!(got.unwrap().value.created_at, sent_at, "to the microsecond");
    let now = inbox.later();
    let got = inbox.store.receive(inbound("two")).unwrap().value;
    assert_eq!(got.created_at, now);
    let reply = Reply::text("three").provider_time(sent_at);
    let sent = inbox.store.reply(got.conversation_id, reply).unwrap().value;
    assert_eq!(sent.created_at, sent_at);
    let outbound = Outbound::text(contact("con_01HXYZ"), Channel::Whatsapp, "four");
    let sent = inbox
        .store
        .send(outbound.provider_time(sent_at))
        .unwrap()
        .value;
    assert_eq!(sent.created_at, sent_at);
}

#[test]
fn a_late_message_takes_its_place_in_the_transcript() {
    let inbox = Inbox::new();
    let first = inbox.hello("con_01HXYZ");
    let between = inbox.later();
    inbox.later();
    inbox.store.receive(inbound("newest")).unwrap();
    inbox.later();
    let late = inbound("late").provider_time(between);
    let late = inbox.store.receive(late).unwrap().value;
    let id = late.conversation_id;
    assert_eq!(inbox.texts(id), ["Hello", "late", "newest"]);
    let earliest = first.created_at - Duration::from_secs(3_600);
    let oldest = inbound("oldest").provider_time(earliest);
    inbox.store.receive(oldest).unwrap();
    assert_eq!(inbox.texts(id), ["oldest", "Hello", "late", "newest"]);
    let last = inbox.store.last_messages(&[id]).unwrap();
    assert_eq!(last[0].as_ref().unwrap().content.as_text(), Some("newest"));
}

#[test]
fn messages_of_one_time_stand_in_the_order_of_arrival_which_their_ids_have() {
    let inbox = Inbox::new();
    let sent_at = time("2026-04-16T08:00:00Z");
    let mut ids = Vec::new();
    for n in 0..50 {
        let message = inbound(&n.to_string()).provider_time(sent_at);
        ids.push(inbox.store.receive(message).unwrap().value.id);
    }
    let found = inbox
        .store
        .find_conversation(&contact("con_01HXYZ"), Channel::Whatsapp);
    let messages = inbox
        .store
        .transcript(found.unwrap().unwrap().id)
        .unwrap()
        .messages;
    let stored: Vec<_> = messages.iter().map(|message| message.id).collect();
    assert!(ids.is_sorted());
    assert_eq!(stored, ids);
    ids.dedup();
    assert_eq!(ids.len(), 50, "each has an id of its own");
}

#[test]
fn a_provider_time_after_the_clock_is_stored_as_the_clocks_time() {
    let inbox = Inbox::new();
    let now = inbox.clock.get();
    for ahead in [Duration::from_micros(1), Duration::from_secs(86_400)] {
        let message = inbound("early").provider_time(now + ahead);
        assert_eq!(inbox.store.receive(message).unwrap().value.created_at, now);
    }
    let message = inbound("on time").provider_time(now);
    assert_eq!(inbox.store.receive(message).unwrap().value.created_at, now);
}

#[test]
fn a_providers_time_outside_2000_to_9999_is_refused() {
    let inbox = Inbox::at("9999-12-31T23:59:59.999999Z");
    for outside in [
        "1969-12-31T23:59:59.999999Z",
        "1970-01-21T18:52:00Z",
        "1999-12-31T23:59:59.999999Z",
        "+10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
    ] {
        let refused = inbox
            .store
            .receive(inbound("no").provider_time(time(outside)));
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{outside}");
        assert_eq!(refused.field(), Some("sent_at"), "{outside}");
        let reason = refused.reason().unwrap();
        assert_eq!(reason, "must lie between the years 2000 and 9999");
    }
    assert_eq!(inbox.store.commit_seq().unwrap(), CommitSeq::ZERO);
    for within in ["2000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"] {
        let stored = inbox
            .store
            .receive(inbound("yes").provider_time(time(within)));
        assert_eq!(stored.unwrap().value.created_at, time(within));
    }
    let created_at = inbox.store.list(&Filter::open(), PageRequest::default());
    assert_eq!(
        created_at.unwrap().data[0].created_at,
        time("2000-01-01T00:00:00Z")
    );
    inbox.assert_sound();
}

#[test]
fn a_clock_that_is_out_of_bounds_counts_as_the_nearest_time_within() {
    for (shown, stored) in [
        ("1969-07-20T20:17:40Z", "1970-01-01T00:00:00Z"),
        ("+12000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    ] {
        let inbox = Inbox::at(shown);
        assert_eq!(inbox.hello("con_1").created_at, time(stored));
    }
}

#[test]
fn the_stores_clock_never_runs_back_by_a_minute() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let latest = inbox.later();
    inbox.store.add_note(id, "at the latest time").unwrap();
    inbox.clock.set(latest - Duration::from_secs(60));

    let got = inbox.store.receive(inbound("after")).unwrap().value;
    assert_eq!(got.created_at, latest);
    let note = inbox.store.add_note(id, "after").unwrap().value;
    assert_eq!(note.created_at, latest);
    let ahead = inbound("ahead").provider_time(latest + Duration::from_secs(1));
    let ahead = inbox.store.receive(ahead).unwrap().value;
    assert_eq!(ahead.created_at, latest);
    let resolved = inbox.store.resolve(id).unwrap().value;
    assert_eq!(resolved.updated_at, latest);
    let read = inbox.store.record_delivery(&got, Receipt::read()).unwrap();
    assert_eq!(read.value.unwrap().deliveries.read_at, Some(latest));
}

fn reopened(place: &Place, clock: &ManualClock) -> Store {
    // The same seed each time: the random parts come again, and the ids must not.
    let options = Options::new().clock(clock.clone());
    place.open(options.ids(SeededIds::new(7)))
}

#[test]
fn the_stores_clock_never_runs_back_over_a_restart() {
    let place = Place::new();
    let latest = time("2026-04-16T09:00:00.000123Z");
    let clock = ManualClock::at(latest);
    let store = reopened(&place, &clock);
    store.receive(inbound("before")).unwrap();
    store.close().unwrap();

    clock.set(latest - Duration::from_secs(60));
    let store = reopened(&place, &clock);
    let after = store.receive(inbound("after")).unwrap().value;
    assert_eq!(after.created_at, latest);
    store.close().unwrap();
    let store = reopened(&place, &clock);
    assert_eq!(
        store.receive(inbound("again")).unwrap().value.created_at,
        latest
    );
    clock.set(latest + Duration::from_secs(1));
    let later = store.receive(inbound("later")).unwrap().value;
    assert_eq!(later.created_at, clock.get());
}

#[test]
fn ids_ascend_over_restarts_and_clocks_set_back_by_a_minute() {
    let place = Place::new();
    let start = time("2026-04-16T09:00:00Z");
    let clock = ManualClock::at(start);
    let mut ids: Vec<u128> = Vec::new();
    for shown in [0_i64, -59, 60, 1, 61] {
        clock.set(start + chrono::TimeDelta::seconds(shown));
        let store = reopened(&place, &clock);
        for n in 0..20 {
            let who = contact(&format!("con_{shown}_{n}"));
            let message = store.receive(Inbound::text(&who, Channel::Webchat, "Hello"));
            let message = message.unwrap().value;
            let note = store.add_note(message.conversation_id, "note").unwrap();
            // What a message's id has behind its time, the others begin with.
            ids.push(ulid(&message.conversation_id) >> 48);
            ids.push(ulid(&message.id) & ((1 << 80) - 1));
            ids.push(ulid(&note.value.id) >> 48);
        }
        store.close().unwrap();
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:x?}");
}

/// A clock that is a year ahead for two messages and a note, and is then corrected.
fn corrected() -> (Inbox, ConversationId, DateTime<Utc>) {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let present = inbox.later();
    inbox.clock.set(present + Duration::from_secs(365 * 86_400));
    for text in ["ahead 1", "ahead 2"] {
        let message = inbound(text).provider_id(text);
        inbox.store.receive(message).unwrap();
        inbox.clock.advance(Duration::from_micros(1));
    }
    inbox.store.add_note(id, "ahead").unwrap();
    inbox.clock.set(present);
    (inbox, id, present)
}

#[test]
fn a_step_back_of_more_than_a_minute_corrects_the_clock() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let latest = inbox.later();
    inbox.store.add_note(id, "before").unwrap();
    let back = latest - Duration::from_micros(60_000_001);
    inbox.clock.set(back);
    let note = inbox.store.add_note(id, "after").unwrap().value;
    assert_eq!(note.created_at, back);
    let got = inbox.store.receive(inbound("after")).unwrap().value;
    assert_eq!(got.created_at, back);
    let millis = u64::try_from(back.timestamp_millis()).unwrap();
    assert_eq!(got.id.timestamp_ms(), millis, "its id has the present time");
    let ahead = inbound("ahead").provider_time(latest);
    assert_eq!(inbox.store.receive(ahead).unwrap().value.created_at, back);
    inbox.assert_sound();
}

#[test]
fn a_clock_is_corrected_over_a_restart() {
    let place = Place::new();
    let clock = ManualClock::at(time("2036-04-16T09:00:00Z"));
    let store = reopened(&place, &clock);
    store.receive(inbound("ahead")).unwrap();
    store.close().unwrap();

    let present = time("2026-04-16T09:00:00Z");
    clock.set(present);
    let store = reopened(&place, &clock);
    let after = store.receive(inbound("present")).unwrap().value;
    assert_eq!(after.created_at, present);
    store.close().unwrap();
    clock.set(present - Duration::from_secs(30));
    let store = reopened(&place, &clock);
    let next = store.receive(inbound("next")).unwrap().value;
    assert_eq!(next.created_at, present, "the last commit's time");
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn an_activity_time_in_the_future_becomes_the_present_at_the_next_activity() {
    let (inbox, id, present) = corrected();
    assert!(inbox.show(id).updated_at > present);
    assert_eq!(inbox.store.stats().unwrap().times_in_the_future, 1);
    let report = inbox.store.verify().unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);

    let resolved = inbox.store.resolve(id).unwrap().value;
    assert_eq!(resolved.updated_at, present);
    assert_eq!(inbox.store.stats().unwrap().times_in_the_future, 0);
    let late = inbox.later();
    inbox.store.add_note(id, "later").unwrap();
    assert_eq!(inbox.show(id).updated_at, late);
    inbox.assert_sound();
}

#[test]
fn a_message_with_an_earlier_time_brings_a_future_activity_back_to_the_present() {
    let (inbox, id, present) = corrected();
    let earlier = present - Duration::from_secs(1);
    let late = inbound("late").provider_time(earlier);
    inbox.store.receive(late).unwrap();
    assert_eq!(inbox.show(id).updated_at, present);
}

#[test]
fn a_conversation_that_began_in_the_future_stays_one_that_can_be_imported() {
    let inbox = Inbox::new();
    let present = inbox.clock.get();
    inbox.clock.advance(Duration::from_secs(86_400));
    let id = inbox.conversation();
    inbox.clock.set(present);
    let resolved = inbox.store.resolve(id).unwrap().value;
    assert_eq!(
        (resolved.created_at, resolved.updated_at),
        (present, present)
    );
    let transcript = inbox.store.transcript(id).unwrap();
    let export = convodb::Import::new(transcript.conversation, transcript.messages);
    Inbox::new().store.import(export).unwrap();
}

#[test]
fn repair_makes_times_in_the_future_the_present_and_keeps_their_order() {
    let (inbox, id, present) = corrected();
    let message = inbox.store.receive(inbound("present")).unwrap().value;
    inbox.later();
    let report = inbox.store.repair().unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!(inbox.store.stats().unwrap().times_in_the_future, 0);
    assert_eq!(inbox.texts(id), ["Hello", "present", "ahead 1", "ahead 2"]);
    let soon = inbox.clock.get() + Duration::from_micros(1);
    let transcript = inbox.store.transcript(id).unwrap();
    let newest = transcript.messages.last().unwrap();
    assert_eq!(newest.created_at, inbox.clock.get());
    assert_eq!(newest.order_time, soon);
    assert_eq!(transcript.messages[1], message, "others stay");
    let notes: Vec<_> = inbox.store.notes(id).unwrap().map(Result::unwrap).collect();
    assert_eq!(notes[0].created_at, inbox.clock.get());
    // They are found by their ids, and provider's ids.
    let found = inbox.store.message(newest).unwrap();
    assert_eq!(found, *newest);
    let again = inbound("ahead 2").provider_id("ahead 2");
    assert!(inbox.store.receive(again).unwrap().is_duplicate);
    assert_eq!(inbox.show(id).updated_at, present);
    inbox.later();
    let after = inbox.store.receive(inbound("after")).unwrap().value;
    assert_eq!(after.created_at, inbox.clock.get());
    assert_eq!(inbox.texts(id).last().unwrap(), "after");
}

/// The number behind an id's prefix, whatever it names.
fn ulid(id: &impl ToString) -> u128 {
    let text = id.to_string();
    let (_, encoded) = text.split_once('_').unwrap();
    const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    encoded.chars().fold(0, |number, digit| {
        number << 5 | ALPHABET.find(digit).unwrap() as u128
    })
}

#[test]
fn an_id_carries_the_millisecond_of_its_messages_place() {
    let inbox = Inbox::at("2026-04-16T09:00:00.123456Z");
    let millis = |time: DateTime<Utc>| u64::try_from(time.timestamp_millis()).unwrap();
    let on_time = inbox.hello("con_01HXYZ");
    assert_eq!(on_time.id.timestamp_ms(), millis(on_time.created_at));
    inbox.later();
    let late = inbound("late").provider_time(time("2020-01-01T00:00:00.987654Z"));
    let late = inbox.store.receive(late).unwrap().value;
    assert_eq!(late.id.timestamp_ms(), millis(late.created_at));
    let read = inbox.store.record_delivery(&late, Receipt::read());
    assert_eq!(read.unwrap().value.unwrap().status, DeliveryStatus::Read);
    inbox.assert_sound();
}

#[test]
fn every_activity_moves_updated_at_to_when_it_happened() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let alice = inbox.user("usr_alice", "Alice");
    let store = &inbox.store;
    assert_eq!(inbox.show(id).updated_at, inbox.clock.get());
    let activities: [(&str, &dyn Fn()); 7] = [
        ("receive", &|| drop(store.receive(inbound("in")).unwrap())),
        ("reply", &|| drop(store.reply(id, "out").unwrap())),
        ("note", &|| drop(store.add_note(id, "note").unwrap())),
        ("assign", &|| drop(store.assign(id, &alice).unwrap())),
        ("unassign", &|| drop(store.unassign(id).unwrap())),
        ("resolve", &|| drop(store.resolve(id).unwrap())),
        ("reopen", &|| drop(store.assign(id, &alice).unwrap())),
    ];
    for (what, activity) in activities {
        let at = inbox.later();
        activity();
        assert_eq!(inbox.show(id).updated_at, at, "{what}");
    }
}

#[test]
fn a_message_is_activity_when_it_comes_whatever_its_own_time() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    let sent_at = inbox.later();
    for text in ["a", "b"] {
        let at = inbox.later();
        let late = inbound(text).provider_time(sent_at);
        let late = inbox.store.receive(late).unwrap().value;
        assert_eq!(late.created_at, sent_at);
        assert_eq!(inbox.show(id).updated_at, at);
    }
    let at = inbox.later();
    let reply = Reply::text("c").provider_time(sent_at);
    inbox.store.reply(id, reply).unwrap();
    assert_eq!(inbox.show(id).updated_at, at);
    inbox.assert_sound();
}

#[test]
fn an_old_message_that_reopens_is_activity_when_it_reopens() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let at = inbox.later();
    let old = inbound("old").provider_time(time("2020-01-01T00:00:00Z"));
    assert!(inbox.store.receive(old).unwrap().effect.reopened);
    let shown = inbox.show(id);
    assert_eq!((shown.status, shown.updated_at), (Status::Open, at));
    assert_eq!(inbox.texts(id), ["old", "Hello"]);
}

#[test]
fn an_old_message_that_does_not_reopen_is_activity_too() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let at = inbox.later();
    let old = Reply::text("old").provider_time(time("2020-01-01T00:00:00Z"));
    inbox.store.reply(id, old.reopen(false)).unwrap();
    let shown = inbox.show(id);
    assert_eq!((shown.status, shown.updated_at), (Status::Resolved, at));
}

#[test]
fn created_at_is_the_oldest_messages_and_moves_back_when_an_older_one_comes() {
    let inbox = Inbox::new();
    let hello = inbox.hello("con_01HXYZ");
    let id = hello.conversation_id;
    assert_eq!(inbox.show(id).created_at, hello.created_at);
    inbox.later();
    inbox.store.receive(inbound("newer")).unwrap();
    assert_eq!(inbox.show(id).created_at, hello.created_at);
    let older = time("2024-02-29T12:00:00Z");
    let at = inbox.later();
    inbox
        .store
        .receive(inbound("older").provider_time(older))
        .unwrap();
    let shown = inbox.show(id);
    assert_eq!((shown.created_at, shown.updated_at), (older, at));
    let row = inbox.store.list(&Filter::open(), PageRequest::default());
    let listed = [shown.into_listed()];
    assert_eq!(row.unwrap().data, listed, "the list shows it as well");
    let first = inbound("first").provider_time(older);
    let other = Inbox::new();
    let first = other.store.receive(first).unwrap().value;
    assert_eq!(other.show(first.conversation_id).created_at, older);
    let now = other.clock.get();
    assert_eq!(other.show(first.conversation_id).updated_at, now);
}

#[test]
fn a_receipt_is_no_activity() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let sent = inbox.store.reply(id, Reply::text("sale").reopen(false));
    let sent = sent.unwrap().value;
    let before = inbox.show(id);
    for receipt in [
        Receipt::sent(),
        Receipt::failed("1", "lost"),
        Receipt::delivered(),
        Receipt::read(),
    ] {
        inbox.later();
        let recorded = inbox.store.record_delivery(&sent, receipt).unwrap();
        assert!(recorded.effect.changed && !recorded.effect.reopened);
        assert_eq!(inbox.show(id), before);
    }
}
