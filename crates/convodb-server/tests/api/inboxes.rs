//! Inboxes.

use serde_json::json;

use crate::server::Home;

#[test]
fn inboxes_are_put_listed_and_keep_their_channels() {
    let home = Home::new();
    let server = home.start();
    assert_eq!(server.get("/v1/inboxes").expect(200), json!({"data": []}));
    let body = r#"{"channel":"whatsapp","name":"Sales"}"#;
    let put = server.put("/v1/inboxes/inb_sales", body);
    put.expect(201);
    assert_eq!(
        put.body,
        r#"{"id":"inb_sales","channel":"whatsapp","name":"Sales"}"#
    );
    server.put("/v1/inboxes/inb_sales", body).expect(200);
    let moved = r#"{"channel":"webchat","name":"Sales"}"#;
    server
        .put("/v1/inboxes/inb_sales", moved)
        .refused(422, "validation_error", "channel");
    server
        .put("/v1/inboxes/sales", body)
        .refused(422, "validation_error", "inbox_id");
    let found = server.get("/v1/inboxes/inb_sales").expect(200);
    assert_eq!(found["name"], "Sales");
    server
        .get("/v1/inboxes/inb_none")
        .refused(404, "not_found", "inb_none");
}

#[test]
fn messages_go_through_an_inbox_and_lists_select_it() {
    let home = Home::new();
    let server = home.start();
    let body = r#"{"channel":"whatsapp","name":"Sales"}"#;
    server.put("/v1/inboxes/inb_sales", body).expect(201);
    let receive = |fields: &str| {
        let body = format!(r#"{{"contact_id":"con_1",{fields},"type":"text","content":"Hello"}}"#);
        server.post("/v1/messages/receive", &body)
    };
    let own = receive(r#""channel":"whatsapp""#).expect(201);
    let sales =
        receive(r#""inbox_id":"inb_sales","channel":"whatsapp","provider_id":"w1""#).expect(201);
    assert_ne!(own["conversation_id"], sales["conversation_id"]);
    receive(r#""inbox_id":"inb_sales","channel":"webchat""#).refused(
        422,
        "validation_error",
        "channel",
    );
    receive(r#""inbox_id":"inb_none""#).refused(422, "validation_error", "inbox_id");
    let list = |query: &str| {
        server
            .get(&format!("/v1/conversations?{query}"))
            .expect(200)
    };
    assert_eq!(list("channel=whatsapp")["total"], 2);
    let page = list("inbox=inb_sales");
    assert_eq!(
        (&page["total"], &page["data"][0]["inbox_id"]),
        (&json!(1), &json!("inb_sales"))
    );
    let page = list("inbox=whatsapp");
    assert_eq!(page["data"][0]["id"], own["conversation_id"]);
    assert_eq!(list("inbox=inb_none")["total"], 0);
    let status = r#"{"inbox_id":"inb_sales","provider_id":"w1","status":"read"}"#;
    let read = server.post("/v1/messages/status", status).expect(200);
    assert_eq!(read["id"], sales["id"]);
    let both =
        r#"{"channel":"whatsapp","inbox_id":"inb_sales","provider_id":"w1","status":"read"}"#;
    server
        .post("/v1/messages/status", both)
        .refused(422, "validation_error", "channel");
    server
        .get("/v1/conversations?inbox=sales")
        .refused(422, "validation_error", "inbox");
}
