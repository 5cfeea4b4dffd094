//! Events as JSON, as other systems get them.

use convodb::testing::{ManualClock, SeededIds};
use convodb::{Actor, Context, Event, Execute, Outbound, Receipt};
use serde_json::{Value, json};

use super::{all, contact, receive, user};
use crate::store::{Options, test};

#[test]
fn every_type_has_its_fields_in_their_order() {
    let store = Options::new()
        .clock(ManualClock::at("2026-04-15T08:30:00Z".parse().unwrap()))
        .ids(SeededIds::new(1))
        .open_in_memory()
        .unwrap();
    let alice = user(&store, "usr_alice");
    let (id, message) = receive(&store);
    let by_alice = store.with(Context::new().actor(Actor::new("usr_alice").unwrap()));
    by_alice.assign(id, &alice).unwrap();
    let note = by_alice.add_note(id, "Enterprise plan.").unwrap().value;
    store.resolve(id).unwrap();
    store.unassign(id).unwrap();
    let sent = Outbound::text(contact(), convodb::Channel::Whatsapp, "Hi");
    let sent = store.send(sent).unwrap().value;
    for receipt in [
        Receipt::failed("1", "x"),
        Receipt::delivered(),
        Receipt::read(),
    ] {
        store.record_delivery(&sent, receipt).unwrap();
    }
    store.delete(id).unwrap();

    let (alice, sent) = (json!({"type": "user", "id": "usr_alice"}), sent.id);
    let expected = [
        (
            "conversation.created",
            json!({"status": "open", "assigned_to": null}),
        ),
        ("message.received", json!({"message_id": message})),
        (
            "conversation.assigned",
            json!({"assigned_to": alice, "previously_assigned_to": null, "actor": "usr_alice"}),
        ),
        (
            "note.added",
            json!({"note_id": note.id, "actor": "usr_alice"}),
        ),
        (
            "conversation.resolved",
            json!({"status": "resolved", "previous_status": "open"}),
        ),
        (
            "conversation.unassigned",
            json!({"assigned_to": null, "previously_assigned_to": alice}),
        ),
        ("message.sent", json!({"message_id": sent})),
        (
            "conversation.reopened",
            json!({"status": "open", "previous_status": "resolved"}),
        ),
        ("message.failed", json!({"message_id": sent})),
        ("message.delivered", json!({"message_id": sent})),
        ("message.read", json!({"message_id": sent})),
        ("conversation.deleted", json!({})),
    ];
    let events = all(&store);
    for (event, (name, more)) in events.iter().zip(&expected) {
        let mut whole = json!({
            "sequence": event.seq,
            "type": name,
            "created_at": "2026-04-15T08:30:00Z",
            "conversation_id": id,
        });
        let fields = whole.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        assert_eq!(serde_json::to_value(event).unwrap(), whole);
        let again: Event = serde_json::from_value(whole).unwrap();
        assert_eq!(again, *event);
    }
    assert_eq!(events.len(), expected.len());

    let assigned = serde_json::to_string(&events[2]).unwrap();
    let begins = format!(
        "{{\"sequence\":3,\"type\":\"conversation.assigned\",\
         \"created_at\":\"2026-04-15T08:30:00Z\",\"conversation_id\":\"{id}\",\"assigned_to\":"
    );
    assert!(assigned.starts_with(&begins), "{assigned}");
    assert!(assigned.ends_with("\"actor\":\"usr_alice\"}"), "{assigned}");
    assert!(serde_json::from_str::<Value>(&assigned).is_ok());
}
