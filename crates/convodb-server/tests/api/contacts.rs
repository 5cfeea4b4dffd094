//! Contacts: their records, their identities, and what becomes of two that are one.

use serde_json::{Value, json};

use super::server::{Home, Server};

fn receive(server: &Server, fields: &Value) -> Value {
    let mut body = json!({"channel": "whatsapp", "type": "text", "content": "Hello"});
    let all = body.as_object_mut().unwrap();
    all.extend(fields.as_object().unwrap().clone());
    server
        .post("/v1/messages/receive", &body.to_string())
        .expect(201)
}

fn contact_of(server: &Server, message: &Value) -> String {
    let id = message["conversation_id"].as_str().unwrap();
    let conversation = server.get(&format!("/v1/conversations/{id}")).expect(200);
    conversation["contact_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_contact_is_put_shown_listed_and_erased() {
    let home = Home::new();
    let server = home.start();
    let path = "/v1/contacts/con_ada";
    server.get(path).refused(404, "not_found", "con_ada");
    let body = json!({"name": "Ada Lovelace", "metadata": {"crm": 7}}).to_string();
    let saved = server.put(path, &body).expect(201);
    let shown = json!({"id": "con_ada", "name": "Ada Lovelace", "identities": [],
        "metadata": {"crm": 7}, "created_at": saved["created_at"]});
    assert_eq!(saved, shown);
    assert_eq!(server.put(path, &body).expect(200), shown);
    let cleared = server.put(path, r#"{"metadata": null}"#).expect(200);
    assert!(cleared.get("metadata").is_none() && cleared["name"] == "Ada Lovelace");
    for (body, field) in [
        (json!({"name": " "}), "name"),
        (json!({"metadata": {"a b": 1}}), "metadata"),
        (json!({"colour": "red"}), "colour"),
    ] {
        server
            .put(path, &body.to_string())
            .refused(422, "validation_error", field);
    }
    let message = receive(
        &server,
        &json!({"contact_id": "con_ada", "identities": ["+4917", "X.1"]}),
    );
    assert_eq!(message["identity"], "+4917");
    let events = server.get("/v1/events").expect(200);
    let event = &events["data"][0];
    assert_eq!(
        (&event["type"], &event["contact_id"]),
        (&json!("contact.created"), &json!("con_ada"))
    );

    for query in [
        "",
        "?name=ada%20L",
        "?channel=whatsapp&identity=%2B49",
        "?limit=1",
    ] {
        let page = server.get(&format!("/v1/contacts{query}")).expect(200);
        assert_eq!(
            (&page["total"], &page["page"]),
            (&json!(1), &json!(1)),
            "{query}"
        );
        assert_eq!(
            page["data"][0]["identities"][1],
            json!({"channel": "whatsapp", "value": "X.1"})
        );
    }
    assert_eq!(
        server.get("/v1/contacts?name=x").expect(200)["data"],
        json!([])
    );
    for (query, field) in [
        ("?identity=x", "channel"),
        ("?channel=whatsapp", "identity"),
        ("?name=a&channel=whatsapp", "name"),
        ("?channel=sms&identity=x", "channel"),
        ("?page=0", "page"),
    ] {
        let answer = server.get(&format!("/v1/contacts{query}"));
        answer.refused(422, "validation_error", field);
    }
    let row = &server.get("/v1/conversations").expect(200)["data"][0];
    assert_eq!(row["identity"], "+4917");
    let export = server.get("/v1/contacts/con_ada/export");
    assert_eq!(export.status, 200);
    let lines: Vec<Value> = export
        .body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["contact"]["name"], "Ada Lovelace");
    assert_eq!(
        (lines.len(), &lines[1]["messages"][0]["id"]),
        (2, &message["id"])
    );

    assert_eq!(server.post(&format!("{path}/erase"), "").status, 204);
    server.get(path).refused(404, "not_found", "con_ada");
    server
        .get(&format!("{path}/export"))
        .refused(404, "not_found", "con_ada");
    let events = server.get("/v1/events").expect(200);
    let event = &events["data"][0];
    assert_eq!(
        (&event["type"], event.get("contact_id")),
        (&json!("contact.erased"), None)
    );
}

#[test]
fn identities_decide_whom_a_message_is_from_and_what_is_one_is_merged() {
    let home = Home::new();
    let server = home.start();
    let first = receive(&server, &json!({"identities": ["+491"]}));
    let again = receive(&server, &json!({"identities": ["U.7", "+491"]}));
    assert_eq!(again["conversation_id"], first["conversation_id"]);
    let known = contact_of(&server, &first);
    let other = receive(
        &server,
        &json!({"contact_id": "con_2", "identities": ["+492"]}),
    );

    let both = json!({"channel": "whatsapp", "identities": ["+491", "+492"]});
    let taken = server.post("/v1/contacts/identify", &both.to_string());
    assert_eq!(taken.status, 409);
    let error: Value = serde_json::from_str(&taken.body).unwrap();
    assert_eq!(error["error"]["code"], "identity_taken");
    assert_eq!(error["error"]["contact_ids"], json!([known, "con_2"]));
    let mut merging = both;
    merging["merge"] = json!(true);
    merging["name"] = json!("Ada");
    let merged = server
        .post("/v1/contacts/identify", &merging.to_string())
        .expect(200);
    assert_eq!(
        (&merged["id"], &merged["name"]),
        (&json!(known), &json!("Ada"))
    );
    assert_eq!(merged["identities"].as_array().unwrap().len(), 3);

    let gone = other["conversation_id"].as_str().unwrap();
    let thread = server.get(&format!("/v1/conversations/{gone}")).expect(200);
    assert_eq!(thread["id"], first["conversation_id"]);
    assert_eq!(thread["messages"].as_array().unwrap().len(), 3);
    assert_eq!(
        server.get("/v1/contacts/con_2").expect(200)["id"],
        json!(known)
    );
    let merge = json!({"from": "con_2", "into": known}).to_string();
    assert_eq!(
        server.post("/v1/contacts/merge", &merge).expect(200)["id"],
        json!(known)
    );
    for (from, into, status) in [("con_9", "con_2", 404), ("con_2", "con_2", 422)] {
        let merge = json!({"from": from, "into": into}).to_string();
        assert_eq!(server.post("/v1/contacts/merge", &merge).status, status);
    }
    for (body, field) in [
        (
            json!({"channel": "whatsapp", "identities": []}),
            "identities",
        ),
        (
            json!({"channel": "whatsapp", "identities": [""]}),
            "identities[0]",
        ),
        (
            json!({"channel": "whatsapp", "identities": ["1", "2", "3", "4", "5"]}),
            "identities",
        ),
        (json!({"identities": ["1"]}), "channel"),
    ] {
        let answer = server.post("/v1/contacts/identify", &body.to_string());
        answer.refused(422, "validation_error", field);
    }
    let events = server.get("/v1/events").expect(200);
    let of = |kind: &str| {
        let all = events["data"].as_array().unwrap().iter();
        all.filter(|event| event["type"] == kind).count()
    };
    assert_eq!((of("contact.merged"), of("conversation.merged")), (1, 1));
    assert_eq!((of("contact.created"), of("contact.identified")), (2, 1));
}
