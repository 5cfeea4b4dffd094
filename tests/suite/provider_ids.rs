//! Webhooks that come twice, late, out of order and after an erasure.

mod order;

use std::time::Duration;

use convodb::testing::ManualClock;
use convodb::{
    Channel, ContactId, Content, Conversation, ConversationId, DeliveryStatus, Direction,
    ErrorKind, Execute, Filter, Import, Inbound, Message, MessageId, MessageRef, Outbound,
    PageRequest, ProviderId, Receipt, Reply,
};

use convodb_testkit::fixture::clock;
use convodb_testkit::op::contact;

use crate::store::{Read, Store, options, test};

fn id(text: &str) -> ProviderId {
    ProviderId::new(text).unwrap()
}

fn store() -> (Store, ManualClock) {
    let clock = clock();
    (options(&clock).open_in_memory().unwrap(), clock)
}

fn hello(provider_id: &str) -> Inbound {
    Inbound::text(contact(1), Channel::Whatsapp, "Hello").provider_id(provider_id)
}

#[test]
fn the_same_id_again_answers_the_stored_message_and_changes_nothing() {
    let (store, clock) = store();
    let first = store.receive(hello("wamid.1")).unwrap();
    assert!(first.effect.changed && first.effect.created && !first.is_duplicate);
    store.resolve(first.value.conversation_id).unwrap();
    let before = store.transcript(first.value.conversation_id).unwrap();
    clock.advance(Duration::from_secs(60));
    let other = Inbound::text(contact(1), Channel::Whatsapp, "Another").provider_id("wamid.1");
    let at_another_time = hello("wamid.1").provider_time(clock.get());
    for again in [hello("wamid.1"), other, at_another_time] {
        let again = store.receive(again).unwrap();
        assert!(
            again.is_duplicate
                && !again.effect.changed
                && !again.effect.created
                && !again.effect.reopened
        );
        assert_eq!(again.value, first.value);
    }
    let id = first.value.conversation_id;
    assert_eq!(store.transcript(id).unwrap(), before);
    let reply = Reply::text("Hi").provider_id("wamid.2");
    let sent = store.reply(id, reply.clone()).unwrap();
    let again = store.reply(id, reply).unwrap();
    assert!(again.is_duplicate);
    assert_eq!(again.value, sent.value);
    let out = Outbound::text(contact(1), Channel::Whatsapp, "Hi").provider_id("wamid.2");
    assert!(store.send(out).unwrap().is_duplicate);
    assert_eq!(store.count(&Filter::all()).unwrap(), 1);
}

#[test]
fn the_id_of_another_contacts_message_or_of_the_other_direction_is_a_conflict() {
    let (store, _) = store();
    let got = store.receive(hello("42")).unwrap().value;
    let id = got.conversation_id;
    let sent = store.reply(id, Reply::text("Hi").provider_id("43"));
    let sent = sent.unwrap().value;
    let other = store
        .receive(Inbound::text(contact(2), Channel::Whatsapp, "Hello"))
        .unwrap()
        .value;
    let before = store.transcript(id).unwrap();
    let to = |number, id| Outbound::text(contact(number), Channel::Whatsapp, "?").provider_id(id);
    let from = |number, id| Inbound::text(contact(number), Channel::Whatsapp, "?").provider_id(id);
    let reply = |id| Reply::text("?").provider_id(id);
    for refused in [
        store.receive(from(2, "42")).map(drop),
        store.receive(from(3, "42")).map(drop),
        store.receive(from(2, "43")).map(drop),
        store.receive(from(1, "43")).map(drop),
        store.send(to(1, "42")).map(drop),
        store.send(to(2, "42")).map(drop),
        store.send(to(3, "43")).map(drop),
        store.reply(id, reply("42")).map(drop),
        store.reply(other.conversation_id, reply("43")).map(drop),
    ] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ProviderIdConflict);
    }
    assert_eq!(store.count(&Filter::all()).unwrap(), 2);
    assert_eq!(store.transcript(id).unwrap(), before);
    assert_eq!(before.messages, [got, sent]);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn an_id_is_unique_on_its_channel_only() {
    let (store, _) = store();
    let first = store.receive(hello("1")).unwrap().value;
    let elsewhere = Inbound::text(contact(1), Channel::Webchat, "Hello").provider_id("1");
    let second = store.receive(elsewhere).unwrap();
    assert!(second.effect.created && !second.is_duplicate);
    assert_ne!(second.value.id, first.id);
}

#[test]
fn a_duplicate_within_a_transaction_is_one_too() {
    let (store, _) = store();
    store
        .transaction(|tx| {
            let first = tx.receive(hello("wamid.1"))?;
            let again = tx.receive(hello("wamid.1"))?;
            assert!(again.is_duplicate);
            assert_eq!(again.value, first.value);
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    assert_eq!(store.stats().unwrap().messages, 1);
}

#[test]
fn receipts_that_come_first_wait_for_their_message() {
    let (store, clock) = store();
    let of = (Channel::Whatsapp, id("wamid.1"));
    let early = clock.get();
    let unmatched = store.record_delivery(of.clone(), Receipt::read()).unwrap();
    assert!(unmatched.effect.changed && unmatched.value.is_none());
    let again = store.record_delivery(of.clone(), Receipt::read()).unwrap();
    assert!(!again.effect.changed);
    clock.advance(Duration::from_secs(1));
    store
        .record_delivery(of.clone(), Receipt::failed("1", "lost"))
        .unwrap();
    assert_eq!(store.stats().unwrap().unmatched, 1);
    assert_eq!(store.count(&Filter::all()).unwrap(), 0);

    let outbound = Outbound::text(contact(1), Channel::Whatsapp, "Hi").provider_id("wamid.1");
    let sent = store.send(outbound).unwrap();
    assert!(sent.effect.changed && !sent.is_duplicate);
    assert_eq!(sent.value.status, DeliveryStatus::Read);
    assert_eq!(sent.value.deliveries.read_at, Some(early));
    assert_eq!(sent.value.deliveries.failed_at, Some(clock.get()));
    let stored = store.transcript(sent.value.conversation_id).unwrap();
    assert_eq!(stored.messages, std::slice::from_ref(&sent.value));
    assert_eq!(store.stats().unwrap().unmatched, 0);

    let later = store.record_delivery(of, Receipt::delivered()).unwrap();
    assert_eq!(
        later.value.unwrap().deliveries.delivered_at,
        Some(clock.get())
    );
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_receipt_is_no_activity_and_reopens_nothing() {
    let (store, clock) = store();
    let first = store.receive(hello("wamid.1")).unwrap().value;
    let resolved = store.resolve(first.conversation_id).unwrap().value;
    clock.advance(Duration::from_secs(60));
    let of = (Channel::Whatsapp, &id("wamid.1"));
    assert!(
        store
            .record_delivery(of, Receipt::read())
            .unwrap()
            .effect
            .changed
    );
    assert_eq!(store.conversation(first.conversation_id).unwrap(), resolved);
}

#[test]
fn receipts_that_wait_too_long_are_purged() {
    let (store, clock) = store();
    for name in ["wamid.1", "wamid.2"] {
        let of = (Channel::Whatsapp, id(name));
        store.record_delivery(of, Receipt::delivered()).unwrap();
        clock.advance(Duration::from_secs(60));
    }
    let minute = Duration::from_secs(61);
    let purged = store.purge_unmatched(minute, u64::MAX).unwrap();
    assert_eq!((purged.value, purged.effect.changed), (1, true));
    assert_eq!(store.stats().unwrap().unmatched, 1);
    let again = store.purge_unmatched(minute, u64::MAX).unwrap();
    assert_eq!((again.value, again.effect.changed), (0, false));
    assert_eq!(
        store
            .purge_unmatched(Duration::MAX, u64::MAX)
            .unwrap()
            .value,
        0
    );

    let sent = |name| Outbound::text(contact(1), Channel::Whatsapp, "Hi").provider_id(name);
    let status = |name| store.send(sent(name)).unwrap().value.status;
    assert_eq!(status("wamid.1"), DeliveryStatus::Sent);
    assert_eq!(status("wamid.2"), DeliveryStatus::Delivered);
}

#[test]
fn a_provider_may_assign_its_id_after_sending() {
    let (store, _) = store();
    let of = (Channel::Whatsapp, id("wamid.1"));
    store
        .record_delivery(of.clone(), Receipt::delivered())
        .unwrap();
    let sent = store
        .send(Outbound::text(contact(1), Channel::Whatsapp, "Hi"))
        .unwrap()
        .value;
    let set = store.set_provider_id(&sent, &id("wamid.1")).unwrap();
    assert!(set.effect.changed);
    assert_eq!(set.value.provider_id, Some(id("wamid.1")));
    assert_eq!(
        (set.value.id, set.value.status),
        (sent.id, DeliveryStatus::Delivered)
    );
    assert_eq!(
        store.transcript(sent.conversation_id).unwrap().messages,
        std::slice::from_ref(&set.value)
    );
    assert!(
        !store
            .set_provider_id(of, &id("wamid.1"))
            .unwrap()
            .effect
            .changed
    );

    let again = Outbound::text(contact(1), Channel::Whatsapp, "Hi").provider_id("wamid.1");
    let again = store.send(again).unwrap();
    assert!(again.is_duplicate);
    assert_eq!(again.value, set.value);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn an_id_that_another_message_has_conflicts_and_one_beside_the_messages_own_already_exists() {
    let (store, _) = store();
    let first = store.receive(hello("wamid.1")).unwrap().value;
    let second = store.receive(hello("wamid.2")).unwrap().value;
    let third = store
        .send(Outbound::text(contact(1), Channel::Whatsapp, "Hi"))
        .unwrap()
        .value;
    for (message, other, kind) in [
        (&second, "wamid.1", ErrorKind::AlreadyExists),
        (&third, "wamid.1", ErrorKind::ProviderIdConflict),
        (&second, "wamid.3", ErrorKind::AlreadyExists),
    ] {
        let error = store.set_provider_id(message, &id(other)).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    let error = store.set_provider_id((first.conversation_id, second.id), &id("wamid.1"));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let unknown = MessageRef::from((Channel::Webchat, id("wamid.9")));
    let error = store.set_provider_id(unknown, &id("wamid.3")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_retried_webhook_restores_nothing_that_was_erased() {
    for by_contact in [false, true] {
        let (store, _) = store();
        let of = (Channel::Whatsapp, id("wamid.1"));
        let first = store.receive(hello("wamid.1")).unwrap().value;
        let late = store
            .send(Outbound::text(contact(1), Channel::Whatsapp, "Hi"))
            .unwrap()
            .value;
        store.set_provider_id(&late, &id("wamid.2")).unwrap();
        if by_contact {
            store.erase_contact(&contact(1)).unwrap();
        } else {
            store.delete(first.conversation_id).unwrap();
        }
        let fresh = Inbound::text(contact(1), Channel::Whatsapp, "Hello again");
        let fresh = store.receive(fresh).unwrap().value;
        let refused = [
            store.receive(hello("wamid.1")).map(drop),
            store.receive(hello("wamid.2")).map(drop),
            store.record_delivery(of, Receipt::read()).map(drop),
            store.set_provider_id(&fresh, &id("wamid.1")).map(drop),
            store.import(import("wamid.1", 7)).map(drop),
        ];
        for refused in refused {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Gone);
        }
        assert_eq!(store.stats().unwrap().messages, 1);
        assert!(store.verify().unwrap().is_clean());
        assert!(store.repair().unwrap().is_clean());
        let error = store.receive(hello("wamid.2")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Gone);
    }
}

/// An imported conversation of one message.
fn import(provider_id: &str, number: u64) -> Import {
    let at = clock().get();
    let conversation = ConversationId::from_parts(number, 1);
    let contact = ContactId::new(&format!("con_imported_{number}")).unwrap();
    let mut message = Message::new(
        MessageId::from_parts(number, 2),
        conversation,
        Direction::Outbound,
        Content::text("Hi"),
        at,
    );
    message.provider_id = Some(id(provider_id));
    let conversation = Conversation::new(conversation, contact, Channel::Whatsapp, at);
    Import::new(conversation, vec![message])
}

#[test]
fn imported_messages_keep_their_ids_and_get_what_waited_for_them() {
    let (store, _) = store();
    let of = (Channel::Whatsapp, id("wamid.1"));
    store.record_delivery(of.clone(), Receipt::read()).unwrap();
    store.import(import("wamid.1", 1)).unwrap();
    assert_eq!(store.stats().unwrap().unmatched, 0);
    let again = store.record_delivery(of, Receipt::read()).unwrap();
    assert!(!again.effect.changed);
    assert_eq!(again.value.unwrap().status, DeliveryStatus::Read);
    let imported = ContactId::new("con_imported_1").unwrap();
    let again = Outbound::text(imported, Channel::Whatsapp, "Hi").provider_id("wamid.1");
    assert!(store.send(again).unwrap().is_duplicate);

    let conflicts = [
        store.import(import("wamid.1", 2)).map(drop),
        store
            .import_all([import("wamid.2", 3), import("wamid.2", 4)])
            .map(drop),
    ];
    for conflict in conflicts {
        assert_eq!(conflict.unwrap_err().kind(), ErrorKind::ProviderIdConflict);
    }
    let mut twice = import("wamid.5", 5);
    let mut second = twice.messages[0].clone();
    second.id = MessageId::from_parts(5, 3);
    twice.messages.push(second);
    let error = store.import(twice).unwrap_err();
    assert_eq!(error.field(), Some("messages[1].provider_id"));
    assert_eq!(
        store
            .list(&Filter::all(), PageRequest::default())
            .unwrap()
            .total,
        1
    );
}
