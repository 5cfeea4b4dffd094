//! Where two rules meet: what waits for a message beside what is stored of it, and changes that come twice.

use chrono::TimeDelta;
use convodb::commands::{Edit, Fill, React, RecordWatermark, Revoke, WatermarkOf};
use convodb::{
    Channel, Content, Conversation, ConversationId, DeliveryStatus, Direction, ErrorKind, Execute,
    Filter, Import, Inbound, Message, MessageId, MessageRef, MessageType, Note, NoteId, Outbound,
    PageRequest, Receipt,
};
use serde_json::json;

use super::{Desk, by_id, contact, extras, id, refusal};
use crate::store::{Read, test};

fn inbound(text: &str) -> Inbound {
    Inbound::text(contact(), Channel::Whatsapp, text)
}

fn outbound(text: &str) -> Outbound {
    Outbound::text(contact(), Channel::Whatsapp, text)
}

fn system() -> Content {
    let system = json!({"type": "system", "system": {"kind": "number_change"}});
    serde_json::from_value(system).unwrap()
}

fn unsupported() -> Content {
    serde_json::from_value(json!({"type": "unsupported"})).unwrap()
}

impl Desk {
    fn is_clean(&self) -> bool {
        self.store.verify().unwrap().is_clean()
    }
}

#[test]
fn a_message_whose_revocation_waited_for_its_id_is_not_unread() {
    let desk = Desk::new();
    desk.store.revoke(Revoke::new(by_id("w1"))).unwrap();
    let message = desk.store.receive(inbound("Hello")).unwrap().value;
    assert_eq!(desk.conversation().unread_count, 1);
    let revoked = desk.store.set_provider_id(&message, &id("w1")).unwrap();
    assert!(revoked.value.is_revoked());
    assert_eq!(desk.conversation().unread_count, 0);
    assert_eq!(desk.events().last(), Some(&"message.revoked"));
}

#[test]
fn what_waited_for_a_message_that_was_taken_back_is_dropped() {
    let desk = Desk::new();
    let sent = desk.store.send(outbound("Hello")).unwrap().value;
    desk.store.revoke(Revoke::new(&sent)).unwrap();
    desk.store.react(React::new(by_id("w1"), "👍")).unwrap();
    let given = desk.store.set_provider_id(&sent, &id("w1")).unwrap().value;
    assert!(extras(&given).reactions.is_empty());
    // Of two ids, one may have the revocation and the other one the reaction.
    desk.store.revoke(Revoke::new(by_id("w2"))).unwrap();
    desk.store.react(React::new(by_id("w3"), "👍")).unwrap();
    let both = inbound("Hello").provider_id("w2").provider_alias(id("w3"));
    let both = desk.store.receive(both).unwrap().value;
    assert!(both.is_revoked() && extras(&both).reactions.is_empty());
    assert_ne!(desk.events().last(), Some(&"message.reacted"));
    assert_eq!(desk.store.stats().unwrap().unmatched, 0);
}

#[test]
fn receipts_that_waited_neither_send_nor_fail_a_contacts_message() {
    let desk = Desk::new();
    for receipt in [Receipt::sent(), Receipt::failed("1", "no"), Receipt::read()] {
        desk.store.record_delivery(by_id("w1"), receipt).unwrap();
    }
    let message = desk.receive("w1", "Hello");
    let deliveries = &message.deliveries;
    assert_eq!(message.status, DeliveryStatus::Read);
    assert_eq!((deliveries.sent_at, deliveries.failed_at), (None, None));
    assert!(!desk.events().contains(&"message.failed"));
}

#[test]
fn what_waits_already_is_no_change() {
    let desk = Desk::new();
    let react = React {
        at: Some(desk.now()),
        ..React::new(by_id("w1"), "👍")
    };
    let revoke = Revoke {
        at: Some(desk.now()),
        ..Revoke::new(by_id("w1"))
    };
    assert!(desk.store.react(react.clone()).unwrap().effect.changed);
    assert!(!desk.store.react(react).unwrap().effect.changed);
    assert!(desk.store.revoke(revoke.clone()).unwrap().effect.changed);
    assert!(!desk.store.revoke(revoke).unwrap().effect.changed);
}

#[test]
fn a_message_again_brings_what_waited_for_its_own_id_alone() {
    let desk = Desk::new();
    desk.store.react(React::new(by_id("w2"), "👍")).unwrap();
    let sent = outbound("one").client_ref("r1");
    desk.store.send(sent.clone()).unwrap();
    let again = sent.provider_id("w1").provider_alias(id("w2"));
    let again = desk.store.send(again).unwrap().value;
    assert_eq!(again.provider_id, Some(id("w1")));
    assert!(extras(&again).reactions.is_empty());
    assert_eq!(desk.store.stats().unwrap().unmatched, 1);
}

#[test]
fn a_late_edit_that_comes_twice_is_kept_once() {
    let desk = Desk::new();
    let message = desk.receive("w1", "0");
    let start = desk.now();
    desk.pass(60);
    desk.store.edit(Edit::new(&message, "2")).unwrap();
    let late = Edit {
        at: Some(start + TimeDelta::seconds(30)),
        ..Edit::new(&message, "1")
    };
    assert!(desk.store.edit(late.clone()).unwrap().effect.changed);
    assert!(!desk.store.edit(late).unwrap().effect.changed);
    assert_eq!(extras(&desk.read(&message)).versions.len(), 2);
}

#[test]
fn a_persons_message_does_not_become_a_line_of_the_providers() {
    let desk = Desk::new();
    let of = desk.receive("w1", unsupported()).conversation_id;
    let edit = desk.store.edit(Edit::new(by_id("w1"), system()));
    assert!(refusal(edit).1.starts_with("type: "));
    let fill = Fill {
        message: by_id("w1"),
        content: system(),
    };
    assert!(refusal(desk.store.fill(fill)).1.starts_with("type: "));
    let again = desk.receive("w1", system());
    assert_eq!(again.content.message_type(), MessageType::Unsupported);
    let line = Inbound::new(contact(), Channel::Whatsapp, system());
    let line = line.provider_id("w2").placeholder();
    desk.store.receive(line).unwrap();
    desk.receive("w2", "Hello");
    let conversation = desk.conversation();
    assert_eq!((conversation.id, conversation.inbound_count), (of, 1));
    assert_eq!(desk.receive("w1", "Hello").content.as_text(), Some("Hello"));
    assert!(desk.is_clean());
}

#[test]
fn an_id_that_is_an_alias_no_longer_is_not_used_again() {
    let desk = Desk::new();
    let sent = desk
        .store
        .send(outbound("Hello").provider_id("w0"))
        .unwrap();
    let sent = sent.value;
    for attempt in 1..=6 {
        let failed = Receipt::failed("131026", "undeliverable");
        desk.store.record_delivery(&sent, failed).unwrap();
        desk.store.retry(&sent).unwrap();
        let next = id(&format!("w{attempt}"));
        desk.store.set_provider_id(&sent, &next).unwrap();
    }
    let aliases = extras(&desk.read(&sent)).provider_aliases;
    assert_eq!(aliases, [id("w2"), id("w3"), id("w4"), id("w5")]);
    assert!(desk.is_clean());
    let late = desk.store.record_delivery(by_id("w0"), Receipt::read());
    assert_eq!(refusal(late).0, ErrorKind::Gone);
    desk.store.delete(sent.conversation_id).unwrap();
    assert_eq!(refusal(desk.try_receive("w1", "Hello")).0, ErrorKind::Gone);
    assert!(desk.is_clean());
}

#[test]
fn an_echo_of_media_joins_one_with_the_same_caption() {
    let desk = Desk::new();
    let image = |name: &str, caption: &str| {
        let image = Content::image(format!("https://example.com/{name}.jpg")).caption(caption);
        Outbound::new(contact(), Channel::Whatsapp, image)
    };
    let first = desk.store.send(image("1", "one").pending()).unwrap().value;
    let second = desk.store.send(image("2", "two").pending()).unwrap().value;
    let echo = |caption, id: &str| {
        let echo = image("of-the-provider", caption).provider_id(id).echo();
        desk.store.send(echo).unwrap().value.id
    };
    assert_eq!(echo("two", "w2"), second.id);
    assert_eq!(echo("one", "w1"), first.id);
}

#[test]
fn a_message_that_comes_after_its_edit_may_be_the_oldest() {
    let desk = Desk::new();
    let written = desk.now();
    desk.pass(60);
    let edit = Edit {
        contact: Some(contact().into()),
        ..Edit::new(by_id("w1"), "Tomorrow")
    };
    desk.store.edit(edit).unwrap();
    let original = inbound("Tommorow").provider_id("w1").provider_time(written);
    let original = desk.store.receive(original).unwrap().value;
    assert_eq!(original.created_at, written);
    assert_eq!(desk.conversation().created_at, written);
}

#[test]
fn a_watermark_is_checked_whether_the_contact_is_known_or_not() {
    let desk = Desk::new();
    let mark = |status| RecordWatermark {
        of: WatermarkOf::Contact(contact().into(), Channel::Whatsapp.into(), desk.now()),
        status,
    };
    let refused = desk.store.record_watermark(mark(DeliveryStatus::Sent));
    assert!(refusal(refused).1.starts_with("status: "));
    let sent = desk.store.send(outbound("Hello")).unwrap().value;
    desk.store
        .record_watermark(mark(DeliveryStatus::Read))
        .unwrap();
    // A list shows what the conversation shows.
    let request = PageRequest::number(1, 20).unwrap();
    let rows = desk.store.list(&Filter::all(), request).unwrap().data;
    assert_eq!(rows, [desk.conversation().into_listed()]);
    assert_eq!(rows[0].read_until, Some(desk.now()));
    assert_eq!(desk.read(&sent).status, DeliveryStatus::Read);
    assert!(desk.is_clean());
}

/// A conversation of another system, with ids of its own.
fn import(id: ConversationId, desk: &Desk) -> Import {
    let at = desk.now() - TimeDelta::hours(1);
    let ms = u64::try_from(at.timestamp_millis()).unwrap();
    let message = |number: u128| {
        let own = MessageId::from_parts(ms, (0xFFFF << 64) + number);
        Message::new(own, id, Direction::Inbound, Content::text("old"), at)
    };
    let conversation = Conversation::new(id, contact(), Channel::Whatsapp, at);
    let messages = (0..3).map(message).collect();
    let note = Note::new(NoteId::from_parts(ms + 90_000, 1), id, "VIP", at);
    Import::new(conversation, messages).notes(vec![note])
}

#[test]
fn the_messages_of_an_import_arrived_before_those_that_came_here() {
    let desk = Desk::new();
    let id = ConversationId::from_parts(1, 1);
    desk.store.import(import(id, &desk)).unwrap();
    desk.receive("w1", "new");
    assert_eq!(desk.conversation().unread_count, 1);
    desk.store.revoke(Revoke::new(by_id("w1"))).unwrap();
    assert_eq!(desk.conversation().unread_count, 0);
}

#[test]
fn a_note_is_removed_whatever_time_its_id_has() {
    let desk = Desk::new();
    let id = ConversationId::from_parts(1, 1);
    let import = import(id, &desk);
    let note = import.notes[0].id;
    desk.store.import(import).unwrap();
    desk.store.remove_note(id, note).unwrap();
    assert_eq!(desk.store.notes(id).unwrap().count(), 0);
}

#[test]
fn a_reference_that_is_in_two_imports_is_named_as_one() {
    let desk = Desk::new();
    let imports = (1..=2).map(|number| {
        let id = ConversationId::from_parts(1, number);
        let mut import = import(id, &desk);
        import.conversation.contact_id = format!("con_{number}").parse().unwrap();
        let json = serde_json::to_value(&import.messages[0]).unwrap();
        let mut json = json.as_object().unwrap().clone();
        json.insert("client_ref".to_owned(), json!("r1"));
        import.messages[0] = serde_json::from_value(json.into()).unwrap();
        import
    });
    let (kind, text) = refusal(desk.store.import_all(imports.collect::<Vec<_>>()));
    assert_eq!(kind, ErrorKind::ClientRefConflict);
    assert!(text.contains("`r1`"), "{text}");
}

#[test]
fn a_watermark_up_to_a_message_takes_that_of_any_time() {
    let desk = Desk::new();
    let id = ConversationId::from_parts(1, 1);
    let mut import = import(id, &desk);
    let old = "1985-01-01T00:00:00Z".parse().unwrap();
    import.messages.truncate(1);
    import.messages[0].created_at = old;
    import.conversation.created_at = old;
    let message = MessageRef::from(&import.messages[0]);
    desk.store.import(import).unwrap();
    let mark = RecordWatermark {
        of: WatermarkOf::UpTo(message),
        status: DeliveryStatus::Read,
    };
    desk.store.record_watermark(mark).unwrap();
    assert_eq!(desk.conversation().read_until, Some(old));
}
