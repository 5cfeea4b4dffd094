//! Events: each change has its event, once, in its own commit.

mod audit_log;
mod json;

use convodb::{
    AssigneeId, Channel, ContactId, ConversationId, Event, EventKind, EventSeq, Execute, Inbound,
    MessageId, MessageRef, Outbound, ProviderId, Receipt, UserId,
};

use crate::store::{Read, Store, test};

pub(crate) fn contact() -> ContactId {
    ContactId::new("con_01HXYZ").unwrap()
}

pub(crate) fn receive(store: &Store) -> (ConversationId, MessageId) {
    let hello = Inbound::text(contact(), Channel::Whatsapp, "Hello");
    let message = store.receive(hello).unwrap().value;
    (message.conversation_id, message.id)
}

pub(crate) fn user(store: &Store, id: &str) -> AssigneeId {
    let user = UserId::new(id).unwrap();
    store.save_user(&user, id).unwrap();
    user.into()
}

pub(crate) fn all(store: &Store) -> Vec<Event> {
    store.events(EventSeq::ZERO, usize::MAX).unwrap()
}

pub(crate) fn types(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

#[test]
fn events_are_numbered_from_one_without_gaps_and_a_refusal_takes_no_number() {
    let store = Store::in_memory().unwrap();
    assert_eq!(all(&store), []);
    let (id, _) = receive(&store);
    let unknown = AssigneeId::new("usr_nobody").unwrap();
    assert!(store.assign(id, &unknown).is_err());
    let rolled_back = store.transaction(|tx| {
        tx.resolve(id)?;
        tx.assign(id, &unknown)
    });
    assert!(rolled_back.is_err());
    store.resolve(id).unwrap();
    let events = all(&store);
    let numbers: Vec<_> = events.iter().map(|event| event.seq.get()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(
        types(&events),
        [
            "conversation.created",
            "message.received",
            "conversation.resolved"
        ]
    );
}

#[test]
fn what_changes_nothing_has_no_event() {
    let store = Store::in_memory().unwrap();
    let alice = user(&store, "usr_alice");
    let (id, _) = receive(&store);
    let provided = || {
        let inbound = Inbound::text(contact(), Channel::Whatsapp, "Again");
        store.receive(inbound.provider_id("wamid.1")).unwrap()
    };
    let message = provided().value;
    store.assign(id, &alice).unwrap();
    store.resolve(id).unwrap();
    let receipt = Receipt::read().at(message.created_at);
    store.record_delivery(&message, receipt.clone()).unwrap();
    let before = all(&store);

    assert!(provided().is_duplicate);
    assert!(!store.resolve(id).unwrap().effect.changed);
    assert!(
        !store
            .record_delivery(&message, receipt)
            .unwrap()
            .effect
            .changed
    );
    assert!(
        !store
            .save_user(&UserId::new("usr_alice").unwrap(), "usr_alice")
            .unwrap()
            .effect
            .changed
    );
    assert_eq!(all(&store), before);
}

#[test]
fn an_assignment_has_the_assignee_before() {
    let store = Store::in_memory().unwrap();
    let (alice, bob) = (user(&store, "usr_alice"), user(&store, "usr_bob"));
    let (id, _) = receive(&store);
    store.assign(id, &alice).unwrap();
    store.claim(id, &alice).unwrap();
    store.resolve(id).unwrap();
    store.assign(id, &bob).unwrap();
    store.unassign(id).unwrap();
    let moved = |to: &AssigneeId, before: Option<&AssigneeId>| EventKind::ConversationAssigned {
        assigned_to: to.clone(),
        previously_assigned_to: before.cloned(),
    };
    let kinds = all(&store).into_iter().skip(2).map(|event| event.kind);
    let expected = [
        moved(&alice, None),
        EventKind::ConversationResolved,
        moved(&bob, Some(&alice)),
        EventKind::ConversationReopened,
        EventKind::ConversationUnassigned {
            previously_assigned_to: bob,
        },
    ];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}

#[test]
fn each_status_of_a_message_has_one_event_in_whatever_order_its_receipts_come() {
    let store = Store::in_memory().unwrap();
    let sent = Outbound::text(contact(), Channel::Whatsapp, "Hi");
    let sent = store.send(sent).unwrap().value;
    let earlier = sent.created_at - chrono::TimeDelta::seconds(1);
    for receipt in [
        Receipt::read(),
        Receipt::sent(),
        Receipt::delivered(),
        Receipt::delivered().at(earlier),
        Receipt::failed("131026", "undeliverable"),
        Receipt::read().at(earlier),
    ] {
        assert!(
            store
                .record_delivery(&sent, receipt)
                .unwrap()
                .effect
                .changed
        );
    }
    let events = all(&store);
    let expected = ["message.read", "message.delivered", "message.failed"];
    assert_eq!(types(&events[2..]), expected);
}

#[test]
fn receipts_that_waited_have_their_events_after_their_message() {
    let store = Store::in_memory().unwrap();
    let id = ProviderId::new("wamid.1").unwrap();
    for receipt in [Receipt::read(), Receipt::sent(), Receipt::delivered()] {
        let of = MessageRef::from((Channel::Whatsapp, id.clone()));
        store.record_delivery(of, receipt).unwrap();
    }
    assert_eq!(all(&store), []);
    let sent = Outbound::text(contact(), Channel::Whatsapp, "Hi").provider_id("wamid.1");
    let sent = store.send(sent).unwrap().value;
    let events = all(&store);
    let expected = [
        "conversation.created",
        "message.sent",
        "message.delivered",
        "message.read",
    ];
    assert_eq!(types(&events), expected);
    let read = EventKind::MessageRead {
        message_id: sent.id,
    };
    assert_eq!(events[3].kind, read);
}

#[test]
fn events_of_a_transaction_show_within_it_and_commit_with_it() {
    let store = Store::in_memory().unwrap();
    let before = store.snapshot().unwrap();
    store
        .transaction(|tx| {
            let inbound = Inbound::text(contact(), Channel::Webchat, "Hello");
            let id = tx.receive(inbound)?.value.conversation_id;
            tx.resolve(id)?;
            assert_eq!(tx.events(EventSeq::new(2), 10)?.len(), 1);
            assert_eq!(tx.audit_log(id)?.len(), 2);
            assert_eq!(all(&store), []);
            Ok::<_, convodb::Error>(())
        })
        .unwrap();
    assert_eq!(all(&store).len(), 3);
    assert_eq!(before.events(EventSeq::ZERO, 10).unwrap(), []);
}

#[test]
fn every_type_of_event_is_documented() {
    let source = include_str!("../../crates/convodb-core/src/event.rs");
    let (_, names) = source.split_once("fn as_str").expect("the names");
    let (names, _) = names.split_once("\n    }\n").expect("their end");
    let document = include_str!("../../src/docs/events.md");
    for kind in names.split('"').skip(1).step_by(2) {
        let is_listed = |line: &str| {
            let mut cells = line.split('|').skip(1);
            cells
                .next()
                .is_some_and(|cell| cell.contains(&format!("`{kind}`")))
        };
        assert!(document.lines().any(is_listed), "{kind}");
    }
}
