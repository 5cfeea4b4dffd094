//! Events, as a client polls them.

use convodb::Retention;
use convodb::commands::PurgeEvents;
use serde_json::{Value, json};

use crate::server::Home;

#[test]
fn events_after_a_number_are_read_in_order() {
    let home = Home::new();
    let server = home.start();
    assert_eq!(server.get("/v1/events").body, r#"{"data":[]}"#);
    let id = server.conversation("con_1");
    let resolve = format!("/v1/conversations/{id}/resolve");
    server.curl(&resolve, &["--request", "POST"]).expect(200);

    let types = |path: &str| -> Vec<(u64, String)> {
        let page = server.get(path).expect(200);
        let events = page["data"].as_array().unwrap();
        let listed = |event: &Value| {
            let kind = event["type"].as_str().unwrap();
            (event["sequence"].as_u64().unwrap(), kind.to_owned())
        };
        events.iter().map(listed).collect()
    };
    let all = [
        (1, "conversation.created".to_owned()),
        (2, "message.received".to_owned()),
        (3, "conversation.resolved".to_owned()),
    ];
    assert_eq!(types("/v1/events"), all);
    assert_eq!(types("/v1/events?after=0&limit=1000"), all);
    assert_eq!(types("/v1/events?after=1&limit=1"), all[1..2]);
    assert_eq!(types("/v1/events?after=3"), []);
    let first = &server.get("/v1/events?limit=1").body;
    let shape = r#"{"data":[{"sequence":1,"type":"conversation.created","created_at":"#;
    assert!(first.starts_with(shape), "{first}");
}

#[test]
fn a_number_of_another_store_is_409_and_one_whose_events_were_purged_410() {
    let home = Home::new();
    let server = home.start();
    for contact in ["con_1", "con_2"] {
        server.conversation(contact);
    }
    server
        .get("/v1/events?after=5")
        .refused(409, "conflict", "after");
    server.stop();
    home.execute([PurgeEvents {
        retention: Retention::newest(1),
        limit: 100,
    }]);
    let server = home.start();
    server
        .get("/v1/events?after=1")
        .refused(410, "events_purged", "4");
    assert_eq!(
        server.get("/v1/events?after=3").expect(200)["data"][0]["sequence"],
        4
    );
}

/// An event of a type, with the fields that are of this type.
fn event(kind: &str) -> Value {
    let party = json!({"type": "user", "id": "usr_1"});
    let until = "2026-11-20T06:00:00Z";
    let own = match kind {
        "conversation.created" => json!({"status": "open", "assigned_to": null}),
        "conversation.assigned" => json!({"assigned_to": party, "previously_assigned_to": null}),
        "conversation.unassigned" => json!({"assigned_to": null, "previously_assigned_to": party}),
        "conversation.resolved" => json!({"status": "resolved", "previous_status": "open"}),
        "conversation.reopened" => json!({"status": "open", "previous_status": "resolved"}),
        "conversation.receipts" => json!({"status": "read", "until": until}),
        "conversation.updated" => json!({"changed": ["tags"]}),
        "conversation.snoozed" => json!({"until": until}),
        "conversation.unsnoozed" => json!({"reason": "inbound"}),
        "conversation.imported" => json!({"messages": 7}),
        "conversation.merged" => json!({"into": "conv_01HABC00000000000000000000"}),
        "contact.merged" => json!({"into": "con_2"}),
        "contact.conflict" => json!({"with": "con_2"}),
        "note.added" => json!({"note_id": "note_01HPQR00000000000000000000"}),
        kind if kind.starts_with("message.") => {
            json!({"message_id": "msg_01HMN000000000000000000000"})
        }
        _ => json!({}),
    };
    let mut event = json!({"sequence": 1, "type": kind, "created_at": until, "actor": "usr_1"});
    match kind {
        "contact.erased" => {}
        kind if kind.starts_with("contact.") => event["contact_id"] = json!("con_1"),
        _ => event["conversation_id"] = json!("conv_01HABC00000000000000000000"),
    }
    for (name, value) in own.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

#[test]
fn every_field_of_every_type_of_event_is_described() {
    let source = include_str!("../../../convodb-core/src/event.rs");
    let (_, names) = source.split_once("fn as_str").unwrap();
    let (names, _) = names.split_once("\n    }\n").unwrap();
    let kinds: Vec<_> = names.split('"').skip(1).step_by(2).collect();
    assert_eq!(kinds.len(), names.matches("Self::").count());
    let home = Home::new();
    let server = home.start();
    let described = server.get("/v1/openapi.json").expect(200);
    let properties = &described["components"]["schemas"]["Event"]["properties"];
    for kind in kinds {
        let given = event(kind);
        let read: convodb::Event = serde_json::from_value(given.clone()).unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), given);
        for (name, _) in given.as_object().unwrap() {
            assert!(properties[name].is_object(), "{kind}: {name}");
        }
    }
}
