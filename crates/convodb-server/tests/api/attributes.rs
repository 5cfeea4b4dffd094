//! Attributes of a conversation.

use serde_json::json;

use super::server::Home;

#[test]
fn a_conversation_is_updated_listed_and_cleared() {
    let home = Home::new();
    let server = home.start();
    let body =
        json!({"contact_id": "con_1", "channel": "whatsapp", "type": "text", "content": "Hello"});
    let message = server
        .post("/v1/messages/receive", &body.to_string())
        .expect(201);
    let path = format!(
        "/v1/conversations/{}",
        message["conversation_id"].as_str().unwrap()
    );
    let update = json!({"priority": "high", "tags": {"add": ["vip"]}, "metadata": {"order": 7}});
    let updated = server.patch(&path, &update.to_string()).expect(200);
    assert_eq!(
        (
            &updated["priority"],
            &updated["tags"],
            &updated["metadata"],
            &updated["revision"]
        ),
        (
            &json!("high"),
            &json!(["vip"]),
            &json!({"order": 7}),
            &json!(3)
        ),
    );
    let row = &server.get("/v1/conversations").expect(200)["data"][0];
    assert_eq!(
        (&row["priority"], &row["tags"]),
        (&json!("high"), &json!(["vip"]))
    );
    assert!(row.get("metadata").is_none(), "{row}");
    assert_eq!(
        server.get(&path).expect(200)["metadata"],
        json!({"order": 7})
    );
    let events = server.get("/v1/events").expect(200);
    let event = events["data"].as_array().unwrap().last().unwrap();
    assert_eq!(event["changed"], json!(["priority", "tags", "metadata"]));

    for (update, field) in [
        (json!({"priority": "soon"}), "priority"),
        (json!({"tags": [" "]}), "tags"),
        (json!({"tags": 7}), "tags"),
        (json!({"tags": [["a"], ["b"]]}), "tags"),
        (json!({"priority": 5}), "priority"),
        (json!({"colour": "red"}), "colour"),
    ] {
        server
            .patch(&path, &update.to_string())
            .refused(422, "validation_error", field);
    }
    let twice = r#"{"metadata": {"a": 1, "a": 2}}"#;
    server
        .patch(&path, twice)
        .refused(422, "validation_error", "metadata");
    let none = json!({"priority": null, "tags": null, "metadata": null});
    let cleared = server.patch(&path, &none.to_string()).expect(200);
    assert!(
        ["priority", "tags", "metadata"]
            .iter()
            .all(|name| cleared.get(name).is_none())
    );
    let unknown = "/v1/conversations/conv_01HABC00000000000000000000";
    server
        .patch(unknown, "{}")
        .refused(404, "not_found", "conversation");
}
