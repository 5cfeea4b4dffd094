use chrono::{DateTime, TimeDelta, Utc};
use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, contact, conversation, id, now};

fn hello() -> Inbound {
    Inbound::text(contact(), Channel::Whatsapp, "Hello")
}

fn receive(message: Inbound) -> ReceiveMessage {
    ReceiveMessage { message }
}

#[test]
fn the_first_message_creates_the_conversation() {
    let mut given = Given::new();
    let decided = given.decide(&receive(hello())).unwrap();
    assert!(decided.effect.created);
    assert_eq!(decided.changes.len(), 2);
    let message = given.run(&receive(hello())).unwrap();
    let known = given
        .state
        .require_conversation(message.conversation_id)
        .unwrap();
    assert_eq!((known.inbound_count, known.unread_count), (1, 1));
    assert!(!given.decide(&receive(hello())).unwrap().effect.created);
    assert_eq!(
        given.event_types(),
        ["conversation.created", "message.received"]
    );
}

#[test]
fn a_message_reopens_unless_it_says_otherwise() {
    let mut resolved = conversation(1);
    resolved.status = Status::Resolved;
    let mut given = Given::new().conversation(resolved);
    let broadcast = Outbound::text(contact(), Channel::Whatsapp, "Sale").reopen(false);
    let decided = given.decide(&SendMessage { message: broadcast }).unwrap();
    assert!(!decided.effect.reopened);
    assert!(given.decide(&receive(hello())).unwrap().effect.reopened);
}

#[test]
fn the_same_providers_id_is_the_same_message() {
    let mut given = Given::new().conversation(conversation(1));
    let command = receive(hello().provider_id("wamid.1"));
    let first = given.run(&command).unwrap();
    let again = given.decide(&command).unwrap();
    assert!(again.is_duplicate && again.changes.is_empty());
    assert_eq!(given.run(&command).unwrap(), first);
}

#[test]
fn the_message_of_a_tombstone_is_gone() {
    let mut given = Given::new();
    let key = (
        Channel::Whatsapp.into(),
        ProviderId::new("wamid.1").unwrap(),
    );
    given
        .state
        .provider_ids
        .insert(key, Some(ProviderIdState::Tombstone));
    let error = given
        .decide(&receive(hello().provider_id("wamid.1")))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Gone);
}

#[test]
fn receipts_that_came_before_their_message_are_applied_to_it() {
    let mut given = Given::new();
    let provider_id = ProviderId::new("wamid.1").unwrap();
    let receipt = RecordDelivery {
        message: MessageRef::from((Channel::Whatsapp, &provider_id)),
        receipt: Receipt::read(),
    };
    assert_eq!(given.run(&receipt).unwrap(), None);
    let sent = Outbound::text(contact(), Channel::Whatsapp, "Hi").provider_id("wamid.1");
    let message = given.run(&SendMessage { message: sent }).unwrap();
    assert_eq!(message.status, DeliveryStatus::Read);
}

#[test]
fn the_id_of_another_conversations_message_or_of_the_other_direction_is_a_conflict() {
    let mut given = Given::new();
    let mine = hello().provider_id("wamid.1");
    let stored = given.run(&receive(mine.clone())).unwrap();
    let other = ContactId::new("con_2").unwrap();
    let inbound = Inbound::text(&other, Channel::Whatsapp, "Hi").provider_id("wamid.1");
    let outbound = |to: &ContactId| SendMessage {
        message: Outbound::text(to, Channel::Whatsapp, "Hi").provider_id("wamid.1"),
    };
    let reply = ReplyTo {
        conversation: stored.conversation_id,
        reply: Reply::text("Hi").provider_id("wamid.1"),
    };
    for refused in [
        given.decide(&receive(inbound)).unwrap_err(),
        given.decide(&outbound(&other)).unwrap_err(),
        given.decide(&outbound(&contact())).unwrap_err(),
        given.decide(&reply).unwrap_err(),
    ] {
        assert_eq!(refused.kind(), ErrorKind::ProviderIdConflict);
        let shown = format!("{refused:?} {refused}");
        for secret in [&stored.id.to_string(), "conv_", "con_1"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    assert!(given.decide(&receive(mine)).unwrap().is_duplicate);
}

/// A conversation with messages at times within the minute before now, and what is latest of each time.
fn latest(times: std::ops::Range<DateTime<Utc>>, known: &Message) -> Given {
    let query = Query::LatestMessage(id(1), times);
    let place = (known.order_time, known.id);
    Given::new()
        .conversation(conversation(1))
        .answer(query, Answer::Message(Some(place)))
}

#[test]
fn a_message_of_a_whole_second_takes_its_place_behind_the_latest_of_that_second() {
    let second = now() - TimeDelta::seconds(60);
    let times = second..second + TimeDelta::seconds(1);
    let earlier = second + TimeDelta::microseconds(250_001);
    let place = MessageId::from_parts(time::millis(earlier), 1);
    let text = Content::text("Hi");
    let known = Message::new(place, id(1), Direction::Outbound, text, earlier);
    let mut given = latest(times, &known);
    let got = given.run(&receive(hello().provider_time(second))).unwrap();
    assert_eq!((got.created_at, got.order_time), (second, earlier));
    assert_eq!(got.id.timestamp_ms(), time::millis(earlier));
    assert!(got.id > known.id);
}

#[test]
fn behind_an_id_that_is_above_its_own_a_message_is_a_microsecond_later() {
    let late = now() - TimeDelta::microseconds(60_000_001);
    let times = late..late + TimeDelta::microseconds(1);
    let place = MessageId::from_parts(time::millis(late), (1 << 80) - 1);
    let text = Content::text("Hi");
    let imported = Message::new(place, id(1), Direction::Outbound, text, late);
    let mut given = latest(times, &imported);
    let got = given.run(&receive(hello().provider_time(late))).unwrap();
    assert_eq!(got.created_at, late);
    assert_eq!(got.order_time, late + TimeDelta::microseconds(1));
    assert!((got.order_time, got.id) > (late, imported.id));
}

#[test]
fn the_id_of_a_message_has_the_millisecond_of_its_place() {
    let mut given = Given::new().conversation(conversation(1));
    let late = now() - TimeDelta::seconds(60);
    let got = given.run(&receive(hello().provider_time(late))).unwrap();
    assert_eq!(got.id.timestamp_ms(), time::millis(late));
    let got = given.run(&receive(hello())).unwrap();
    assert_eq!(got.id.timestamp_ms(), time::millis(now()));
}

#[test]
fn a_blank_text_is_stored_where_it_came_and_refused_where_it_is_to_go() {
    let blank = "\u{200b}\u{ad}\n";
    let mut given = Given::new();
    let came = Inbound::text(contact(), Channel::Whatsapp, blank);
    assert_eq!(
        given.run(&receive(came)).unwrap().content.as_text(),
        Some(blank)
    );
    let message = Outbound::text(contact(), Channel::Whatsapp, blank);
    let error = given.decide(&SendMessage { message }).unwrap_err();
    assert_eq!(error.field(), Some("content"));
}

#[test]
fn a_time_before_2000_is_refused() {
    let first = "2000-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
    let at = |time| receive(hello().provider_time(time));
    assert!(Given::new().decide(&at(first)).is_ok());
    let before = first - TimeDelta::microseconds(1);
    let error = Given::new().decide(&at(before)).unwrap_err();
    assert_eq!(error.field(), Some("sent_at"));
}
