//! Messages that change, and long threads.

use serde_json::{Value, json};

use super::server::{Home, Server};

/// The message that a contact sent under a provider's id.
fn receive(server: &Server, id: &str, content: &str) -> Value {
    let body = json!({"contact_id": "con_1", "channel": "whatsapp", "type": "text",
        "content": content, "provider_id": id});
    let answer = server.post("/v1/messages/receive", &body.to_string());
    assert!(
        answer.status == 200 || answer.status == 201,
        "{}",
        answer.status
    );
    serde_json::from_str(&answer.body).unwrap()
}

fn of(id: &str, more: Value) -> String {
    let mut body = json!({"channel": "whatsapp", "provider_id": id});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body.to_string()
}

/// The path of a message's thread.
fn thread(message: &Value) -> String {
    format!(
        "/v1/conversations/{}/messages",
        message["conversation_id"].as_str().unwrap()
    )
}

#[test]
fn a_message_is_reacted_to_edited_and_taken_back() {
    let home = Home::new();
    let server = home.start();
    let first = receive(&server, "w1", "Tommorow");
    let reacted = server
        .post(
            "/v1/messages/react",
            &of("w1", json!({"emoji": ["❤", "👍"]})),
        )
        .expect(200);
    assert_eq!(reacted["reactions"][1]["emoji"], "👍");
    assert_eq!(reacted["reactions"][0]["by"], json!({"type": "contact"}));
    let none = server
        .post("/v1/messages/react", &of("w1", json!({"emoji": null})))
        .expect(200);
    assert!(none.get("reactions").is_none(), "{none}");
    let parked = server
        .post("/v1/messages/react", &of("w9", json!({"emoji": "❤"})))
        .expect(202);
    assert_eq!(parked, json!({"unmatched": true}));

    let edited = server
        .post(
            "/v1/messages/edit",
            &of("w1", json!({"content": "Tomorrow"})),
        )
        .expect(200);
    assert_eq!(
        (&edited["content"], &edited["versions"]),
        (&json!("Tomorrow"), &json!(1))
    );
    let path = format!(
        "{}/{}/versions",
        thread(&first),
        first["id"].as_str().unwrap()
    );
    let versions = server.get(&path).expect(200);
    assert_eq!(
        versions["data"][0]["content"],
        json!({"type": "text", "content": "Tommorow"})
    );
    let late = of(
        "w2",
        json!({"content": "Before it came", "contact_id": "con_1"}),
    );
    server.post("/v1/messages/edit", &late).expect(201);
    let waits = server
        .post("/v1/messages/edit", &of("w3", json!({"content": "x"})))
        .expect(202);
    assert_eq!(waits, json!({"unmatched": true}));

    let revoked = server
        .post("/v1/messages/revoke", &of("w1", json!({})))
        .expect(200);
    assert_eq!(
        (&revoked["content"], &revoked["revoked_by"]["type"]),
        (&json!(""), &json!("contact"))
    );
    server
        .post("/v1/messages/edit", &of("w1", json!({"content": "x"})))
        .refused(409, "revoked", "taken back");
    server
        .post("/v1/messages/revoke", &of("w4", json!({})))
        .expect(202);
    let gone = receive(&server, "w4", "a secret");
    assert_eq!(gone["content"], "");
    let versions = server.get(&path).expect(200);
    assert_eq!(versions["data"], json!([]));
}

#[test]
fn a_pending_message_is_named_by_its_reference_and_tried_again() {
    let home = Home::new();
    let server = home.start();
    let body = json!({"contact_id": "con_1", "channel": "whatsapp", "type": "text", "content": "Hi",
        "client_ref": "r1", "status": "pending"});
    let sent = server
        .post("/v1/messages/send", &body.to_string())
        .expect(201);
    assert_eq!(sent["status"], "pending");
    let by_reference = |more: Value| {
        let mut body = json!({"channel": "whatsapp", "client_ref": "r1"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body.to_string()
    };
    let given = server
        .post(
            "/v1/messages/status",
            &by_reference(json!({"provider_id": "w1"})),
        )
        .expect(200);
    assert_eq!(given["provider_id"], "w1");
    let other = json!({"contact_id": "con_2", "channel": "whatsapp", "type": "text", "content": "Hi",
        "client_ref": "r1"});
    let refused = server.post("/v1/messages/send", &other.to_string());
    refused.refused(409, "client_ref_conflict", "r1");
    assert!(!refused.body.contains("con_1"), "{}", refused.body);
    server
        .post("/v1/messages/status", &of("w1", json!({"status": "sent"})))
        .expect(200);
    server
        .post("/v1/messages/retry", &of("w1", json!({})))
        .refused(409, "not_failed", "did not fail");
    let failed = json!({"status": "failed", "error": {"code": 131026, "message": "undeliverable", "details": "no account"}});
    let failed = server
        .post("/v1/messages/status", &of("w1", failed))
        .expect(200);
    assert_eq!(
        failed["error"],
        json!({"code": "131026", "message": "undeliverable", "details": "no account"})
    );
    let retried = server
        .post("/v1/messages/retry", &by_reference(json!({})))
        .expect(200);
    assert_eq!(
        (&retried["status"], &retried["attempts"]),
        (&json!("pending"), &json!(2))
    );
    assert_eq!(retried["provider_aliases"], json!(["w1"]));
}

#[test]
fn a_watermark_covers_a_conversation() {
    let home = Home::new();
    let server = home.start();
    let body = json!({"contact_id": "con_1", "channel": "messenger", "type": "text", "content": "Hi",
        "provider_id": "m1"});
    let sent = server
        .post("/v1/messages/send", &body.to_string())
        .expect(201);
    let until = json!({"contact_id": "con_1", "channel": "messenger", "status": "read",
        "until": sent["created_at"]});
    let conversation = server
        .post("/v1/messages/status", &until.to_string())
        .expect(200);
    assert_eq!(conversation["read_until"], sent["created_at"]);
    let read = server.get(&thread(&sent)).expect(200);
    assert_eq!(read["data"][0]["status"], "read");
    let up_to =
        json!({"channel": "messenger", "provider_id": "m1", "status": "delivered", "up_to": true});
    server
        .post("/v1/messages/status", &up_to.to_string())
        .expect(200);
    let stranger = json!({"contact_id": "con_9", "channel": "messenger", "status": "read",
        "until": sent["created_at"]});
    server
        .post("/v1/messages/status", &stranger.to_string())
        .expect(202);
    for (body, names) in [
        (
            json!({"contact_id": "con_1", "status": "read", "until": "2026-01-01T00:00:00Z"}),
            "conversation_id",
        ),
        (
            json!({"channel": "messenger", "provider_id": "m1", "status": "sent", "up_to": true}),
            "status",
        ),
        (
            json!({"channel": "messenger", "provider_id": "m1", "status": "read", "emoji": "x"}),
            "emoji",
        ),
        (
            json!({"channel": "messenger", "provider_id": "m1"}),
            "status",
        ),
    ] {
        server
            .post("/v1/messages/status", &body.to_string())
            .refused(422, "validation_error", names);
    }
}

#[test]
fn a_thread_is_read_in_parts_from_either_end() {
    let home = Home::new();
    let server = home.start();
    let all: Vec<_> = (0..25)
        .map(|n| receive(&server, &format!("w{n}"), &n.to_string()))
        .collect();
    let texts = |query: &str| {
        let page = server
            .get(&format!("{}{query}", thread(&all[0])))
            .expect(200);
        let texts = page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["content"].as_str().unwrap().to_owned());
        (
            texts.collect::<Vec<_>>().join(" "),
            page["has_more"].as_bool().unwrap(),
        )
    };
    let id = |n: usize| all[n]["id"].as_str().unwrap();
    assert_eq!(texts("?limit=3"), ("22 23 24".into(), true));
    assert_eq!(
        texts(&format!("?limit=3&before={}", id(22))),
        ("19 20 21".into(), true)
    );
    assert_eq!(
        texts(&format!("?limit=3&before={}", id(2))),
        ("0 1".into(), false)
    );
    assert_eq!(
        texts(&format!("?limit=3&after={}", id(2))),
        ("3 4 5".into(), true)
    );
    assert_eq!(
        texts(&format!("?limit=3&after={}", id(22))),
        ("23 24".into(), false)
    );
    assert_eq!(texts("").0.split(' ').count(), 20);
    let path = thread(&all[0]);
    for (query, names) in [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?before=x", "before"),
        ("?page=1", "page"),
    ] {
        server
            .get(&format!("{path}{query}"))
            .refused(422, "validation_error", names);
    }
    let between = format!("?limit=3&after={}&before={}", id(2), id(5));
    assert_eq!(texts(&between), ("3 4".into(), false));
    let unknown = "msg_00000000000000000000000001";
    server
        .get(&format!("{path}?before={unknown}"))
        .refused(404, "not_found", unknown);
    server
        .get("/v1/conversations/conv_00000000000000000000000001/messages")
        .refused(404, "not_found", "conv_");
}

#[test]
fn a_long_thread_is_sent_whole() {
    let home = Home::new();
    let server = home.start();
    let long = "x".repeat(60_000);
    let all: Vec<_> = (0..30)
        .map(|n| receive(&server, &format!("w{n}"), &format!("{n} {long}")))
        .collect();
    let id = all[0]["conversation_id"].as_str().unwrap();
    let thread = server.get(&format!("/v1/conversations/{id}")).expect(200);
    let messages = thread["messages"].as_array().unwrap();
    assert_eq!(messages, &all);
    assert_eq!(thread["inbound_count"], 30);
    let keys: Vec<_> = thread.as_object().unwrap().keys().collect();
    assert_eq!(keys[..2], ["assigned_to", "channel"]);
}

#[test]
fn a_note_is_removed() {
    let home = Home::new();
    let server = home.start();
    let id = server.conversation("con_1");
    let path = format!("/v1/conversations/{id}/notes");
    let note = server.post(&path, r#"{"content": "VIP"}"#).expect(201);
    let own = format!("{path}/{}", note["id"].as_str().unwrap());
    assert_eq!(server.curl(&own, &["-X", "DELETE"]).status, 204);
    server
        .curl(&own, &["-X", "DELETE"])
        .refused(404, "not_found", "note_");
    assert_eq!(server.get(&path).expect(200)["total"], 0);
}

#[test]
fn a_conversation_is_read_without_its_messages() {
    let home = Home::new();
    let server = home.start();
    let id = server.conversation("con_1");
    let whole = server.get(&format!("/v1/conversations/{id}")).expect(200);
    let path = format!("/v1/conversations/{id}?messages=");
    let mut without = server.get(&format!("{path}false")).expect(200);
    assert_eq!(without["messages"], serde_json::json!([]));
    without["messages"] = whole["messages"].clone();
    assert_eq!(without, whole);
    assert_eq!(server.get(&format!("{path}true")).expect(200), whole);
    for refused in ["", "0", "False"] {
        server
            .get(&format!("{path}{refused}"))
            .refused(422, "validation_error", "messages");
    }
}
