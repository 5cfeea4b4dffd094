//! Requests that are sent again under their own name.

use crate::server::{Answer, Home, JSON, Server, text_from};

fn post(server: &Server, key: &str, path: &str, body: &str) -> Answer {
    let header = format!("Idempotency-Key: {key}");
    server.curl(
        path,
        &["--header", &header, "--header", JSON, "--data", body],
    )
}

#[test]
fn every_post_again_under_its_key_does_nothing_more() {
    let home = Home::new();
    let server = home.start();
    server
        .put("/v1/users/usr_1", r#"{"name":"Alice"}"#)
        .expect(201);
    let id = server.conversation("con_1");
    let of = |what: &str| format!("/v1/conversations/{id}/{what}");
    let receipt = r#"{"channel":"whatsapp","provider_id":"wamid.1","status":"read"}"#;
    for (number, (path, body, first, again)) in [
        (
            "/v1/messages/receive",
            text_from("con_1", "Hello"),
            201,
            200,
        ),
        ("/v1/messages/send", text_from("con_1", "Hi"), 201, 200),
        ("/v1/messages/status", receipt.to_owned(), 202, 202),
        (&of("notes"), r#"{"content":"A"}"#.to_owned(), 201, 200),
        (&of("assign"), r#"{"user_id":"usr_1"}"#.to_owned(), 200, 200),
        (&of("resolve"), String::new(), 200, 200),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("key-{number}");
        let done = post(&server, &key, path, &body);
        done.expect(first);
        let events = server.get("/v1/events").body;
        let repeated = post(&server, &key, path, &body);
        repeated.expect(again);
        assert_eq!(repeated.body, done.body);
        assert_eq!(server.get("/v1/events").body, events, "{path}");
    }
}

#[test]
fn a_key_with_another_request_and_a_bad_one_are_422() {
    let home = Home::new();
    let server = home.start();
    let receive = "/v1/messages/receive";
    post(&server, "k", receive, &text_from("con_1", "Hello")).expect(201);
    for (path, body) in [
        (receive, text_from("con_1", "Bye")),
        (receive, text_from("con_2", "Hello")),
        ("/v1/messages/send", text_from("con_1", "Hello")),
    ] {
        let answer = post(&server, "k", path, &body);
        answer.refused(422, "idempotency_key_reused", "idempotency key");
    }
    let body = text_from("con_1", "Hello");
    for bad in [
        "k".repeat(256),
        "schlüssel".to_owned(),
        "tab\there".to_owned(),
    ] {
        post(&server, &bad, receive, &body).refused(422, "validation_error", "Idempotency-Key");
    }
    post(&server, &"k".repeat(255), receive, &body).expect(201);
    // curl's way to send a header without a value.
    let empty = [
        "--header",
        "Idempotency-Key;",
        "--header",
        JSON,
        "--data",
        &body,
    ];
    let answer = server.curl(receive, &empty);
    answer.refused(422, "validation_error", "Idempotency-Key");
    let twice = [
        "--header",
        "Idempotency-Key: b",
        "--header",
        "Idempotency-Key: c",
    ];
    let answer = server.curl(
        receive,
        &[&twice[..], &["--header", JSON, "--data", &body]].concat(),
    );
    answer.refused(422, "validation_error", "Idempotency-Key");
}

#[test]
fn a_request_that_was_refused_leaves_its_key_free() {
    let home = Home::new();
    let server = home.start();
    let id = server.conversation("con_1");
    let assign = format!("/v1/conversations/{id}/assign");
    let body = r#"{"user_id":"usr_1"}"#;
    post(&server, "k", &assign, body).refused(422, "validation_error", "usr_1");
    server
        .put("/v1/users/usr_1", r#"{"name":"Alice"}"#)
        .expect(201);
    post(&server, "k", &assign, body).expect(200);
}
