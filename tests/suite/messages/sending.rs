//! What the team sends: pending messages, references, echoes, retries and watermarks.

use convodb::commands::{RecordWatermark, WatermarkOf};
use convodb::{
    Author, Channel, ContactId, DeliveryStatus, Direction, ErrorKind, Execute, Filter, Inbound,
    Message, MessageRef, Outbound, Receipt, Status,
};

use super::{Desk, by_id, contact, extras, id, refusal};
use crate::store::{Read, test};

fn outbound(text: &str) -> Outbound {
    Outbound::text(contact(), Channel::Whatsapp, text)
}

fn by_reference(text: &str) -> MessageRef {
    MessageRef::ClientRef {
        inbox: Channel::Whatsapp.into(),
        direction: Direction::Outbound,
        client_ref: text.to_owned(),
    }
}

impl Desk {
    fn send(&self, outbound: Outbound) -> Message {
        self.store.send(outbound).unwrap().value
    }

    fn watermark(&self, of: WatermarkOf, status: DeliveryStatus) {
        self.store
            .record_watermark(RecordWatermark { of, status })
            .unwrap();
    }
}

#[test]
fn a_pending_message_gets_its_id_and_its_status_later() {
    let desk = Desk::new();
    desk.store
        .record_delivery(by_id("w1"), Receipt::delivered())
        .unwrap();
    let sent = desk.send(
        outbound("We call you at five.")
            .client_ref("ref-7f21")
            .pending(),
    );
    assert_eq!(sent.status, DeliveryStatus::Pending);
    let given = desk
        .store
        .set_provider_id(by_reference("ref-7f21"), &id("w1"))
        .unwrap()
        .value;
    assert_eq!(
        (given.id, given.status),
        (sent.id, DeliveryStatus::Delivered)
    );
    let refused = desk
        .store
        .record_delivery(&sent, Receipt::new(DeliveryStatus::Pending));
    assert!(refusal(refused).1.starts_with("status: "));
}

#[test]
fn a_reference_is_the_same_message_and_that_of_another_contact_a_conflict() {
    let desk = Desk::new();
    let first = desk.send(outbound("one").client_ref("r1"));
    let again = desk
        .store
        .send(outbound("two").client_ref("r1").provider_id("w1"))
        .unwrap();
    assert_eq!(again.value.id, first.id);
    assert_eq!(again.value.provider_id, Some(id("w1")));
    assert_eq!(again.value.content.as_text(), Some("one"));
    let other = ContactId::new("con_990022").unwrap();
    let other = Outbound::text(&other, Channel::Whatsapp, "three").client_ref("r1");
    let (kind, text) = refusal(desk.store.send(other));
    assert_eq!(kind, ErrorKind::ClientRefConflict);
    assert!(
        !text.contains("con_880011") && !text.contains(&first.id.to_string()),
        "{text}"
    );
    // The other direction has references of its own, and a deleted message frees its reference.
    let inbound = Inbound::text(contact(), Channel::Whatsapp, "in").client_ref("r1");
    assert_ne!(desk.store.receive(inbound).unwrap().value.id, first.id);
    desk.store.delete(first.conversation_id).unwrap();
    assert_ne!(desk.send(outbound("one").client_ref("r1")).id, first.id);
    assert!(desk.store.verify().unwrap().is_clean());
}

#[test]
fn an_echo_joins_the_message_that_it_is_of() {
    let desk = Desk::new();
    let by_reference = desk.send(outbound("one").client_ref("r1").pending());
    let first = desk.send(outbound("two").pending());
    let second = desk.send(outbound("two").pending());
    let echo = desk.send(outbound("one").client_ref("r1").provider_id("w1").echo());
    assert_eq!(
        (echo.id, echo.status),
        (by_reference.id, DeliveryStatus::Sent)
    );
    assert_eq!(
        desk.send(outbound("two").provider_id("w2").echo()).id,
        first.id
    );
    assert_eq!(
        desk.send(outbound("two").provider_id("w3").echo()).id,
        second.id
    );
    let foreign = desk.send(outbound("two").provider_id("w4").echo());
    assert_eq!(extras(&foreign).author, Some(Author::external()));
    assert_eq!(foreign.status, DeliveryStatus::Sent);
    assert_eq!(
        desk.send(outbound("two").provider_id("w4").echo()).id,
        foreign.id
    );
    assert_eq!(desk.texts(), ["one", "two", "two", "two"]);
    // Without saying so, and after five minutes, nothing is matched by what it says.
    let waiting = desk.send(outbound("three").pending());
    assert_ne!(
        desk.send(outbound("three").provider_id("w5")).id,
        waiting.id
    );
    desk.pass(301);
    assert_ne!(
        desk.send(outbound("three").provider_id("w6").echo()).id,
        waiting.id
    );
}

#[test]
fn a_failed_message_is_tried_again_under_another_id() {
    let desk = Desk::new();
    let sent = desk.send(outbound("Hello?").provider_id("w1"));
    assert_eq!(refusal(desk.store.retry(&sent)).0, ErrorKind::NotFailed);
    desk.store
        .record_delivery(&sent, Receipt::failed("131026", "undeliverable"))
        .unwrap();
    let retried = desk.store.retry(&sent).unwrap().value;
    assert_eq!(
        (retried.status, retried.deliveries.failure),
        (DeliveryStatus::Pending, None)
    );
    assert_eq!(extras(&desk.read(&sent)).provider_aliases, [id("w1")]);
    assert_eq!(
        serde_json::to_value(desk.read(&sent)).unwrap()["attempts"],
        2
    );
    desk.store.set_provider_id(&sent, &id("w2")).unwrap();
    let late = desk
        .store
        .record_delivery(by_id("w1"), Receipt::failed("1", "late"))
        .unwrap();
    assert!(!late.effect.changed);
    let read = desk
        .store
        .record_delivery(by_id("w1"), Receipt::read())
        .unwrap()
        .value
        .unwrap();
    assert_eq!(read.status, DeliveryStatus::Read);
    assert!(desk.store.verify().unwrap().is_clean());
}

#[test]
fn a_contacts_message_is_not_sent_and_does_not_fail() {
    let desk = Desk::new();
    let message = desk.receive("w1", "Hello");
    for receipt in [Receipt::sent(), Receipt::failed("1", "no")] {
        assert!(
            refusal(desk.store.record_delivery(&message, receipt))
                .1
                .starts_with("status: ")
        );
    }
}

#[test]
fn a_watermark_counts_for_what_comes_later_too() {
    let desk = Desk::new();
    let first = desk.send(outbound("one"));
    let pending = desk.send(outbound("two").pending());
    desk.pass(60);
    let until = desk.now();
    desk.pass(60);
    let later = desk.send(outbound("three"));
    desk.watermark(
        WatermarkOf::Contact(contact().into(), Channel::Whatsapp.into(), until),
        DeliveryStatus::Read,
    );
    assert_eq!(desk.read(&first).status, DeliveryStatus::Read);
    assert_eq!(desk.read(&pending).status, DeliveryStatus::Pending);
    assert_eq!(desk.read(&later).status, DeliveryStatus::Sent);
    let late = outbound("zero")
        .provider_id("w0")
        .provider_time(until - chrono::TimeDelta::seconds(30));
    assert_eq!(desk.send(late).status, DeliveryStatus::Read);
    desk.watermark(
        WatermarkOf::UpTo(MessageRef::from(&later)),
        DeliveryStatus::Delivered,
    );
    assert_eq!(desk.read(&later).status, DeliveryStatus::Delivered);
    let conversation = desk.conversation();
    assert_eq!(conversation.read_until, Some(until));
    assert_eq!(conversation.delivered_until, Some(later.created_at));
    // An earlier one changes nothing.
    let earlier = RecordWatermark {
        of: WatermarkOf::Conversation(conversation.id, until - chrono::TimeDelta::seconds(1)),
        status: DeliveryStatus::Read,
    };
    assert!(!desk.store.record_watermark(earlier).unwrap().effect.changed);
    let stranger = ContactId::new("con_990022").unwrap();
    let none = RecordWatermark {
        of: WatermarkOf::Contact(stranger.into(), Channel::Whatsapp.into(), until),
        status: DeliveryStatus::Read,
    };
    assert!(desk.store.record_watermark(none).unwrap().value.is_none());
}

#[test]
fn a_voice_note_that_was_heard_stays_read() {
    let desk = Desk::new();
    let sent = desk.send(outbound("Listen").provider_id("w1"));
    let heard = desk
        .store
        .record_delivery(&sent, Receipt::played())
        .unwrap()
        .value
        .unwrap();
    assert_eq!(heard.status, DeliveryStatus::Read);
    assert!(heard.deliveries.played_at.is_some());
    assert_eq!(desk.read(&sent).deliveries, heard.deliveries);
    assert_eq!(desk.events().last(), Some(&"message.played"));
}

#[test]
fn what_asks_for_nothing_opens_nothing_and_is_not_unread() {
    let desk = Desk::new();
    let broadcast = desk.send(outbound("Spring sale").reopen(false));
    assert_eq!(desk.conversation().status, Status::Resolved);
    let rating = Inbound::text(contact(), Channel::Whatsapp, "5 of 5").reopen(false);
    desk.pass(60);
    let before = desk.conversation().updated_at;
    desk.store.receive(rating).unwrap();
    let conversation = desk.conversation();
    assert_eq!(
        (conversation.status, conversation.unread_count),
        (Status::Resolved, 0)
    );
    assert!(conversation.updated_at > before);
    let system: Inbound = serde_json::from_value(serde_json::json!({
        "contact_id": "con_880011", "channel": "whatsapp", "type": "system",
        "system": {"kind": "number_change"}
    }))
    .unwrap();
    desk.pass(60);
    desk.store.receive(system).unwrap();
    let after = desk.conversation();
    assert_eq!(after.updated_at, conversation.updated_at);
    assert_eq!((after.status, after.unread_count), (Status::Resolved, 0));
    assert_eq!(desk.events().last(), Some(&"message.system"));
    desk.receive("w1", "A question");
    assert_eq!(desk.conversation().status, Status::Open);
    assert_eq!(desk.store.count(&Filter::open()).unwrap(), 1);
    assert_eq!(broadcast.direction, Direction::Outbound);
    assert!(desk.store.verify().unwrap().is_clean());
}
