//! Webhooks of Meta, as Meta posts them.

use std::process::Command;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::server::{Answer, Home, JSON, Server, until};
use crate::workspace::is_file;

const SECRET: &str = "the-apps-secret";
const TOKEN: &str = "the-token";
const PATH: &str = "/webhooks/meta";
const TEXT: &[u8] = include_bytes!("../../../convodb-meta/tests/payloads/messenger/text.json");

fn configured(home: &Home) -> Server {
    home.start_with(&["--meta-app-secret", SECRET, "--meta-verify-token", TOKEN])
}

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("X-Hub-Signature-256: sha256={digits}")
}

/// Posts a body with this header, and without a key.
fn post_with(home: &Home, server: &Server, header: &str, body: &[u8]) -> Answer {
    let path = home.dir().join("body");
    std::fs::write(&path, body).unwrap();
    let data = format!("@{}", path.display());
    let arguments = ["--header", JSON, "--header", header, "--data-binary", &data];
    server.curl_as_it_is(PATH, &arguments)
}

fn post(home: &Home, server: &Server, body: &[u8]) -> Answer {
    post_with(home, server, &signature(SECRET, body), body)
}

fn total(server: &Server) -> u64 {
    let list = server.get("/v1/conversations?status=all").expect(200);
    list["total"].as_u64().unwrap()
}

/// The messages of the one conversation that there is.
fn thread(server: &Server) -> Vec<Value> {
    let list = server.get("/v1/conversations?status=all").expect(200);
    assert_eq!(list["total"], 1, "{list}");
    let id = list["data"][0]["id"].as_str().unwrap();
    let conversation = server.get(&format!("/v1/conversations/{id}")).expect(200);
    conversation["messages"].as_array().unwrap().clone()
}

/// A body with these messages of a contact.
fn body(messages: &[Value]) -> Vec<u8> {
    let metadata = json!({"phone_number_id": "1", "display_phone_number": "100"});
    let value = json!({"metadata": metadata, "messages": messages});
    let entry = json!({"id": "9", "changes": [{"field": "messages", "value": value}]});
    let body = json!({"object": "whatsapp_business_account", "entry": [entry]});
    body.to_string().into_bytes()
}

fn text(number: usize, text: &str) -> Value {
    json!({
        "from": "2", "id": format!("wamid.{number}"), "type": "text", "text": {"body": text}
    })
}

#[test]
fn a_webhook_that_is_signed_is_stored_and_one_that_comes_twice_changes_nothing() {
    let home = Home::new();
    let server = configured(&home);
    for _ in 0..2 {
        assert_eq!(
            post(&home, &server, TEXT).expect(200),
            json!({"status": "ok"})
        );
        let messages = thread(&server);
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0]["content"], "Do you deliver to Graz?");
        assert_eq!(messages[0]["provider_id"], "m_INV001");
    }
    // It was durable when it was answered.
    server.signal("KILL");
    drop(server);
    let server = home.start();
    assert_eq!(thread(&server).len(), 1);
    server.stop();
}

#[test]
fn a_contact_that_changes_its_number_goes_on_in_its_thread() {
    let home = Home::new();
    let server = configured(&home);
    let with_profile = |message: Value| {
        let mut value: Value = serde_json::from_slice(&body(&[message])).unwrap();
        value["entry"][0]["changes"][0]["value"]["contacts"] =
            json!([{"wa_id": "4911", "user_id": "DE.1", "profile": {"name": "Ann"}}]);
        value.to_string().into_bytes()
    };
    let message = |number: usize, more: Value| {
        let mut message = text(number, "Hello");
        message.as_object_mut().unwrap().remove("from");
        let more = more.as_object().unwrap().clone();
        message.as_object_mut().unwrap().extend(more);
        message
    };
    let line = json!({
        "type": "user_changed_number", "body": "Ann changed from 4911 to 4999",
        "wa_id": "4999", "user_id": "DE.2", "previous_user_id": "DE.1",
    });
    let old = json!({"from": "4911", "from_user_id": "DE.1"});
    let changed = json!({"from": "4911", "from_user_id": "DE.1", "type": "system", "system": line});
    for body in [
        with_profile(message(1, old)),
        body(&[message(2, changed)]),
        body(&[
            message(3, json!({"from": "4999"})),
            message(4, json!({"from_user_id": "DE.2"})),
        ]),
    ] {
        post(&home, &server, &body).expect(200);
    }
    assert_eq!(thread(&server).len(), 4);
    let list = server.get("/v1/conversations").expect(200);
    assert_eq!(list["data"][0]["identity"], "DE.2", "{list}");
    let contacts = server.get("/v1/contacts?name=ann").expect(200);
    assert_eq!(contacts["total"], 1, "{contacts}");
    let identities = contacts["data"][0]["identities"].as_array().unwrap();
    assert_eq!(identities.len(), 4, "{contacts}");
    assert_eq!(contacts["data"][0]["name"], "Ann");
    server.stop();
}

#[test]
fn a_webhook_without_its_signature_is_401_and_nothing_is_stored() {
    let home = Home::new();
    let server = configured(&home);
    let valid = signature(SECRET, TEXT);
    for header in [
        "X-Hub-Signature: sha1=00",
        "X-Hub-Signature-256: ",
        "X-Hub-Signature-256: sha256=00",
        &valid[..valid.len() - 1],
        &signature("another", TEXT),
        &signature(SECRET, b"{}"),
        "Authorization: Bearer a-key-of-the-tests",
    ] {
        let answer = post_with(&home, &server, header, TEXT);
        answer.refused(401, "unauthorized", "X-Hub-Signature-256");
    }
    assert_eq!(total(&server), 0);
    // A line feed more is another body.
    let answer = post_with(&home, &server, &valid, &[TEXT, b"\n"].concat());
    answer.refused(401, "unauthorized", "X-Hub-Signature-256");
    post_with(&home, &server, &valid, TEXT).expect(200);
    assert!(!server.log().contains(SECRET));
    server.stop();
}

#[test]
fn the_handshake_answers_the_challenge_to_the_token_alone() {
    let home = Home::new();
    let server = configured(&home);
    let ask = |query: &str| server.curl_as_it_is(&format!("{PATH}?{query}"), &[]);
    let answer = ask("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=the-token");
    assert_eq!((answer.status, answer.body.as_str()), (200, "1158201444"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    for query in [
        "",
        "hub.mode=subscribe&hub.challenge=1&hub.verify_token=another",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=the-token",
        "hub.mode=subscribe&hub.verify_token=the-token",
    ] {
        ask(query).refused(403, "forbidden", "not allowed");
    }
    server.stop();
}

#[test]
fn what_is_not_configured_is_404_by_its_option_and_the_environment_configures_it() {
    let home = Home::new();
    let server = home.start();
    let asked = server.curl_as_it_is(PATH, &[]);
    asked.refused(404, "not_found", "--meta-verify-token");
    let posted = post(&home, &server, TEXT);
    posted.refused(404, "not_found", "--meta-app-secret");
    server.stop();

    let mut command = home.command(&["--listen", "127.0.0.1:0", "--api-key", "a-key-of-the-tests"]);
    command.env("CONVODB_META_APP_SECRET", SECRET);
    command.env("CONVODB_META_VERIFY_TOKEN", TOKEN);
    let server = Server::start(command);
    post(&home, &server, TEXT).expect(200);
    server.stop();
}

#[test]
fn a_body_that_is_no_object_is_400() {
    let home = Home::new();
    let server = configured(&home);
    for body in ["", "{", "[]", "null"] {
        let answer = post(&home, &server, body.as_bytes());
        answer.refused(400, "invalid_json", "the body");
    }
    for nothing in ["{}", r#"{"object": "page", "entry": [null, {}]}"#] {
        post(&home, &server, nothing.as_bytes()).expect(200);
    }
    server.await_log("ignored entry: is no object");
    server.stop();
}

#[test]
fn what_the_store_refuses_is_logged_and_loses_no_neighbour() {
    let home = Home::new();
    let server = configured(&home);
    let revoke = json!({
        "from": "2", "id": "b", "type": "revoke", "revoke": {"original_message_id": "wamid.1"}
    });
    let message = json!({"type": "text", "text": {"body": "B"}});
    let edit = json!({
        "from": "2", "id": "c", "type": "edit",
        "edit": {"original_message_id": "wamid.1", "message": message}
    });
    let stranger = json!({"from": "3", "id": "wamid.2", "type": "text", "text": {"body": "C"}});
    let messages = [
        text(1, "A"),
        revoke,
        edit,
        Value::Null,
        text(2, "kept"),
        stranger,
        text(3, "kept too"),
    ];
    post(&home, &server, &body(&messages)).expect(200);
    let contents: Vec<_> = thread(&server)
        .iter()
        .map(|it| it["content"].clone())
        .collect();
    assert_eq!(contents, ["", "kept", "kept too"]);
    for line in [
        "edit was refused: revoked",
        "receive was refused: provider_id_conflict",
    ] {
        server.await_log(line);
    }
    server.stop();
}

#[test]
fn thousands_of_messages_are_one_request_whatever_may_be_under_way() {
    let home = Home::new();
    let arguments = [
        "--meta-app-secret",
        SECRET,
        "--queue",
        "2",
        "--body-limit",
        "1000",
        // A thousand commits, one behind the other.
        "--request-timeout",
        "50",
    ];
    let server = home.start_with(&arguments);
    let messages: Vec<_> = (0..2_000)
        .map(|number| text(number, &format!("{number}")))
        .collect();
    post(&home, &server, &body(&messages)).expect(200);
    let thread = thread(&server);
    assert_eq!(thread.len(), 2_000);
    // In the order of the payload.
    assert!((0..2_000).all(|number| thread[number]["content"] == json!(format!("{number}"))));
    server.stop();
}

#[test]
fn a_body_that_is_too_large_for_meta_is_413() {
    let home = Home::new();
    let server = configured(&home);
    let large = body(&[text(1, &"x".repeat(1 << 20))]);
    post(&home, &server, &large).expect(200);
    assert_eq!(thread(&server)[0]["type"], "unsupported");
    let larger = body(&[text(2, &"x".repeat(3 << 20))]);
    post(&home, &server, &larger).refused(413, "payload_too_large", "too large");
    server.stop();
}

#[test]
fn a_disk_that_fails_is_503_so_that_meta_posts_again() {
    if !is_file("it limits the size of the store's file") {
        return;
    }
    let home = Home::new();
    let arguments = ["--listen", "127.0.0.1:0", "--api-key", "a-key-of-the-tests"];
    let arguments = [&arguments[..], &["--meta-app-secret", SECRET]].concat();
    let server = home.command(&arguments);
    let mut limited = Command::new("bash");
    limited.args(["-c", "trap '' XFSZ; ulimit -S -f 32768; exec \"$0\" \"$@\""]);
    limited.arg(server.get_program()).args(server.get_args());
    let server = Server::start(limited);
    let full: Vec<_> = (0..40).map(|n| text(n, &"x".repeat(60_000))).collect();
    let bodies = (0..100).map(|round| {
        let of = |message: &Value| {
            let mut message = message.clone();
            message["id"] = json!(format!("{round}.{}", message["id"]));
            message
        };
        body(&full.iter().map(of).collect::<Vec<_>>())
    });
    let mut refused = bodies.filter(|body| post(&home, &server, body).status != 200);
    let refused = refused.next().unwrap();
    let pid = server.id().to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &pid, "--fsize=unlimited"])
        .status();
    assert!(raised.unwrap().success());
    until(|| (post(&home, &server, &refused).status == 200).then_some(()));
    let messages = thread(&server);
    let mut ids: Vec<_> = messages
        .iter()
        .map(|it| it["provider_id"].to_string())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), ids.len() % 40), (messages.len(), 0));
    server.stop();
}
