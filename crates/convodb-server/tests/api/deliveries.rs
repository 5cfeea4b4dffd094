//! Messages as providers deliver them: with ids of other chats, several within one second, late, cut,
//! and with times and ids of every kind.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::server::{Answer, Home, Server};

const RECEIVE: &str = "/v1/messages/receive";
const SEND: &str = "/v1/messages/send";

/// A text of a contact on whatsapp, with further fields.
fn text(contact: &str, text: &str, more: &Value) -> String {
    let mut body = json!({
        "contact_id": contact, "channel": "whatsapp", "type": "text", "content": text,
    });
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    body.to_string()
}

fn receive(server: &Server, contact: &str, content: &str, more: &Value) -> Answer {
    server.post(RECEIVE, &text(contact, content, more))
}

fn thread(server: &Server, message: &Value) -> Value {
    let id = message["conversation_id"].as_str().unwrap();
    server.get(&format!("/v1/conversations/{id}")).expect(200)
}

fn contents(server: &Server, message: &Value) -> Vec<String> {
    let thread = thread(server, message);
    let messages = thread["messages"].as_array().unwrap().iter();
    messages
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

/// The whole second of a time in an answer.
fn second_of(time: &Value) -> DateTime<Utc> {
    let time: DateTime<Utc> = time.as_str().unwrap().parse().unwrap();
    DateTime::from_timestamp(time.timestamp(), 0).unwrap()
}

fn print(second: DateTime<Utc>) -> String {
    second.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[test]
fn a_provider_id_of_another_contacts_message_or_of_the_other_direction_is_409_and_stores_nothing() {
    let home = Home::new();
    let server = home.start();
    let id = json!({"provider_id": "42"});
    let first = receive(&server, "con_880011", "my card ends in 4117", &id);
    let first = first.expect(201);
    let others = [
        receive(&server, "con_990022", "hello", &id),
        server.post(SEND, &text("con_990022", "hello", &id)),
        server.post(SEND, &text("con_880011", "hello", &id)),
    ];
    for refused in others {
        refused.refused(409, "provider_id_conflict", "42");
        for shown in ["4117", "880011", "conv_", "msg_"] {
            assert!(!refused.body.contains(shown), "{refused:?}");
        }
    }
    assert_eq!(contents(&server, &first), ["my card ends in 4117"]);
    assert_eq!(server.get("/v1/conversations").expect(200)["total"], 1);

    let sent = server.post(
        SEND,
        &text("con_880011", "noted", &json!({"provider_id": "43"})),
    );
    sent.expect(201);
    receive(&server, "con_880011", "ok", &json!({"provider_id": "43"})).refused(
        409,
        "provider_id_conflict",
        "43",
    );

    // A device delivers a message again with another time.
    let again = json!({"provider_id": "42", "sent_at": "2026-04-16T09:10:00Z"});
    let again = receive(&server, "con_880011", "my card ends in 4118", &again);
    assert_eq!(again.expect(200), first);
}

#[test]
fn messages_of_one_second_keep_the_order_of_their_arrival() {
    let home = Home::new();
    let server = home.start();
    let asked = server
        .post(SEND, &text("con_a", "0", &json!({})))
        .expect(201);
    let second = second_of(&asked["created_at"]);
    let now = print(second);
    for number in 1..=6 {
        let with_id = json!({"sent_at": now, "provider_id": format!("a{number}")});
        let more = match number % 2 {
            0 => with_id,
            _ => json!({"sent_at": now}),
        };
        let message = receive(&server, "con_a", &number.to_string(), &more).expect(201);
        assert_eq!(message["created_at"], now, "the provider's");
    }
    let earlier = json!({"sent_at": print(second - TimeDelta::seconds(1))});
    for content in ["before", "before too"] {
        receive(&server, "con_a", content, &earlier).expect(201);
    }
    let expected = ["before", "before too", "0", "1", "2", "3", "4", "5", "6"];
    assert_eq!(contents(&server, &asked), expected);
    server.stop();
    assert_eq!(contents(&home.start(), &asked), expected, "over a restart");
}

#[test]
fn what_comes_within_the_second_of_an_answer_stands_behind_it() {
    let home = Home::new();
    let server = home.start();
    let answer = server.post(SEND, &text("con_b", "here you are", &json!({})));
    let answer = answer.expect(201);
    let now = print(second_of(&answer["created_at"]));
    let thanks = receive(&server, "con_b", "thanks", &json!({"sent_at": now})).expect(201);
    assert_eq!(thanks["created_at"], now);
    assert_eq!(contents(&server, &answer), ["here you are", "thanks"]);
}

#[test]
fn a_webhook_that_comes_an_hour_late_is_activity_when_it_comes() {
    let home = Home::new();
    let server = home.start();
    let first = receive(&server, "con_c", "hello", &json!({})).expect(201);
    for number in 0..30 {
        server.conversation(&format!("con_other_{number}"));
    }
    let sent_at = print(second_of(&first["created_at"]) - TimeDelta::hours(1));
    let late = receive(
        &server,
        "con_c",
        "anybody there?",
        &json!({"sent_at": sent_at}),
    );
    assert_eq!(late.expect(201)["created_at"], sent_at);
    for list in [
        "status=open",
        "status=all",
        "unread=true",
        "channel=whatsapp",
    ] {
        let list = server.get(&format!("/v1/conversations?{list}&limit=1"));
        let list = list.expect(200);
        let row = &list["data"][0];
        assert_eq!(row["contact_id"], "con_c", "{list}");
        assert_eq!(row["created_at"], sent_at);
        let updated_at: DateTime<Utc> = row["updated_at"].as_str().unwrap().parse().unwrap();
        let begun: DateTime<Utc> = first["created_at"].as_str().unwrap().parse().unwrap();
        assert!(updated_at > begun, "{row}");
    }
    assert_eq!(contents(&server, &first), ["anybody there?", "hello"]);
}

#[test]
fn half_a_surrogate_pair_becomes_a_replacement_character() {
    let home = Home::new();
    let server = home.start();
    let body = |field: &str, escaped: &str| {
        format!(r#"{{"contact_id":"con_d","channel":"messenger",{field}:"{escaped}"}}"#)
    };
    for (escaped, stored) in [
        (r"cut here \ud83d", "cut here \u{fffd}"),
        (r"\ude00 cut", "\u{fffd} cut"),
        (r"a \uD83D b", "a \u{fffd} b"),
        (r"\ud83d\ud83d", "\u{fffd}\u{fffd}"),
        (r"\ud83d\ud83d\ude00", "\u{fffd}\u{1f600}"),
        (r"\ud83d\ude00", "\u{1f600}"),
        (r"\\ud83d", r"\ud83d"),
        (r"\ud83d\n", "\u{fffd}\n"),
    ] {
        let content = body(r#""type":"text","content""#, escaped);
        assert_eq!(
            server.post(RECEIVE, &content).expect(201)["content"],
            stored
        );
        let photo = r#""type":"image","media_url":"https://example.com/1.png","caption""#;
        let photo = server.post(RECEIVE, &body(photo, escaped)).expect(201);
        assert_eq!(photo["caption"], stored);
        let id = photo["conversation_id"].as_str().unwrap();
        let note = format!(r#"{{"content":"{escaped}"}}"#);
        let note = server.post(&format!("/v1/conversations/{id}/notes"), &note);
        assert_eq!(note.expect(201)["content"], stored);
    }
    server
        .post(RECEIVE, &body(r#""type":"text","content""#, r"\ud83"))
        .refused(400, "invalid_json", "");
}

#[test]
fn times_are_taken_as_providers_write_them() {
    let home = Home::new();
    let server = home.start();
    let sent = |sent_at: Value| receive(&server, "con_f", "hello", &json!({"sent_at": sent_at}));
    for (sent_at, created_at) in [
        (json!("2026-11-20T06:00:00+0000"), "2026-11-20T06:00:00Z"),
        (json!("2026-11-20T06:00:00+0530"), "2026-11-20T00:30:00Z"),
        (json!("2026-11-20T06:00:00+05:30"), "2026-11-20T00:30:00Z"),
        (json!("2026-11-20T06:00:00-0800"), "2026-11-20T14:00:00Z"),
        (json!("2026-11-20T06:00Z"), "2026-11-20T06:00:00Z"),
        (json!("2026-11-20T06:00+0100"), "2026-11-20T05:00:00Z"),
        (json!(1_763_618_400), "2025-11-20T06:00:00Z"),
        (json!("1763618400"), "2025-11-20T06:00:00Z"),
        (json!(1_763_618_400_250_u64), "2025-11-20T06:00:00.250000Z"),
        (json!("1763618400250"), "2025-11-20T06:00:00.250000Z"),
        (
            json!(1_763_618_400_250_001_u64),
            "2025-11-20T06:00:00.250001Z",
        ),
        (json!("1763618400250001"), "2025-11-20T06:00:00.250001Z"),
        (json!("2000-01-01T00:00:00Z"), "2000-01-01T00:00:00Z"),
    ] {
        assert_eq!(sent(sent_at).expect(201)["created_at"], created_at);
    }
    for refused in [
        json!("1970-01-21T18:52:00Z"),
        json!("1999-12-31T23:59:59.999999Z"),
        json!(1_763_618),
        json!("1763618"),
        json!(-1),
        json!(1_763_618_400.5),
        json!("2026-11-20T06:00:00"),
        json!("2026-11-20 at six"),
        json!(""),
        json!(true),
        json!(u64::MAX),
    ] {
        sent(refused).refused(422, "validation_error", "sent_at");
    }
    let receipt = |at: &str| {
        let receipt =
            json!({"channel": "whatsapp", "provider_id": "p", "status": "read", "at": at});
        server.post("/v1/messages/status", &receipt.to_string())
    };
    receipt("2026-11-20T06:00:00+0000").expect(202);
    receipt("1970-01-21T18:52:00Z").refused(422, "validation_error", "at");
}

#[test]
fn contacts_have_ids_of_up_to_256_bytes() {
    let home = Home::new();
    let server = home.start();
    let contact = |digits: usize, last: char| format!("con_US.ENT.{}{last}", "7".repeat(digits));
    let hello = |contact: &str| receive(&server, contact, "hello", &json!({}));
    let first = hello(&contact(127, '7')).expect(201);
    let second = hello(&contact(127, '8')).expect(201);
    assert_ne!(first["conversation_id"], second["conversation_id"]);
    assert_eq!(thread(&server, &first)["contact_id"], contact(127, '7'));
    hello(&contact(244, '7')).expect(201);
    hello(&contact(245, '7')).refused(422, "validation_error", "contact_id");
    assert_eq!(server.get("/v1/conversations").expect(200)["total"], 3);
}

/// Each schema within a document that has a longest length.
fn lengths(schema: &Value, found: &mut Vec<Value>) {
    if let Some(object) = schema.as_object() {
        if object.contains_key("maxLength") {
            found.push(schema.clone());
        }
        object.values().for_each(|part| lengths(part, found));
    } else if let Some(list) = schema.as_array() {
        list.iter().for_each(|part| lengths(part, found));
    }
}

#[test]
fn bounds_in_bytes_are_described_in_words() {
    let home = Home::new();
    let server = home.start();
    let longest = "é".repeat(32 * 1024);
    receive(&server, "con_e", &longest, &json!({})).expect(201);
    let too_long = "é".repeat(32 * 1024 + 1);
    receive(&server, "con_e", &too_long, &json!({})).refused(422, "validation_error", "bytes");
    let document = server.curl_as_it_is("/v1/openapi.json", &[]).expect(200);
    let mut found = Vec::new();
    lengths(&document, &mut found);
    assert!(!found.is_empty());
    for schema in found {
        // Characters are bytes where the pattern takes ASCII alone.
        let pattern = schema["pattern"].as_str().unwrap_or_default();
        let is_ascii = pattern.is_ascii() && pattern.starts_with('^');
        // Four bytes are the most that a character takes.
        let fits = |most: u64| {
            schema["maxLength"]
                .as_u64()
                .is_some_and(|it| it * 4 <= most)
        };
        let description = schema["description"].as_str().unwrap_or_default();
        let bound = description.split(' ').find_map(|word| word.parse().ok());
        assert!(is_ascii || bound.is_some_and(fits), "{schema}");
    }
    let words = document.to_string();
    for bound in [256, 512, 65_536] {
        assert!(words.contains(&format!("At most {bound} bytes of UTF-8")));
    }
}

#[test]
fn a_text_that_shows_nothing_is_stored_where_it_came_and_refused_where_it_is_to_go() {
    let home = Home::new();
    let server = home.start();
    let first = receive(&server, "con_g", "hello", &json!({})).expect(201);
    let id = first["conversation_id"].as_str().unwrap();
    let document = server.curl_as_it_is("/v1/openapi.json", &[]).expect(200);
    for blank in [
        "",
        " ",
        "\n",
        "\u{a0}",
        "\u{200b}",
        "\u{feff}",
        "\u{2060}\u{200d}",
        "\u{ad}",
        "\u{0}",
        "\u{e0001}",
        "\u{3164}",
        "\u{fe0f}",
        "\u{85}",
        "\u{2800}\u{200b}",
    ] {
        // A blank of Braille is a character like others.
        let is_refused = !blank.contains('\u{2800}');
        let received = receive(&server, "con_g", blank, &json!({}));
        assert_eq!(received.expect(201)["content"], blank);
        let note = json!({"content": blank}).to_string();
        let name = json!({"name": blank}).to_string();
        let photo = json!({
            "contact_id": "con_g", "channel": "whatsapp", "type": "image",
            "media_url": "https://example.com/1.png", "caption": blank,
        });
        for (answer, field) in [
            (
                server.post(SEND, &text("con_g", blank, &json!({}))),
                "content",
            ),
            (server.post(SEND, &photo.to_string()), "caption"),
            (
                server.post(&format!("/v1/conversations/{id}/notes"), &note),
                "content",
            ),
            (server.put("/v1/users/usr_1", &name), "name"),
        ] {
            match is_refused {
                true => answer.refused(422, "validation_error", field),
                false => assert!(matches!(answer.status, 200 | 201), "{answer:?}"),
            }
        }
    }
    // The description says so by a pattern, which lists the characters that show nothing.
    let schemas = &document["components"]["schemas"];
    for name in ["NoteContent", "Named"] {
        let properties = schemas[name]["properties"].as_object().unwrap();
        for schema in properties.values() {
            let pattern = schema["pattern"].as_str().unwrap();
            assert!(
                pattern.contains('\u{200b}') && pattern.starts_with("[^"),
                "{pattern:?}"
            );
        }
    }
}
