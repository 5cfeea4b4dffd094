//! Parts of a transcript, by time and by message.

use chrono::{DateTime, TimeDelta, Utc};
use convodb::prelude::*;
use convodb::{Channel, ConversationId, ErrorKind, Inbound, Message, MessageRange};

use crate::rules::inbox::{Inbox, contact, time};

/// The texts, which name the messages.
fn texts(messages: &[Message]) -> Vec<&str> {
    let texts = messages.iter().filter_map(|one| one.content.as_text());
    texts.collect()
}

/// Ten messages, two of each minute.
fn ten_messages(inbox: &Inbox) -> (ConversationId, Vec<Message>) {
    for n in 0..10 {
        if n % 2 == 0 {
            inbox.later();
        }
        let text = format!("message {n}");
        let message = Inbound::text(contact("con_1"), Channel::Webchat, text);
        inbox.store.receive(message).unwrap();
    }
    let found = inbox
        .store
        .find_conversation(&contact("con_1"), Channel::Webchat);
    let id = found.unwrap().unwrap().id;
    (id, inbox.store.transcript(id).unwrap().messages)
}

/// What a range selects: read from the front, and the same from the back and from both ends.
fn selected(inbox: &Inbox, id: ConversationId, range: MessageRange) -> Vec<Message> {
    let read = || inbox.store.messages(id, range.clone()).unwrap();
    let forwards: Vec<_> = read().map(Result::unwrap).collect();
    let mut backwards: Vec<_> = read().rev().map(Result::unwrap).collect();
    backwards.reverse();
    assert_eq!(backwards, forwards);
    let mut both = (read(), Vec::new(), Vec::new());
    while let Some(first) = both.0.next() {
        both.1.push(first.unwrap());
        both.2.extend(both.0.next_back().map(Result::unwrap));
    }
    both.1.extend(both.2.into_iter().rev());
    assert_eq!(both.1, forwards);
    forwards
}

#[test]
fn a_range_begins_since_a_time_and_ends_until_one() {
    let inbox = Inbox::new();
    let (id, all) = ten_messages(&inbox);
    let at = |n: usize| all[n].created_at;
    let tick = TimeDelta::microseconds(1);
    for (range, expected) in [
        (MessageRange::all(), &all[..]),
        ((..).into(), &all[..]),
        (MessageRange::all().since(at(4)), &all[4..]),
        (MessageRange::all().since(at(4) + tick), &all[6..]),
        (MessageRange::all().until(at(4)), &all[..4]),
        (MessageRange::all().until(at(4) + tick), &all[..6]),
        (MessageRange::all().since(at(2)).until(at(6)), &all[2..6]),
        (MessageRange::all().since(at(6)).until(at(2)), &[]),
        (MessageRange::all().since(at(2)).until(at(2)), &[]),
    ] {
        let selected = selected(&inbox, id, range.clone());
        assert_eq!(texts(&selected), texts(expected), "{range:?}");
    }
}

#[test]
fn a_range_begins_after_a_message_and_ends_before_one() {
    let inbox = Inbox::new();
    let (id, all) = ten_messages(&inbox);
    let range = MessageRange::all;
    for (range, expected) in [
        (range().after(&all[0]), &all[1..]),
        (range().after(&all[9]), &[]),
        (range().before(&all[0]), &[]),
        (range().before(&all[9]), &all[..9]),
        (range().after(&all[2]).before(&all[5]), &all[3..5]),
        (range().after(&all[5]).before(&all[5]), &[]),
        (range().after(&all[5]).before(&all[2]), &[]),
        (range().after(&all[2]).since(all[6].created_at), &all[6..]),
        (range().since(all[6].created_at).after(&all[2]), &all[3..]),
        (range().until(all[6].created_at).before(&all[3]), &all[..3]),
        (range().after(&all[2]).until(all[6].created_at), &all[3..6]),
        (range().since(all[2].created_at).before(&all[5]), &all[2..5]),
    ] {
        let selected = selected(&inbox, id, range.clone());
        assert_eq!(texts(&selected), texts(expected), "{range:?}");
    }
}

#[test]
fn a_range_reads_on_over_batches_of_the_iterator_from_both_ends() {
    let inbox = Inbox::new();
    for n in 0..200 {
        if n % 3 == 0 {
            inbox.later();
        }
        let message = Inbound::text(contact("con_1"), Channel::Webchat, n.to_string());
        inbox.store.receive(message).unwrap();
    }
    let found = inbox
        .store
        .find_conversation(&contact("con_1"), Channel::Webchat);
    let id = found.unwrap().unwrap().id;
    let all = inbox.store.transcript(id).unwrap().messages;
    for length in [0, 1, 63, 64, 65, 127, 128, 129, 200] {
        let mut range = MessageRange::all();
        if let Some(behind) = all.get(length) {
            range = range.before(behind);
        }
        let selected = selected(&inbox, id, range);
        assert_eq!(texts(&selected), texts(&all[..length]));
    }
}

#[test]
fn a_time_that_no_message_can_have_is_before_or_behind_them_all() {
    let inbox = Inbox::new();
    let (id, all) = ten_messages(&inbox);
    for early in [
        time("1969-12-31T23:59:59.999999Z"),
        DateTime::<Utc>::MIN_UTC,
    ] {
        let since = selected(&inbox, id, MessageRange::all().since(early));
        assert_eq!(texts(&since), texts(&all), "since {early}");
        let until = selected(&inbox, id, MessageRange::all().until(early));
        assert_eq!(texts(&until), texts(&[]), "until {early}");
    }
    for late in [time("+10000-01-01T00:00:00Z"), DateTime::<Utc>::MAX_UTC] {
        let since = selected(&inbox, id, MessageRange::all().since(late));
        assert_eq!(texts(&since), texts(&[]), "since {late}");
        let until = selected(&inbox, id, MessageRange::all().until(late));
        assert_eq!(texts(&until), texts(&all), "until {late}");
    }
}

#[test]
fn a_time_between_two_microseconds_is_behind_the_first() {
    let inbox = Inbox::new();
    let (id, all) = ten_messages(&inbox);
    let between = all[4].created_at + TimeDelta::nanoseconds(500);
    let since = selected(&inbox, id, MessageRange::all().since(between));
    assert_eq!(texts(&since), texts(&all[6..]), "this time or later");
    let until = selected(&inbox, id, MessageRange::all().until(between));
    assert_eq!(texts(&until), texts(&all[..6]), "earlier");
}

#[test]
fn a_range_of_a_missing_conversation_is_not_found() {
    let inbox = Inbox::new();
    let nowhere = ConversationId::from_parts(1, 1);
    let refused = inbox.store.messages(nowhere, ..).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    let last = inbox.store.last_messages(&[nowhere, nowhere]);
    assert_eq!(last.unwrap(), [None, None]);
}

#[test]
fn the_newest_messages_are_in_the_order_of_the_ids() {
    let inbox = Inbox::new();
    let (one, all) = ten_messages(&inbox);
    let other = inbox.hello("con_2");
    let nowhere = ConversationId::from_parts(1, 1);
    let ids = [other.conversation_id, nowhere, one, other.conversation_id];
    let newest = [Some(other.clone()), None, Some(all[9].clone()), Some(other)];
    assert_eq!(inbox.store.last_messages(&ids).unwrap(), newest);
    assert_eq!(inbox.store.last_messages(&[]).unwrap(), []);
}
