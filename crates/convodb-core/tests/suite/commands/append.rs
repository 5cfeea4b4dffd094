use std::time::Duration;

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
fn a_late_message_takes_an_id_of_its_own_time_that_is_free() {
    let mut given = Given::new().conversation(conversation(1));
    let late = now() - Duration::from_secs(60);
    let command = receive(hello().provider_time(late));
    let first = given.run(&command).unwrap();
    assert_eq!(first.id.timestamp_ms(), time::millis(late));
    let second = given.run(&command).unwrap();
    assert_eq!(second.id.raw(), first.id.raw() + 1);
    assert_eq!(
        given
            .state
            .require_conversation(id(1))
            .unwrap()
            .inbound_count,
        2
    );
}
