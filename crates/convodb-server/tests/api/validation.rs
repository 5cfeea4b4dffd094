//! Values that are refused, each by the name of its parameter or field.

use crate::server::{Answer, Home};

/// Invalid, by this field.
#[track_caller]
fn invalid(answer: &Answer, field: &str) {
    answer.refused(422, "validation_error", field);
}

#[test]
fn a_query_that_is_not_valid_is_422_by_the_parameters_name() {
    let home = Home::new();
    let server = home.start();
    let id = server.conversation("con_1");
    for (query, parameter) in [
        ("status=closed", "status"),
        ("status=", "status"),
        ("status=open&status=open", "status"),
        ("channel=sms", "channel"),
        ("channel=whatsapp,", "channel"),
        ("assigned_to=none", "assigned_to"),
        ("assigned_to=", "assigned_to"),
        ("page=0", "page"),
        ("page=x", "page"),
        ("page=-1", "page"),
        ("page=99999999999999999999", "page"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=1.5", "limit"),
        ("unread=yes", "unread"),
        ("cursor=1", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=1&cursor=1", "cursor"),
        ("cursor=1.conv_01HABC00000000000000000000&page=0", "page"),
        ("cursor=1.conv_01HABC00000000000000000000&page=x", "page"),
        ("around=conv_01HABC00000000000000000000", "around"),
        ("offset=1", "offset"),
        ("Status=open", "Status"),
    ] {
        invalid(
            &server.get(&format!("/v1/conversations?{query}")),
            parameter,
        );
    }
    let many: Vec<_> = (0..65).map(|number| format!("usr_{number}")).collect();
    let query = format!("/v1/conversations?assigned_to={}", many.join(","));
    invalid(&server.get(&query), "assigned_to");
    for (path, parameter) in [
        ("/v1/events?limit=0".to_owned(), "limit"),
        ("/v1/events?limit=1001".to_owned(), "limit"),
        ("/v1/events?after=-1".to_owned(), "after"),
        ("/v1/events?after=%2B1".to_owned(), "after"),
        ("/v1/events?after=1&after=2".to_owned(), "after"),
        ("/v1/events?before=1".to_owned(), "before"),
        (format!("/v1/conversations/{id}?status=open"), "status"),
        (format!("/v1/conversations/{id}/notes?limit=101"), "limit"),
        (format!("/v1/conversations/{id}/notes?page=0"), "page"),
        (format!("/v1/conversations/{id}/notes?status=all"), "status"),
    ] {
        invalid(&server.get(&path), parameter);
    }
    let resolve = format!("/v1/conversations/{id}/resolve?force=1");
    invalid(&server.curl(&resolve, &["--request", "POST"]), "force");
    invalid(&server.put("/v1/users/usr_1?x=1", r#"{"name":"A"}"#), "x");
}

#[test]
fn a_body_that_is_not_valid_is_422_by_the_fields_name() {
    let home = Home::new();
    let server = home.start();
    let id = server.conversation("con_1");
    let assign = format!("/v1/conversations/{id}/assign");
    let notes = format!("/v1/conversations/{id}/notes");
    let send = "/v1/messages/send";
    let status = "/v1/messages/status";
    let message =
        |fields: &str| format!(r#"{{"contact_id":"con_1","channel":"whatsapp",{fields}}}"#);
    let long = "x".repeat(65_537);
    let too_long = format!(r#"{{"content":"{long}"}}"#);
    for (path, body, field) in [
        (assign.as_str(), "{}", "user_id"),
        (
            &assign,
            r#"{"user_id":"usr_1","team_id":"team_1"}"#,
            "team_id",
        ),
        (&assign, r#"{"user_id":"alice"}"#, "user_id"),
        (&assign, r#"{"user_id":"usr_unknown"}"#, "user_id"),
        (&assign, r#"{"team_id":"team_unknown"}"#, "team_id"),
        (&assign, r#"{"team_id":"unassigned"}"#, "team_id"),
        (&assign, r#"{"user_id":5}"#, "user_id"),
        (&assign, r#"{"user_id":"usr_1","by":"me"}"#, "by"),
        (
            &assign,
            r#"{"user_id":"usr_1","user_id":"usr_1"}"#,
            "user_id",
        ),
        (&notes, "{}", "content"),
        (&notes, r#"{"content":" "}"#, "content"),
        (&notes, r#"{"content":null}"#, "content"),
        (&notes, &too_long, "content"),
        (
            send,
            r#"{"channel":"whatsapp","type":"text","content":"A"}"#,
            "contact_id",
        ),
        (send, &message(r#""type":"text""#), "content"),
        (send, &message(r#""type":"poll""#), "type"),
        (send, &message(r#""type":"video""#), "media_url"),
        (
            send,
            &message(
                r#""type":"image","attachments":[{"kind":"image","media_id":"m"},{"kind":"image","url":"ftp://x"}]"#,
            ),
            "attachments[1].url",
        ),
        (
            send,
            &message(r#""type":"image","attachments":[{"kind":"image","media_id":5}]"#),
            "attachments[0].media_id",
        ),
        (
            send,
            &message(r#""type":"text","content":"A","author":{"type":"user","id":"usr_unknown"}"#),
            "author.id",
        ),
        (
            send,
            &message(r#""type":"image","media_url":"ftp://x/""#),
            "media_url",
        ),
        (
            send,
            &message(r#""type":"text","content":"A","caption":"B""#),
            "caption",
        ),
        (
            send,
            &message(r#""type":"text","content":"A","reopen":"no""#),
            "reopen",
        ),
        (
            send,
            &message(r#""type":"text","content":"A","sent_at":"1969-01-01T00:00:00Z""#),
            "sent_at",
        ),
        (
            send,
            &message(r#""type":"text","content":"A","provider_id":"""#),
            "provider_id",
        ),
        (
            "/v1/messages/receive",
            &message(r#""type":"text","content":"A","author":{"type":"bot"}"#),
            "author",
        ),
        (status, r#"{"status":"read"}"#, "message_id"),
        (
            status,
            r#"{"channel":"whatsapp","status":"read"}"#,
            "provider_id",
        ),
        (
            status,
            r#"{"channel":"whatsapp","provider_id":"a","status":"seen"}"#,
            "status",
        ),
        (
            status,
            r#"{"channel":"whatsapp","provider_id":"a","status":"read","at":"now"}"#,
            "at",
        ),
        (
            status,
            r#"{"channel":"whatsapp","provider_id":"a","status":"read","error":{"code":"1","message":"2"}}"#,
            "error",
        ),
    ] {
        invalid(&server.post(path, body), field);
    }
    for (path, body, field) in [
        ("/v1/users/bob", r#"{"name":"Bob"}"#, "user_id"),
        ("/v1/teams/usr_1", r#"{"name":"A"}"#, "team_id"),
        ("/v1/teams/unassigned", r#"{"name":"A"}"#, "team_id"),
        ("/v1/users/usr_1", "{}", "name"),
        ("/v1/users/usr_1", r#"{"name":""}"#, "name"),
        ("/v1/users/usr_1", r#"{"name":"A","email":"a@b"}"#, "email"),
    ] {
        invalid(&server.put(path, body), field);
    }
    // Nothing of it was stored.
    assert_eq!(
        server.get("/v1/events").expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}
