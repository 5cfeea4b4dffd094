//! The audit log of a conversation, which is kept as long as the conversation.

use convodb::{
    Assignee, Channel, Conversation, ConversationId, ErrorKind, EventKind, EventSeq, Execute,
    Import, Retention, Status,
};

use super::{all, contact, receive, types, user};
use crate::store::{Read, Store, test};

#[test]
fn an_audit_log_has_every_assignee_whatever_is_purged() {
    let store = Store::in_memory().unwrap();
    let (alice, bob) = (user(&store, "usr_alice"), user(&store, "usr_bob"));
    let (id, _) = receive(&store);
    store.assign(id, &alice).unwrap();
    store.add_note(id, "A regular customer.").unwrap();
    store.resolve(id).unwrap();
    store.remove_assignee(&alice, Some(&bob)).unwrap();
    store.purge_events(Retention::newest(0)).unwrap();
    assert_eq!(store.stats().unwrap().events, 0);

    let log = store.audit_log(id).unwrap();
    let expected = [
        "conversation.created",
        "conversation.assigned",
        "conversation.resolved",
        "conversation.assigned",
    ];
    assert_eq!(types(&log), expected);
    let reassigned = EventKind::ConversationAssigned {
        assigned_to: bob,
        previously_assigned_to: Some(alice),
    };
    assert_eq!(log[3].kind, reassigned);
    assert!(store.verify().unwrap().is_clean());
    // It goes on under the next number.
    store.unassign(id).unwrap();
    assert_eq!(store.audit_log(id).unwrap()[4].seq, EventSeq::new(7));
}

#[test]
fn an_audit_log_is_deleted_with_its_conversation() {
    let store = Store::in_memory().unwrap();
    let (id, _) = receive(&store);
    store.resolve(id).unwrap();
    store.erase_contact(&contact()).unwrap();
    let gone = store.audit_log(id).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    let events = all(&store);
    assert_eq!(types(&events).last(), Some(&"conversation.deleted"));
    assert!(
        !format!("{events:?}").contains("con_"),
        "an event names no contact"
    );

    // The same id again has a new log.
    let at = events[0].at;
    let again = Conversation::new(id, contact(), Channel::Whatsapp, at);
    store.import(Import::new(again, Vec::new())).unwrap();
    assert_eq!(
        types(&store.audit_log(id).unwrap()),
        ["conversation.created"]
    );
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn an_import_has_one_event_for_the_conversation_with_its_messages() {
    let store = Store::in_memory().unwrap();
    let alice = user(&store, "usr_alice");
    let at = chrono::DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
    let imports = (0..3).map(|number| {
        let id = ConversationId::from_parts(1_600_000_000_000, number);
        let contact = convodb::ContactId::new(&format!("con_{number}")).unwrap();
        let mut conversation = Conversation::new(id, contact, Channel::Webchat, at);
        conversation.status = Status::Resolved;
        conversation.assigned_to = Some(Assignee::new(alice.clone(), "Alice"));
        let message = convodb::Message::new(
            convodb::MessageId::from_parts(1_700_000_000_000, number),
            id,
            convodb::Direction::Inbound,
            "From elsewhere".into(),
            at,
        );
        Import::new(conversation, vec![message])
    });
    store.import_all(imports).unwrap();
    let events = all(&store);
    assert_eq!(events.len(), 3);
    let created = EventKind::ConversationCreated {
        status: Status::Resolved,
        assigned_to: Some(alice),
    };
    for event in events {
        assert_eq!(event.kind, created);
        let log = store
            .audit_log(event.subject.conversation_id().unwrap())
            .unwrap();
        assert_eq!(log, [event]);
    }
}
