//! The history of a conversation: as long as it lives, and no longer.

use convodb::{
    Assignee, Channel, Conversation, ConversationId, ErrorKind, EventKind, Import, Retention,
    Status, Store, Takeover,
};

use super::{all, contact, receive, types, user};

#[test]
fn a_history_tells_who_had_the_conversation_whatever_is_purged() {
    let store = Store::in_memory().unwrap();
    let (alice, bob) = (user(&store, "usr_alice"), user(&store, "usr_bob"));
    let (id, _) = receive(&store);
    store.assign(id, &alice).unwrap();
    store.add_note(id, "A regular customer.").unwrap();
    store.resolve(id).unwrap();
    store
        .remove_assignee(&alice, &Takeover::By(bob.clone()))
        .unwrap();
    store.purge_events(&Retention::newest(0)).unwrap();
    assert_eq!(store.stats().unwrap().events, 0);

    let history = store.history(id).unwrap();
    let told = [
        "conversation.created",
        "conversation.assigned",
        "conversation.resolved",
        "conversation.assigned",
    ];
    assert_eq!(types(&history), told);
    let taken_over = EventKind::ConversationAssigned {
        assigned_to: bob,
        previously_assigned_to: Some(alice),
    };
    assert_eq!(history[3].kind, taken_over);
    assert!(store.verify().unwrap().is_clean());
    // It goes on under the next number.
    store.unassign(id).unwrap();
    assert_eq!(store.history(id).unwrap()[4].sequence, 7);
}

#[test]
fn a_history_goes_with_its_conversation() {
    let store = Store::in_memory().unwrap();
    let (id, _) = receive(&store);
    store.resolve(id).unwrap();
    store.erase_contact(&contact()).unwrap();
    let gone = store.history(id).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    let events = all(&store);
    assert_eq!(types(&events).last(), Some(&"conversation.deleted"));
    assert!(!format!("{events:?}").contains("con_"), "whom it was with");

    // The same id again is another life.
    let at = events[0].at;
    let again = Conversation::new(id, contact(), Channel::Whatsapp, at);
    store.import(Import::new(again, Vec::new())).unwrap();
    assert_eq!(types(&store.history(id).unwrap()), ["conversation.created"]);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn an_import_tells_of_the_conversation_and_not_of_what_happened_before() {
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
        let history = store.history(event.conversation_id).unwrap();
        assert_eq!(history, [event]);
    }
}
