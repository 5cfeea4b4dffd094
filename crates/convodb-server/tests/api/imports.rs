//! Imports of lines.

use serde_json::{Value, json};

use super::server::{Answer, Home, Server};

const NDJSON: &str = "Content-Type: application/x-ndjson";
const PATH: &str = "/v1/messages/import";

fn import_with(server: &Server, path: &str, lines: &[Value], more: &[&str]) -> Answer {
    let body: Vec<_> = lines.iter().map(Value::to_string).collect();
    // More than a command line holds.
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), body.join("\n")).unwrap();
    let data = format!("@{}", file.path().display());
    let own = ["--header", NDJSON, "--data-binary", &data];
    server.curl(path, &[&own[..], more].concat())
}

/// The answers, one for each line.
#[track_caller]
fn import(server: &Server, path: &str, lines: &[Value]) -> Vec<Value> {
    answers(&import_with(server, path, lines, &[]))
}

#[track_caller]
fn answers(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines = answer.body.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn message(contact: &str, content: &str) -> Value {
    json!({"message": {"contact_id": contact, "channel": "whatsapp", "direction": "inbound",
        "type": "text", "content": content, "sent_at": "2019-05-01T08:00:00Z"}})
}

#[test]
fn each_line_has_its_answer_and_a_bad_one_stops_none() {
    let home = Home::new();
    let server = home.start();
    let bad = json!({"message": {"contact_id": "con_1", "channel": "fax"}});
    let conversation = json!({"conversation": {"contact_id": "con_1", "channel": "whatsapp",
        "tags": ["vip"], "status": "open", "unread": 1}});
    let lines = [
        conversation.clone(),
        bad,
        message("con_1", "Hello"),
        conversation,
    ];
    let answers = import(&server, PATH, &lines);
    let reason = "channel: unknown variant `fax`, expected one of `whatsapp`, `instagram`, `messenger`, `webchat`";
    assert_eq!(
        answers,
        [
            json!({"line": 1, "result": "created"}),
            json!({"line": 2, "result": "error", "error": {
                "code": "validation_error", "message": reason, "field": "channel"}}),
            json!({"line": 3, "result": "created"}),
            json!({"line": 4, "result": "duplicate"}),
        ]
    );
    let list = server.get("/v1/conversations").expect(200);
    assert_eq!(list["total"], 1);
    let row = &list["data"][0];
    assert_eq!(
        (&row["unread_count"], &row["tags"]),
        (&json!(1), &json!(["vip"]))
    );
    assert_eq!(row["updated_at"], "2019-05-01T08:00:00Z");
    let events = server.get("/v1/events").expect(200);
    let last = &events["data"][1];
    assert_eq!(
        (&last["type"], &last["messages"]),
        (&json!("conversation.imported"), &json!(1))
    );
}

#[test]
fn an_atomic_import_is_all_or_nothing() {
    let home = Home::new();
    let server = home.start();
    let path = format!("{PATH}?atomic=true");
    let answers = import(
        &server,
        &path,
        &[message("con_1", "Hello"), json!({"message": {}})],
    );
    let codes: Vec<_> = answers
        .iter()
        .map(|it| it["error"]["code"].clone())
        .collect();
    assert_eq!(codes, ["aborted", "validation_error"]);
    assert_eq!(
        server.get("/v1/conversations?status=all").expect(200)["total"],
        0
    );
    let many = vec![message("con_1", "Hello"); 10_001];
    import_with(&server, &path, &many, &[]).refused(422, "validation_error", "lines");
}

#[test]
fn a_request_that_is_repeated_with_its_key_imports_nothing_twice() {
    let home = Home::new();
    let server = home.start();
    server
        .put("/v1/users/usr_1", r#"{"name":"Alice"}"#)
        .expect(201);
    let key = [
        "--header",
        "Idempotency-Key: history-1",
        "--header",
        "X-Convodb-Actor: usr_1",
    ];
    let lines = [message("con_1", "Hello"), message("con_1", "Anybody?")];
    assert_eq!(answers(&import_with(&server, PATH, &lines, &key)).len(), 2);
    assert_eq!(answers(&import_with(&server, PATH, &lines, &key)).len(), 0);
    // The key belongs to this body, and to these parameters.
    let other = import_with(&server, PATH, &lines[..1], &key);
    other.refused(422, "idempotency_key_reused", "idempotency key");
    let atomic = format!("{PATH}?atomic=true");
    let other = import_with(&server, &atomic, &lines, &key);
    other.refused(422, "idempotency_key_reused", "idempotency key");
    let list = server.get("/v1/conversations?status=all").expect(200);
    assert_eq!(list["data"][0]["inbound_count"], 2);
}

#[test]
fn an_import_that_is_refused_leaves_its_key_free() {
    let home = Home::new();
    let server = home.start();
    let key = ["--header", "Idempotency-Key: history-1"];
    let atomic = format!("{PATH}?atomic=true");
    let many = vec![message("con_1", "Hello"); 10_001];
    import_with(&server, &atomic, &many, &key).refused(422, "validation_error", "lines");
    let bad = [message("con_1", "Hello"), json!({"message": {}})];
    assert_eq!(answers(&import_with(&server, &atomic, &bad, &key)).len(), 2);
    let lines = [message("con_1", "Hello")];
    assert_eq!(answers(&import_with(&server, PATH, &lines, &key)).len(), 1);
}

#[test]
fn what_is_no_import_is_refused() {
    let home = Home::new();
    let server = home.start();
    let json = [
        "--header",
        "Content-Type: application/json",
        "--data-binary",
        "{}",
    ];
    server
        .curl(PATH, &json)
        .refused(415, "unsupported_media_type", "application/x-ndjson");
    let lines = [message("con_1", "Hello")];
    for (query, names) in [("atomic=yes", "atomic"), ("limit=1", "limit")] {
        let path = format!("{PATH}?{query}");
        import_with(&server, &path, &lines, &[]).refused(422, "validation_error", names);
    }
    let tag = ["--header", "If-Match: \"1\""];
    import_with(&server, PATH, &lines, &tag).refused(422, "validation_error", "If-Match");
    let path = server.get("/v1/conversations?status=all").expect(200);
    assert_eq!(path["total"], 0);
}
