//! Messages that are sent and received, and their receipts.

use convodb::ContactId;
use convodb::commands::EraseContact;
use serde_json::{Value, json};

use crate::server::{Home, Server, text_from};

fn started() -> (Home, Server) {
    let home = Home::new();
    let server = home.start();
    (home, server)
}

const RECEIVE: &str = "/v1/messages/receive";
const SEND: &str = "/v1/messages/send";
const STATUS: &str = "/v1/messages/status";

#[test]
fn a_message_of_each_type_is_answered_with_its_fields_in_their_order() {
    let (_home, server) = started();
    for (fields, shown) in [
        (
            r#""type":"text","content":"Hello""#,
            r#""type":"text","content":"Hello","status":"S","created_at":"T""#,
        ),
        (
            r#""type":"template","template_name":"sale","template_params":["Ada"],"content":"Hi Ada""#,
            r#""type":"template","content":"Hi Ada","status":"S","created_at":"T","template_name":"sale","template_params":["Ada"]"#,
        ),
        (
            r#""type":"image","media_url":"https://example.com/1.png","caption":"One""#,
            r#""type":"image","status":"S","created_at":"T","media_url":"https://example.com/1.png","caption":"One""#,
        ),
        (
            r#""type":"document","media_url":"https://example.com/1.pdf""#,
            r#""type":"document","status":"S","created_at":"T","media_url":"https://example.com/1.pdf""#,
        ),
    ] {
        for (path, direction, status) in [
            (RECEIVE, "inbound", "delivered"),
            (SEND, "outbound", "sent"),
        ] {
            let sent_at = "2026-04-16T09:10:00Z";
            let body = format!(
                r#"{{"contact_id":"con_1","channel":"instagram",{fields},"sent_at":"{sent_at}"}}"#
            );
            let answer = server.post(path, &body);
            let message = answer.expect(201);
            let shown = shown.replace("\"S\"", &format!("{status:?}"));
            let shown = shown.replace("\"T\"", &format!("{sent_at:?}"));
            let expected = format!(
                r#"{{"id":{},"conversation_id":{},"direction":"{direction}",{shown}}}"#,
                message["id"], message["conversation_id"]
            );
            assert_eq!(answer.body, expected);
        }
    }
    assert_eq!(server.get("/v1/conversations").expect(200)["total"], 1);
}

#[test]
fn a_retried_webhook_answers_the_stored_message_with_200() {
    let (_home, server) = started();
    for path in [RECEIVE, SEND] {
        let body = |content: &str| {
            format!(
                r#"{{"contact_id":"con_1","channel":"whatsapp","type":"text","content":"{content}","provider_id":"of {path}"}}"#
            )
        };
        let first = server.post(path, &body("Hello"));
        first.expect(201);
        let again = server.post(path, &body("Hello, a second time"));
        again.expect(200);
        assert_eq!(again.body, first.body);
    }
}

#[test]
fn a_message_that_was_erased_is_410() {
    let home = Home::new();
    let body = r#"{"contact_id":"con_1","channel":"whatsapp","type":"text","content":"Hi","provider_id":"wamid.1"}"#;
    let server = home.start();
    server.post(RECEIVE, body).expect(201);
    server.stop();
    home.execute([EraseContact {
        contact: ContactId::new("con_1").unwrap(),
    }]);

    let server = home.start();
    for path in [RECEIVE, SEND] {
        server.post(path, body).refused(410, "erased", "wamid.1");
    }
    let receipt = r#"{"channel":"whatsapp","provider_id":"wamid.1","status":"read"}"#;
    server
        .post(STATUS, receipt)
        .refused(410, "erased", "wamid.1");
}

#[test]
fn a_message_reopens_unless_it_says_otherwise() {
    let (_home, server) = started();
    let id = server.conversation("con_1");
    let path = format!("/v1/conversations/{id}");
    let status_after = |post: &dyn Fn()| {
        let resolve = format!("{path}/resolve");
        server.curl(&resolve, &["--request", "POST"]).expect(200);
        post();
        server.get(&path).expect(200)["status"].clone()
    };
    let text = |reopen: &str| text_from("con_1", "Hi").replace('}', &format!("{reopen}}}"));
    let sent = |reopen: &str| server.post(SEND, &text(reopen)).expect(201);
    let counts = || {
        let thread = server.get(&path).expect(200);
        (thread["inbound_count"].clone(), thread["revision"].clone())
    };
    assert_eq!(counts(), (json!(1), Value::Null));
    assert_eq!(status_after(&|| drop(sent(""))), "open");
    // Resolved and reopened.
    assert_eq!(counts(), (json!(1), json!(2)));
    assert_eq!(status_after(&|| drop(sent(r#","reopen":true"#))), "open");
    assert_eq!(
        status_after(&|| drop(sent(r#","reopen":false"#))),
        "resolved"
    );
    let received = || server.post(RECEIVE, &text("")).expect(201);
    assert_eq!(status_after(&|| drop(received())), "open");
    assert_eq!(counts(), (json!(2), json!(6)));
}

#[test]
fn receipts_come_by_either_pair_of_ids_late_and_before_their_message() {
    let (_home, server) = started();
    let early = r#"{"channel":"whatsapp","provider_id":"wamid.1","status":"delivered","at":"2026-04-16T09:11:00Z"}"#;
    assert_eq!(
        server.post(STATUS, early).expect(202),
        json!({"unmatched": true})
    );
    let body = r#"{"contact_id":"con_1","channel":"whatsapp","type":"text","content":"Hi","provider_id":"wamid.1"}"#;
    let sent = server.post(SEND, body).expect(201);
    assert_eq!(
        (&sent["status"], &sent["delivered_at"]),
        (&"delivered".into(), &"2026-04-16T09:11:00Z".into())
    );

    let ids = format!(
        r#""conversation_id":{},"message_id":{}"#,
        sent["conversation_id"], sent["id"]
    );
    let receipt = |fields: &str| {
        server
            .post(STATUS, &format!("{{{ids},{fields}}}"))
            .expect(200)
    };
    assert_eq!(receipt(r#""status":"read""#)["status"], "read");
    let failed = receipt(
        r#""status":"failed","at":"2026-04-16T09:10:00Z","error":{"code":"131026","message":"undeliverable"}"#,
    );
    assert_eq!(failed["status"], "read");
    assert_eq!(
        failed["error"],
        json!({"code": "131026", "message": "undeliverable"})
    );
    let again = server.post(STATUS, early).expect(200);
    assert_eq!(again["delivered_at"], sent["delivered_at"]);

    let unknown = ids.replace(
        sent["id"].as_str().unwrap(),
        "msg_01HMN000000000000000000000",
    );
    let answer = server.post(STATUS, &format!(r#"{{{unknown},"status":"read"}}"#));
    answer.refused(404, "not_found", "msg_01HMN000000000000000000000");
}

#[test]
fn a_thread_shows_its_messages_oldest_first_by_their_own_times() {
    let (_home, server) = started();
    for minute in [30, 10, 20] {
        let sent_at = format!(r#","sent_at":"2026-04-16T09:{minute}:00Z"}}"#);
        let body = text_from("con_1", &minute.to_string()).replace('}', &sent_at);
        server.post(RECEIVE, &body).expect(201);
    }
    let id = server.get("/v1/conversations").expect(200)["data"][0]["id"].clone();
    let thread = server
        .get(&format!("/v1/conversations/{}", id.as_str().unwrap()))
        .expect(200);
    let messages = thread["messages"].as_array().unwrap();
    let contents: Vec<&Value> = messages.iter().map(|message| &message["content"]).collect();
    assert_eq!(contents, ["10", "20", "30"]);
    assert_eq!(thread["created_at"], "2026-04-16T09:10:00Z");
    assert_eq!(
        (&thread["unread_count"], &thread["inbound_count"]),
        (&3.into(), &3.into())
    );
    assert_eq!(thread.get("revision"), None);
}
