//! Sessions, as a browser has them.

use serde_json::json;

use crate::server::{Answer, Home, JSON, Server, text_from};

pub(crate) const SESSION: &str = "/v1/session";
pub(crate) const CSRF: &str = "X-Convodb-Csrf: 1";

/// Signs in, and returns the header with the cookie.
pub(crate) fn sign_in(server: &Server, body: &str) -> String {
    let answer = server.post(SESSION, body);
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let cookie = answer.header("set-cookie").unwrap();
    let (cookie, attributes) = cookie.split_once("; ").unwrap();
    assert_eq!(
        attributes,
        "HttpOnly; SameSite=Strict; Path=/; Max-Age=43200"
    );
    assert_eq!(cookie.strip_prefix("convodb_session=").unwrap().len(), 64);
    format!("Cookie: theme=dark; {cookie}")
}

fn with(server: &Server, path: &str, headers: &[&str], more: &[&str]) -> Answer {
    let mut all: Vec<_> = headers.iter().flat_map(|it| ["--header", it]).collect();
    all.extend(more);
    server.curl_as_it_is(path, &all)
}

fn alice(server: &Server) {
    server
        .put("/v1/users/usr_alice", r#"{"name": "Alice"}"#)
        .expect(201);
}

#[test]
fn a_session_stands_for_its_key_until_it_is_ended() {
    let home = Home::new();
    let server = home.start();
    let scopes = json!(["read", "write", "admin", "webhooks", "metrics"]);
    let by_key = server.get(SESSION).expect(200);
    let expected = json!({"key": "api-key-1", "scopes": scopes, "actor": null});
    assert_eq!(by_key, expected);

    let cookie = &sign_in(&server, "");
    let answer = with(&server, SESSION, &[cookie], &[]);
    assert_eq!(answer.expect(200), expected);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    with(&server, "/v1/conversations", &[cookie], &[]).expect(200);
    let beside = &format!("{cookie}; name=Jos\u{e9}");
    with(&server, "/v1/conversations", &[beside], &[]).expect(200);
    // A session opens no other one.
    with(&server, SESSION, &[cookie, CSRF], &["--request", "POST"]).refused(
        401,
        "unauthorized",
        "key",
    );

    let delete = ["--request", "DELETE"];
    with(&server, SESSION, &[cookie], &delete).refused(403, "forbidden", "X-Convodb-Csrf");
    let ended = with(&server, SESSION, &[cookie, CSRF], &delete);
    assert_eq!(ended.status, 204);
    let cleared = ended.header("set-cookie").unwrap();
    assert!(
        cleared.starts_with("convodb_session=;") && cleared.contains("Max-Age=0"),
        "{cleared}"
    );
    with(&server, "/v1/conversations", &[cookie], &[]).refused(401, "unauthorized", "key");
}

#[test]
fn a_session_for_a_user_acts_as_this_user_alone() {
    let home = Home::new();
    let server = home.start();
    alice(&server);
    for (body, names) in [
        (r#"{"actor": "usr_bob"}"#, "usr_bob"),
        (r#"{"actor": "bob"}"#, "actor"),
        (r#"{"user": "usr_alice"}"#, "user"),
    ] {
        server
            .post(SESSION, body)
            .refused(422, "validation_error", names);
    }
    let cookie = &sign_in(&server, r#"{"actor": "usr_alice"}"#);
    let session = with(&server, SESSION, &[cookie], &[]).expect(200);
    assert_eq!(session["actor"], "usr_alice");
    let id = server.conversation("con_1");
    let note = |actor: Option<&str>| {
        let actor = actor.map(|actor| format!("X-Convodb-Actor: {actor}"));
        let mut headers = vec![cookie.as_str(), CSRF, JSON];
        headers.extend(actor.as_deref());
        let path = format!("/v1/conversations/{id}/notes");
        with(
            &server,
            &path,
            &headers,
            &["--data", r#"{"content": "VIP"}"#],
        )
    };
    assert_eq!(note(None).expect(201)["author"], "usr_alice");
    assert_eq!(note(Some("usr_alice")).expect(201)["author"], "usr_alice");
    note(Some("usr_bob")).refused(403, "forbidden", "X-Convodb-Actor");
}

#[test]
fn a_request_by_cookie_that_changes_something_needs_its_own_origin() {
    let home = Home::new();
    let server = home.start();
    let cookie = &sign_in(&server, "{}");
    let body = text_from("con_1", "Hello");
    let receive = |more: &[&str]| {
        let mut headers = vec![cookie.as_str(), JSON];
        headers.extend(more);
        with(
            &server,
            "/v1/messages/receive",
            &headers,
            &["--data", &body],
        )
    };
    receive(&[]).refused(403, "forbidden", "X-Convodb-Csrf");
    let origin = format!("Origin: {}", server.url);
    for refused in [
        "Origin: http://localhost:1",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        receive(&[CSRF, refused]).refused(403, "forbidden", "origin");
    }
    receive(&[CSRF, &origin, "Sec-Fetch-Site: same-origin"]).expect(201);
    receive(&[CSRF]).expect(201);
    // By key, none of this is asked.
    let by_key = [
        "--header",
        JSON,
        "--header",
        "Origin: http://localhost:1",
        "--data",
        &body,
    ];
    server.curl("/v1/messages/receive", &by_key).expect(201);
}

#[test]
fn a_cookie_is_secure_behind_https_or_by_option() {
    let home = Home::new();
    let server = home.start();
    let cookie = |server: &Server, headers: &[&str]| {
        let mut all = vec!["--request", "POST"];
        all.extend(headers);
        let answer = server.curl(SESSION, &all);
        answer.header("set-cookie").unwrap().to_owned()
    };
    let https = ["--header", "X-Forwarded-Proto: https"];
    assert!(!cookie(&server, &[]).contains("Secure"));
    assert!(cookie(&server, &https).ends_with("; Secure"));
    server.stop();
    let server = home.start_with(&["--secure-cookies"]);
    assert!(cookie(&server, &[]).ends_with("; Secure"));
}

#[test]
fn a_header_with_a_key_counts_and_the_cookie_beside_it_does_not() {
    let home = Home::new();
    let server = home.start();
    let cookie = &sign_in(&server, "");
    with(&server, SESSION, &[cookie, "Authorization: Bearer x"], &[]).refused(
        401,
        "unauthorized",
        "key",
    );
    with(&server, SESSION, &["Cookie: convodb_session=x"], &[]).refused(401, "unauthorized", "key");
    let twice = format!("{cookie}; convodb_session=x");
    with(&server, SESSION, &[&twice], &[]).refused(401, "unauthorized", "key");
}
