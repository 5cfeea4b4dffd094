//! What the description of the API is good for beside its truth, which the conformance run tests.

use serde_json::Value;

use crate::server::Home;

/// Generators of clients name each variant of a union by its place, and drop those whose names collide.
#[test]
fn no_schema_of_the_description_is_a_union_of_nameless_objects() {
    fn walk(schema: &Value) {
        for variant in schema["oneOf"].as_array().into_iter().flatten() {
            assert!(variant.get("additionalProperties").is_none(), "{variant}");
        }
        match schema {
            Value::Object(fields) => fields.values().for_each(walk),
            Value::Array(items) => items.iter().for_each(walk),
            _ => {}
        }
    }
    let home = Home::new();
    let server = home.start();
    let document = server.curl_as_it_is("/v1/openapi.json", &[]).expect(200);
    assert!(document["components"]["schemas"]["InboundMessage"]["allOf"].is_array());
    walk(&document);
}

/// The operation of an id, with its method and path.
fn operation<'a>(document: &'a Value, id: &str) -> (&'a str, &'a str, &'a Value) {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    });
    let mut found = all.filter(|(.., operation)| operation["operationId"] == id);
    found.next().unwrap_or_else(|| panic!("no operation {id}"))
}

#[test]
fn the_server_accepts_each_example_of_a_body() {
    let home = Home::new();
    let server = home.start();
    let document = server.get("/v1/openapi.json").expect(200);
    let mut conversation = String::new();
    let mut tried = 0;
    let mut send = |id: &str, named: &str| {
        tried += 1;
        let (method, path, operation) = operation(&document, id);
        let path = path.replace("{id}", named);
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        assert!(example.is_object(), "{id}");
        let body = example.to_string();
        let answer = match method {
            "post" => server.post(&path, &body),
            "put" => server.put(&path, &body),
            _ => server.patch(&path, &body),
        };
        assert!((200..300).contains(&answer.status), "{id}: {}", answer.body);
        answer
    };
    for (id, named) in [
        ("put_user", "usr_01H111"),
        ("put_team", "team_01H222"),
        ("put_inbox", "inb_01H333"),
        ("put_view", "view_01H444"),
        ("put_contact", "con_01HXYZ"),
        ("put_contact", "con_01HABC"),
        ("identify_contact", ""),
        ("merge_contacts", ""),
        ("receive_message", ""),
        ("send_message", ""),
        ("report_message_status", ""),
        ("retry_message", ""),
        ("react_to_message", ""),
        ("edit_message", ""),
        ("update_message", ""),
        ("revoke_message", ""),
        ("purge_store", ""),
        ("sign_in", ""),
    ] {
        let answer = send(id, named);
        if id == "receive_message" {
            let received = answer.expect(201);
            received["conversation_id"]
                .as_str()
                .unwrap()
                .clone_into(&mut conversation);
        }
    }
    for id in [
        "claim_conversation",
        "assign_conversation",
        "update_conversation",
        "add_note",
        "mark_read",
        "mark_unread",
    ] {
        send(id, &conversation);
    }
    // A webhook of Meta has a signature.
    let bodies = document["paths"]
        .to_string()
        .matches(r#""requestBody":{"content":{"application/json""#)
        .count();
    assert_eq!(
        tried, bodies,
        "one contact is put twice, and no webhook of Meta sent"
    );
    server.stop();
}

#[test]
fn the_pattern_of_a_time_has_the_first_and_the_last_day_of_each_month() {
    let home = Home::new();
    let server = home.start();
    let document = server.get("/v1/openapi.json").expect(200);
    let message = &document["components"]["schemas"]["InboundMessage"]["allOf"][0];
    let pattern = &message["properties"]["sent_at"]["anyOf"][0]["pattern"];
    let pattern = regex::Regex::new(pattern.as_str().unwrap()).unwrap();
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for (month, days) in (1..).zip(lengths) {
        for day in [1, days] {
            let time = format!("2026-{month:02}-{day:02}T00:00:00Z");
            assert!(pattern.is_match(&time), "{time}");
        }
        for day in [0, days + 4] {
            let none = format!("2026-{month:02}-{day:02}T00:00:00Z");
            assert!(!pattern.is_match(&none), "{none}");
        }
    }
    server.stop();
}
