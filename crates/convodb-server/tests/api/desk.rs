//! What a team does with a conversation: it is claimed, given back, reopened, deleted and erased, by a user
//! who acts and at the revision that was seen.

use serde_json::{Value, json};

use super::server::{Home, JSON, Server};

fn conversation(server: &Server, contact: &str) -> String {
    let id = server.conversation(contact);
    format!("/v1/conversations/{id}")
}

/// A request of a user who acts, perhaps on a revision.
fn by(
    server: &Server,
    user: &str,
    revision: Option<&str>,
    path: &str,
    body: &str,
) -> super::server::Answer {
    let actor = format!("X-Convodb-Actor: {user}");
    let tag = revision.map(|revision| format!("If-Match: \"{revision}\""));
    let mut arguments = vec!["--header", &actor, "--header", JSON, "--data-binary", body];
    if let Some(tag) = &tag {
        arguments.extend(["--header", tag]);
    }
    server.curl(path, &arguments)
}

fn error(answer: &Value) -> &Value {
    &answer["error"]
}

#[test]
fn one_of_two_claims_succeeds_and_a_conversation_is_given_back() {
    let home = Home::new();
    let server = home.start();
    for (id, name) in [("usr_alice", "Alice"), ("usr_bob", "Bob")] {
        let name = json!({"name": name}).to_string();
        server.put(&format!("/v1/users/{id}"), &name).expect(201);
    }
    let path = conversation(&server, "con_1");
    let claim = format!("{path}/claim");
    server
        .post(&claim, "{}")
        .refused(422, "validation_error", "user_id");
    let alone = [
        "--request",
        "POST",
        "--header",
        "X-Convodb-Actor: usr_alice",
    ];
    let claimed = server.curl(&claim, &alone).expect(200);
    assert_eq!(claimed["assigned_to"]["id"], "usr_alice");
    let bob = json!({"user_id": "usr_bob"}).to_string();
    let lost = server.post(&claim, &bob).expect(412);
    assert_eq!(error(&lost)["code"], "precondition_failed");
    assert_eq!(error(&lost)["assigned_to"]["id"], "usr_alice");

    let unassign = format!("{path}/unassign");
    let stale = by(&server, "usr_bob", Some("0"), &unassign, "{}").expect(412);
    assert_eq!(error(&stale)["revision"], 1);
    let given_back = by(&server, "usr_bob", Some("1"), &unassign, "{}").expect(200);
    assert_eq!(given_back["assigned_to"], Value::Null);
    server.post(&format!("{path}/resolve"), "").expect(200);
    let reopened = server.post(&format!("{path}/reopen"), "").expect(200);
    assert_eq!(reopened["status"], "open");

    let log = server.get(&format!("{path}/audit_log")).expect(200);
    let log = log["data"].as_array().unwrap();
    let types: Vec<_> = log
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    let expected = ["created", "assigned", "unassigned", "resolved", "reopened"];
    assert_eq!(types, expected.map(|name| format!("conversation.{name}")));
    assert_eq!(
        (&log[1]["actor"], &log[2]["actor"]),
        (&json!("usr_alice"), &json!("usr_bob"))
    );

    let sent =
        json!({"contact_id": "con_1", "channel": "whatsapp", "type": "text", "content": "Hi"});
    let sent = by(
        &server,
        "usr_alice",
        None,
        "/v1/messages/send",
        &sent.to_string(),
    )
    .expect(201);
    assert_eq!(sent["author"]["id"], "usr_alice");
}

#[test]
fn headers_that_are_not_valid_are_refused_by_their_names() {
    let home = Home::new();
    let server = home.start();
    let path = format!("{}/resolve", conversation(&server, "con_1"));
    for (header, name) in [
        ("X-Convodb-Actor: two words", "X-Convodb-Actor"),
        ("X-Convodb-Actor: team_billing", "X-Convodb-Actor"),
        ("X-Convodb-Actor: usr_zed", "X-Convodb-Actor"),
        ("If-Match: \"1", "If-Match"),
        ("If-Match: *", "If-Match"),
        ("If-Match: \"one\"", "If-Match"),
        ("If-Match: \"99999999999999999999\"", "If-Match"),
        ("If-Match: W/\"1\"", "If-Match"),
    ] {
        let answer = server.curl(&path, &["--request", "POST", "--header", header]);
        answer.refused(422, "validation_error", name);
    }
    let twice = [
        "--request",
        "POST",
        "--header",
        "If-Match: \"0\"",
        "--header",
        "If-Match: \"0\"",
    ];
    server
        .curl(&path, &twice)
        .refused(422, "validation_error", "If-Match");
}

#[test]
fn an_actor_that_the_directory_does_not_have_changes_nothing() {
    let home = Home::new();
    let server = home.start();
    let path = conversation(&server, "con_1");
    let events = server.get("/v1/events").body;
    let text = r#"{"contact_id":"con_1","channel":"whatsapp","type":"text","content":"Hi"}"#;
    for (path, body) in [
        ("/v1/messages/send", text),
        ("/v1/messages/receive", text),
        ("/v1/contacts/con_2/erase", ""),
        (&format!("{path}/notes"), r#"{"content":"A"}"#),
        (&format!("{path}/claim"), ""),
        (&format!("{path}/resolve"), ""),
    ] {
        let answer = by(&server, "usr_zed", None, path, body);
        answer.refused(422, "validation_error", "X-Convodb-Actor: `usr_zed`");
    }
    assert_eq!(server.get("/v1/events").body, events);
}

#[test]
fn a_conversation_is_deleted_and_a_contact_erased() {
    let home = Home::new();
    let server = home.start();
    let first = conversation(&server, "con_1");
    let stale = server.curl(
        &first,
        &["--request", "DELETE", "--header", "If-Match: \"7\""],
    );
    stale.expect(412);
    assert_eq!(server.delete(&first).status, 204);
    server.get(&first).refused(404, "not_found", "conversation");
    server
        .delete(&first)
        .refused(404, "not_found", "conversation");

    let second = conversation(&server, "con_2");
    for _ in 0..2 {
        assert_eq!(server.post("/v1/contacts/con_2/erase", "").status, 204);
        server
            .get(&second)
            .refused(404, "not_found", "conversation");
    }
    server
        .post("/v1/contacts/stranger/erase", "")
        .refused(404, "not_found", "stranger");
}

#[test]
fn messages_are_marked_as_read_and_unread() {
    let home = Home::new();
    let server = home.start();
    let path = conversation(&server, "con_1");
    let second = server.conversation("con_1");
    assert!(path.ends_with(&second));
    let thread = server.get(&path).expect(200);
    let first = thread["messages"][0]["id"].as_str().unwrap().to_owned();
    let mark = |what: &str, body: Value| {
        let marked = server.post(&format!("{path}/{what}"), &body.to_string());
        marked.expect(200)["unread_count"].as_u64().unwrap_or(0)
    };
    assert_eq!(mark("read", json!({"up_to": first})), 1);
    assert_eq!(mark("read", json!({})), 0);
    assert_eq!(mark("unread", json!({})), 1);
    assert_eq!(mark("unread", json!({"from": first})), 2);
    assert_eq!(mark("read", json!({"up_to": null})), 0);
    let unknown = json!({"from": "msg_01HMN000000000000000000000"}).to_string();
    server
        .post(&format!("{path}/unread"), &unknown)
        .refused(404, "not_found", "message");
    let bad = json!({"up_to": 7}).to_string();
    server
        .post(&format!("{path}/read"), &bad)
        .refused(422, "validation_error", "up_to");
}
