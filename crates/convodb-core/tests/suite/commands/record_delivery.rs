use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, conversation, id, now};

fn given() -> Given {
    let message = MessageId::from_parts(1, 1);
    let content = Content::text("Hi");
    let message = Message::new(message, id(1), Direction::Outbound, content, now());
    Given::new().conversation(conversation(1)).message(message)
}

fn receipt(receipt: Receipt) -> RecordDelivery {
    RecordDelivery {
        message: MessageRef::from((id(1), MessageId::from_parts(1, 1))),
        receipt,
    }
}

#[test]
fn receipts_merge_as_a_maximum_in_any_order() {
    let mut given = given();
    for one in [Receipt::read(), Receipt::delivered(), Receipt::read()] {
        let message = given.run(&receipt(one)).unwrap().unwrap();
        assert_eq!(message.status, DeliveryStatus::Read);
    }
    assert!(
        given
            .decide(&receipt(Receipt::read()))
            .unwrap()
            .changes
            .is_empty()
    );
    assert_eq!(given.event_types(), ["message.read", "message.delivered"]);
}

#[test]
fn a_receipt_for_an_unknown_provider_id_waits_once() {
    let provider_id = ProviderId::new("wamid.9").unwrap();
    let command = RecordDelivery {
        message: MessageRef::from((Channel::Whatsapp, provider_id)),
        receipt: Receipt::delivered(),
    };
    let mut given = given();
    assert_eq!(given.run(&command).unwrap(), None);
    assert!(given.decide(&command).unwrap().changes.is_empty());
}

#[test]
fn an_unknown_message_is_not_found() {
    let mut command = receipt(Receipt::read());
    command.message = MessageRef::from((id(1), MessageId::from_parts(1, 2)));
    let error = given().decide(&command).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
