//! Each status that rejects a request before its values are checked.

use crate::server::{Home, JSON, Server, text_from};

fn started() -> (Home, Server) {
    let home = Home::new();
    let server = home.start();
    (home, server)
}

#[test]
fn the_root_leads_to_the_inbox() {
    let (_home, server) = started();
    let moved = server.curl_as_it_is("/", &[]);
    assert_eq!(
        (moved.status, moved.header("location")),
        (308, Some("inbox"))
    );
    server.stop();
}

#[test]
fn no_key_or_a_wrong_one_is_401_before_anything_else() {
    let (_home, server) = started();
    let id = server.conversation("con_1");
    for path in [
        "/v1/conversations".to_owned(),
        "/v1/conversations?nonsense=1".to_owned(),
        format!("/v1/conversations/{id}"),
        "/v1/conversations/nothing".to_owned(),
        "/v1/nothing".to_owned(),
        "/v1/messages/send".to_owned(),
        "/v1".to_owned(),
    ] {
        for key in [
            "",
            "Authorization: Bearer wrong",
            "Authorization: Basic eA==",
        ] {
            let answer = server.curl_as_it_is(&path, &["--header", key]);
            answer.refused(401, "unauthorized", "API key");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    let wrong = [
        "--header",
        JSON,
        "--data",
        "{",
        "--header",
        "Authorization: Bearer x",
    ];
    let answer = server.curl_as_it_is("/v1/messages/send", &wrong);
    answer.refused(401, "unauthorized", "API key");
}

#[test]
fn health_and_the_description_need_no_key() {
    let (_home, server) = started();
    let healthy = server.curl_as_it_is("/healthz", &[]);
    assert_eq!(healthy.expect(200)["status"], "ok");
    let document = server.curl_as_it_is("/v1/openapi.json", &[]).expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/healthz",
            "/metrics",
            "/v1/admin/backup",
            "/v1/admin/compact",
            "/v1/admin/export",
            "/v1/admin/import",
            "/v1/admin/purge",
            "/v1/admin/stats",
            "/v1/admin/verify",
            "/v1/contacts",
            "/v1/contacts/identify",
            "/v1/contacts/merge",
            "/v1/contacts/{id}",
            "/v1/contacts/{id}/erase",
            "/v1/contacts/{id}/export",
            "/v1/conversations",
            "/v1/conversations/{id}",
            "/v1/conversations/{id}/assign",
            "/v1/conversations/{id}/audit_log",
            "/v1/conversations/{id}/claim",
            "/v1/conversations/{id}/messages",
            "/v1/conversations/{id}/messages/{message_id}/versions",
            "/v1/conversations/{id}/notes",
            "/v1/conversations/{id}/notes/{note_id}",
            "/v1/conversations/{id}/read",
            "/v1/conversations/{id}/reopen",
            "/v1/conversations/{id}/resolve",
            "/v1/conversations/{id}/unassign",
            "/v1/conversations/{id}/unread",
            "/v1/events",
            "/v1/events/stream",
            "/v1/inboxes",
            "/v1/inboxes/{id}",
            "/v1/messages/edit",
            "/v1/messages/import",
            "/v1/messages/react",
            "/v1/messages/receive",
            "/v1/messages/retry",
            "/v1/messages/revoke",
            "/v1/messages/send",
            "/v1/messages/status",
            "/v1/messages/update",
            "/v1/session",
            "/v1/tags",
            "/v1/teams",
            "/v1/teams/{id}",
            "/v1/users",
            "/v1/users/{id}",
            "/v1/views",
            "/v1/views/{id}",
            "/v1/webhooks",
            "/v1/webhooks/{name}",
            "/v1/webhooks/{name}/dead_letters/{sequence}",
            "/v1/webhooks/{name}/dead_letters/{sequence}/replay",
            "/webhooks/meta",
        ]
    );
}

#[test]
fn the_description_has_409_of_events_and_messages_alone_and_the_counts_of_a_conversation() {
    let (_home, server) = started();
    let document = server.curl_as_it_is("/v1/openapi.json", &[]).expect(200);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            // Those about the whole store and its receivers have codes of their own.
            if path.starts_with("/v1/admin/") || path.starts_with("/v1/webhooks") {
                continue;
            }
            let responses = operation["responses"].as_object().unwrap();
            let conflicts = [
                "events", "edit", "identify", "receive", "retry", "send", "status", "stream",
                "update",
            ];
            let may_conflict = conflicts
                .iter()
                .any(|end| path.ends_with(&format!("/{end}")));
            // The list of a view that is being built.
            let may_build = (method.as_str(), path.as_str()) == ("get", "/v1/conversations");
            assert_eq!(
                responses.contains_key("409"),
                may_conflict || may_build,
                "{method} {path}"
            );
            let invalid = responses.get("422").map(|response| response.to_string());
            let names_key = invalid.is_some_and(|invalid| invalid.contains("Idempotency-Key"));
            let is_command = ["post", "patch", "delete", "put"].contains(&method.as_str());
            let takes_key =
                is_command && !["/webhooks/meta", "/v1/session"].contains(&path.as_str());
            assert_eq!(names_key, takes_key, "{method} {path}");
            let parameters = operation["parameters"].to_string();
            assert_eq!(
                parameters.contains("If-Match"),
                responses.contains_key("412"),
                "{method} {path}"
            );
            let is_of_one = path.starts_with("/v1/conversations/{id}")
                || path.starts_with("/v1/messages/") && !path.ends_with("import");
            assert_eq!(
                responses.contains_key("412"),
                is_of_one && is_command,
                "{method} {path}"
            );
        }
    }
    let operations = document["paths"].as_object().unwrap().values();
    let operations = operations.flat_map(|path| path.as_object().unwrap().values());
    let ids: Vec<_> = operations.map(|it| it["operationId"].to_string()).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    let conversation = &document["components"]["schemas"]["Conversation"];
    let required = conversation["required"].as_array().unwrap();
    for count in ["unread_count", "inbound_count", "revision"] {
        assert_eq!(conversation["properties"][count]["minimum"], 1, "{count}");
        assert!(!required.contains(&count.into()), "{count}");
    }
}

#[test]
fn what_is_not_there_is_404() {
    let (_home, server) = started();
    let unknown = "conv_01HABC00000000000000000000";
    for path in [
        "/nothing",
        "/v1/nothing",
        "/v1/conversations/",
        "/v2/conversations",
    ] {
        server
            .get(path)
            .refused(404, "not_found", "nothing at this path");
    }
    for id in [unknown, "conv_01HABC", "nonsense", "con_1"] {
        let of = |rest: &str| format!("/v1/conversations/{id}{rest}");
        server.get(&of("")).refused(404, "not_found", id);
        server.get(&of("/notes")).refused(404, "not_found", id);
        server
            .post(&of("/resolve"), "")
            .refused(404, "not_found", id);
        let note = server.post(&of("/notes"), r#"{"content":"A"}"#);
        note.refused(404, "not_found", id);
        let assigned = server.post(&of("/assign"), r#"{"user_id":"usr_1"}"#);
        assigned.refused(404, "not_found", id);
    }
    server
        .get("/v1/conversations/%FF")
        .refused(404, "not_found", "");
}

#[test]
fn a_method_that_a_resource_does_not_have_is_405_with_those_that_it_has() {
    let (_home, server) = started();
    let id = server.conversation("con_1");
    for (path, method, allowed) in [
        ("/v1/conversations".to_owned(), "POST", "GET,HEAD"),
        (
            format!("/v1/conversations/{id}"),
            "PUT",
            "GET,HEAD,PATCH,DELETE",
        ),
        (format!("/v1/conversations/{id}/assign"), "GET", "POST"),
        (
            format!("/v1/conversations/{id}/notes"),
            "PUT",
            "GET,HEAD,POST",
        ),
        ("/v1/users/usr_1".to_owned(), "OPTIONS", "PUT"),
        ("/healthz".to_owned(), "POST", "GET,HEAD"),
    ] {
        let answer = server.curl(&path, &["--request", method]);
        let named = format!("allowed here: {}", allowed.replace(',', ", "));
        answer.refused(405, "method_not_allowed", &named);
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[test]
fn a_head_is_answered_as_a_get_without_its_body() {
    let (_home, server) = started();
    let got = server.get("/v1/conversations");
    let head = server.curl("/v1/conversations", &["--head"]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), got.header("content-length"));
    assert_eq!(server.curl("/v1/conversations/x", &["--head"]).status, 404);
}

#[test]
fn a_body_that_is_no_json_is_400_and_one_of_another_type_415() {
    let (_home, server) = started();
    let id = server.conversation("con_1");
    for path in [
        "/v1/messages/send".to_owned(),
        "/v1/messages/receive".to_owned(),
        "/v1/messages/status".to_owned(),
        format!("/v1/conversations/{id}/assign"),
        format!("/v1/conversations/{id}/notes"),
    ] {
        for (body, reason) in [
            ("", "the body is empty"),
            ("{", "no JSON"),
            ("{\"content\":\"A\"", "no JSON"),
            ("content=A", "no JSON"),
            ("{'content':'A'}", "no JSON"),
        ] {
            let answer = server.post(&path, body);
            answer.refused(400, "invalid_json", reason);
        }
        for kind in [
            "",
            "Content-Type: text/plain",
            "Content-Type: application/jsonp",
        ] {
            // curl has a type of its own, which no header takes away.
            let kind = if kind.is_empty() {
                "Content-Type:"
            } else {
                kind
            };
            let body = r#"{"content":"A"}"#;
            let answer = server.curl(&path, &["--header", kind, "--data", body]);
            answer.refused(415, "unsupported_media_type", "application/json");
        }
        for body in ["[]", "1", "null", "\"A\""] {
            server
                .post(&path, body)
                .refused(422, "validation_error", "object");
        }
    }
}

#[test]
fn resolving_needs_no_body_and_no_type_but_takes_no_other_either() {
    let (_home, server) = started();
    let path = format!("/v1/conversations/{}/resolve", server.conversation("con_1"));
    for arguments in [
        &["--request", "POST"][..],
        &["--data", ""],
        &["--header", JSON, "--data", ""],
        &["--header", JSON, "--data", "{}"],
        &["--header", "Content-Type:", "--data", "{}"],
    ] {
        assert_eq!(
            server.curl(&path, arguments).expect(200)["status"],
            "resolved"
        );
    }
    server
        .post(&path, r#"{"user_id":"usr_1"}"#)
        .refused(422, "validation_error", "user_id");
    server.post(&path, "{").refused(400, "invalid_json", "JSON");
    let form = server.curl(&path, &["--data", "a=b"]);
    form.refused(415, "unsupported_media_type", "application/json");
}

#[test]
fn a_body_that_is_too_large_is_413_told_or_not() {
    let home = Home::new();
    let server = home.start_with(&["--body-limit", "1000"]);
    let fits = text_from("con_1", &"x".repeat(900));
    assert!(fits.len() <= 1_000);
    server.post("/v1/messages/receive", &fits).expect(201);
    let large = text_from("con_1", &"x".repeat(1_000));
    let answer = server.post("/v1/messages/receive", &large);
    answer.refused(413, "payload_too_large", "too large");
    let chunked = [
        "--header",
        "Transfer-Encoding: chunked",
        "--header",
        JSON,
        "--data",
        &large,
    ];
    let answer = server.curl("/v1/messages/receive", &chunked);
    answer.refused(413, "payload_too_large", "too large");
}

#[test]
fn a_key_that_asks_too_often_is_429_and_the_others_are_not() {
    let home = Home::new();
    let server = home.start_with(&["--api-key", "another", "--rate-limit", "3"]);
    for _ in 0..3 {
        server.get("/v1/conversations").expect(200);
    }
    let answer = server.get("/v1/conversations");
    answer.refused(429, "rate_limited", "key");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&seconds), "{seconds}");
    let other = ["--header", "Authorization: Bearer another"];
    server
        .curl_as_it_is("/v1/conversations", &other)
        .expect(200);
    server.curl_as_it_is("/healthz", &[]).expect(200);
}

#[test]
fn without_a_limit_a_key_may_ask_as_often_as_it_likes() {
    let (_home, server) = started();
    assert_eq!(server.ask_often(200), 200);
}
