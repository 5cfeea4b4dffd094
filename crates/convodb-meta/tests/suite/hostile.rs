//! Bodies that are not what they should be.

use convodb::ErrorKind;
use convodb_meta::{Item, ParseError, parse};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{items, message, messages, payload, payloads, post, store};

/// A body of WhatsApp with these messages, as they are written.
fn body(messages: &[&str]) -> Vec<u8> {
    let messages = messages.join(",");
    let value = format!(
        r#"{{"metadata": {{"phone_number_id": "1", "display_phone_number": "1"}}, "messages": [{messages}]}}"#
    );
    let entry = format!(r#"{{"id": "9", "changes": [{{"field": "messages", "value": {value}}}]}}"#);
    format!(r#"{{"object": "whatsapp_business_account", "entry": [{entry}]}}"#).into_bytes()
}

const NEIGHBOUR: &str =
    r#"{"from": "2", "id": "wamid.last", "type": "text", "text": {"body": "kept"}}"#;

/// What a message becomes that has a neighbour, which is kept.
#[track_caller]
fn beside(message: &str) -> Vec<(&'static str, Value)> {
    let body = body(&[message, NEIGHBOUR]);
    let (store, _) = store();
    assert!(post(&store, &body).is_empty());
    assert_eq!(
        crate::common::message(&store, "wamid.last")["content"],
        "kept"
    );
    let mut items = items(&body);
    assert_eq!(items.pop().unwrap().1["content"], "kept");
    items
}

#[test]
fn a_body_that_is_no_object_has_no_items() {
    for body in [
        "",
        "{",
        "{'a': 1}",
        r#"{"object": "page""#,
        "{} {}",
        "\u{feff}{}",
    ] {
        assert!(
            matches!(parse(body.as_bytes()), Err(ParseError::NoJson(_))),
            "{body}"
        );
    }
    for body in ["[]", "1", "null", r#""page""#] {
        assert_eq!(parse(body.as_bytes()), Err(ParseError::NoObject), "{body}");
    }
    for nothing in [
        "{}",
        r#"{"object": "page"}"#,
        r#"{"object": "page", "entry": {}}"#,
    ] {
        let items = parse(nothing.as_bytes()).unwrap();
        assert!(
            items.iter().all(|item| matches!(item, Item::Ignored(_))),
            "{nothing}"
        );
    }
    for entry in [
        "null",
        "{}",
        "[]",
        "1",
        r#"{"messaging": null}"#,
        r#"{"messaging": [null]}"#,
    ] {
        for object in ["page", "instagram", "whatsapp_business_account"] {
            let body = format!(r#"{{"object": "{object}", "entry": [{entry}]}}"#);
            let items = parse(body.as_bytes()).unwrap();
            assert!(
                items.iter().all(|item| matches!(item, Item::Ignored(_))),
                "{body}"
            );
        }
    }
}

#[test]
fn what_has_no_id_or_no_sender_is_ignored_and_its_neighbour_is_kept() {
    for (message, reason) in [
        ("null", "message: is no object"),
        ("[]", "message: is no object"),
        ("{}", "unknown: has no id"),
        (r#"{"from": "2", "type": "text"}"#, "text: has no id"),
        (r#"{"id": "a", "type": "text"}"#, "text: names no contact"),
        (
            r#"{"id": "a", "from": "", "type": 5}"#,
            "5: names no contact",
        ),
    ] {
        assert_eq!(beside(message), [("ignored", json!(reason))]);
    }
}

#[test]
fn what_is_not_understood_is_unsupported_with_its_json() {
    for (message, kind) in [
        (
            r#"{"from": "2", "id": "a", "type": "hologram", "hologram": {"n": 1.50}}"#,
            "hologram",
        ),
        (
            r#"{"from": "2", "id": "a", "type": "text", "text": null}"#,
            "text",
        ),
        (
            r#"{"from": "2", "id": "a", "type": "text", "text": {"body": []}}"#,
            "text",
        ),
        (
            r#"{"from": "2", "id": "a", "type": "image", "image": {}}"#,
            "image",
        ),
        (
            r#"{"from": "2", "id": "a", "type": "location", "location": {"latitude": 91, "longitude": 0}}"#,
            "location",
        ),
        (
            r#"{"from": "2", "id": "a", "type": "interactive", "interactive": {"type": "x"}}"#,
            "interactive",
        ),
        (
            r#"{"from": "2", "id": "a", "type": "reaction", "reaction": {}}"#,
            "reaction",
        ),
        (
            r#"{"from": "2", "id": "a", "type": "edit", "edit": {"original_message_id": "b"}}"#,
            "edit",
        ),
        (
            r#"{"from": "2", "id": "a", "type": "revoke", "revoke": 1}"#,
            "revoke",
        ),
        (
            r#"{"from": "2", "id": "a", "type": "video", "video": {"link": "ftp://x"}}"#,
            "video",
        ),
    ] {
        let items = beside(message);
        assert_eq!(items.len(), 1);
        let (item, value) = &items[0];
        assert_eq!(
            (*item, &value["type"]),
            ("receive", &json!("unsupported")),
            "{message}"
        );
        assert_eq!(value["unsupported"]["kind"], kind);
        assert!(value["raw"].is_object(), "{value}");
    }
    let untyped = beside(r#"{"from": "2", "id": "a"}"#);
    assert_eq!(untyped[0].1["type"], "unsupported");
}

#[test]
fn a_text_that_is_too_long_keeps_its_beginning() {
    let long = "ä".repeat(512 * 1_024);
    let message =
        format!(r#"{{"from": "2", "id": "a", "type": "text", "text": {{"body": "{long}"}}}}"#);
    let items = beside(&message);
    let value = &items[0].1;
    assert_eq!(value["content"].as_str().unwrap().len(), 64 * 1_024);
    assert_eq!(value["raw"], json!(null));
    let reason = value["unsupported"]["message"].as_str().unwrap();
    assert_eq!(
        reason,
        "content: must be at most 65536 bytes, and has 1048576"
    );
    // A caption has no place of its own there, and the JSON has it.
    let caption = "x".repeat(65_000);
    let url = "y".repeat(5_000);
    let message = format!(
        r#"{{"from": "2", "id": "a", "type": "image", "image": {{"link": "https://{url}", "caption": "{}"}}}}"#,
        &caption[..100]
    );
    let items = beside(&message);
    assert_eq!(
        items[0].1["raw"]["image"]["caption"]
            .as_str()
            .unwrap()
            .len(),
        100
    );
}

#[test]
fn ten_thousand_arrays_within_each_other_are_no_more_than_a_value() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let message = format!(r#"{{"from": "2", "id": "a", "type": "text", "text": {deep}}}"#);
    let items = beside(&message);
    assert_eq!(
        (&items[0].1["type"], &items[0].1["raw"]),
        (&json!("unsupported"), &json!(null))
    );
    let form =
        r#"{"type": "nfm_reply", "nfm_reply": {"response_json": "DEEP"}}"#.replace("DEEP", &deep);
    let message =
        format!(r#"{{"from": "2", "id": "a", "type": "interactive", "interactive": {form}}}"#);
    assert_eq!(beside(&message)[0].1["type"], "unsupported");
    for body in [
        deep.clone(),
        format!(r#"{{"object": {deep}, "entry": {deep}}}"#),
        format!(r#"{{"object": "page", "entry": [{deep}]}}"#),
        "[".repeat(1 << 20),
        format!(
            "{{\"object\": \"page\", \"entry\": {}",
            "[{\"a\":".repeat(100_000)
        ),
    ] {
        let _ = parse(body.as_bytes());
    }
}

#[test]
fn halves_of_surrogates_and_bytes_that_are_not_utf_8_are_repaired() {
    let cut = r#"{"from": "2", "id": "a", "type": "text", "text": {"body": "cut \ud83d"}}"#;
    assert_eq!(beside(cut)[0].1["content"], "cut \u{FFFD}");
    let mut bytes =
        body(&[r#"{"from": "2", "id": "a", "type": "text", "text": {"body": "cut ?"}}"#]);
    let place = bytes
        .windows(5)
        .position(|window| window == b"cut ?")
        .unwrap()
        + 4;
    bytes[place] = 0xF0;
    assert_eq!(items(&bytes)[0].1["content"], "cut \u{FFFD}");
}

#[test]
fn a_time_that_cannot_be_read_is_that_of_the_clock() {
    for time in [
        "null",
        r#""soon""#,
        "-1",
        "0",
        "1e300",
        r#""99999999999999999999""#,
        "{}",
    ] {
        let message = format!(
            r#"{{"from": "2", "id": "a", "timestamp": {time}, "type": "text", "text": {{"body": "A"}}}}"#
        );
        let items = beside(&message);
        assert_eq!(
            (&items[0].1["content"], &items[0].1["sent_at"]),
            (&json!("A"), &json!(null))
        );
    }
}

#[test]
fn an_id_that_no_store_takes_still_names_one_message() {
    let (store, _) = store();
    let long = "w".repeat(600);
    let text =
        format!(r#"{{"from": "2", "id": "{long}", "type": "text", "text": {{"body": "A"}}}}"#);
    let reaction = format!(
        r#"{{"from": "2", "id": "b", "type": "reaction", "reaction": {{"message_id": "{long}", "emoji": "👍"}}}}"#
    );
    for _ in 0..2 {
        assert!(post(&store, &body(&[&text, &reaction])).is_empty());
    }
    let messages = messages(&store);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["reactions"][0]["emoji"], "👍");
}

#[test]
fn a_thousand_attachments_and_a_long_sender_lose_no_neighbour() {
    let attachment = json!({"type": "image", "payload": {"url": "https://cdn.example.net/1"}});
    let event = |sender: &str, mid: &str, attachments: Vec<Value>| {
        json!({
            "sender": {"id": sender}, "recipient": {"id": "1"}, "timestamp": 1,
            "message": {"mid": mid, "text": "A", "attachments": attachments}
        })
    };
    let events = [
        event("2", "m_1", vec![attachment.clone(); 1_000]),
        event(&"x".repeat(300), "m_2", Vec::new()),
        event("2", "m_3", vec![attachment; 30]),
    ];
    let body = json!({"object": "page", "entry": [{"id": "1", "messaging": events}]}).to_string();
    let (store, _) = store();
    assert!(post(&store, body.as_bytes()).is_empty());
    assert_eq!(messages(&store).len(), 2);
    assert_eq!(message(&store, "m_1")["type"], "unsupported");
    assert_eq!(
        message(&store, "m_3")["attachments"]
            .as_array()
            .unwrap()
            .len(),
        30
    );
}

/// Values that belong nowhere.
fn odd() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!(" "),
        json!("\u{0}\u{1}"),
        json!("ftp://example.net/"),
        json!("👩‍👩‍👧‍👦".repeat(4_000)),
        json!("x".repeat(600)),
        json!([]),
        json!([null, 1, "a", {}, []]),
        json!({}),
        json!({"id": {}, "type": [], "url": 5, "mid": "m", "text": {"body": "b"}}),
    ]
}

/// Replaces the value of this number, counted through a document.
fn replace(value: &mut Value, place: &mut usize, by: &Value) {
    if *place == 0 {
        value.clone_from(by);
    }
    *place = place.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, place, by)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|field| replace(field, place, by)),
        _ => {}
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0_usize,
    }
}

/// Executes a body. A store refuses no value of it.
#[track_caller]
fn takes(body: &[u8]) {
    for item in parse(body).into_iter().flatten() {
        let valid = match item {
            Item::Receive(message) => message.validate(),
            Item::Send(message) => message.validate(),
            _ => Ok(()),
        };
        assert_eq!(valid, Ok(()), "{}", String::from_utf8_lossy(body));
    }
    if parse(body).is_ok() {
        let (store, _) = store();
        for error in post(&store, body) {
            assert_ne!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        messages(&store);
    }
}

#[test]
fn any_value_may_be_any_other() {
    for channel in ["whatsapp", "messenger", "instagram"] {
        for (_, body) in payloads(channel) {
            let document: Value = serde_json::from_slice(&body).unwrap();
            for place in 0..count(&document) {
                for (number, by) in odd().iter().enumerate() {
                    let mut changed = document.clone();
                    replace(&mut changed, &mut { place }, by);
                    let changed = changed.to_string();
                    let valid =
                        parse(changed.as_bytes())
                            .into_iter()
                            .flatten()
                            .all(|item| match item {
                                Item::Receive(message) => message.validate().is_ok(),
                                Item::Send(message) => message.validate().is_ok(),
                                _ => true,
                            });
                    assert!(valid, "{changed}");
                    // A store for each takes long.
                    if (place + number) % 97 == 0 {
                        takes(changed.as_bytes());
                    }
                }
            }
        }
    }
}

fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let all: Vec<_> = ["whatsapp", "messenger", "instagram"]
        .into_iter()
        .flat_map(payloads)
        .map(|(_, body)| body)
        .collect();
    prop::sample::select(all)
}

proptest! {
    #[test]
    fn bytes_that_changed_make_no_panic(
        body in any_payload(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..12),
    ) {
        let mut body = body;
        for (place, byte, kind) in changes {
            let place = place.index(body.len());
            match kind {
                0 => body[place] = byte,
                1 => body.insert(place, byte),
                2 => body.truncate(place.max(1)),
                _ => {
                    let end = (place + usize::from(byte)).min(body.len());
                    let part = body[place..end].to_vec();
                    body.splice(place..place, part);
                }
            }
        }
        takes(&body);
    }

    #[test]
    fn several_values_that_changed_make_no_panic(
        body in any_payload(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(odd())), 1..5),
    ) {
        let mut document: Value = serde_json::from_slice(&body).unwrap();
        for (place, by) in changes {
            let place = place.index(count(&document));
            replace(&mut document, &mut { place }, &by);
        }
        takes(document.to_string().as_bytes());
    }
}

#[test]
fn the_same_payload_without_white_space_asks_the_same() {
    let document: Value = serde_json::from_slice(&payload("messenger/text")).unwrap();
    let short = document.to_string();
    assert_eq!(items(short.as_bytes()), items(&payload("messenger/text")));
}
