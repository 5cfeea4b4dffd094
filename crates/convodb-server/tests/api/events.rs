//! Events, as a client polls them.

use convodb::prelude::*;
use serde_json::Value;

use crate::server::Home;

#[test]
fn events_after_a_number_are_read_in_order() {
    let home = Home::new();
    let server = home.start();
    assert_eq!(server.get("/v1/events").body, r#"{"data":[]}"#);
    let id = server.conversation("con_1");
    let resolve = format!("/v1/conversations/{id}/resolve");
    server.curl(&resolve, &["--request", "POST"]).expect(200);

    let types = |path: &str| -> Vec<(u64, String)> {
        let page = server.get(path).expect(200);
        let events = page["data"].as_array().unwrap();
        let listed = |event: &Value| {
            let kind = event["type"].as_str().unwrap();
            (event["sequence"].as_u64().unwrap(), kind.to_owned())
        };
        events.iter().map(listed).collect()
    };
    let all = [
        (1, "conversation.created".to_owned()),
        (2, "message.received".to_owned()),
        (3, "conversation.resolved".to_owned()),
    ];
    assert_eq!(types("/v1/events"), all);
    assert_eq!(types("/v1/events?after=0&limit=1000"), all);
    assert_eq!(types("/v1/events?after=1&limit=1"), all[1..2]);
    assert_eq!(types("/v1/events?after=3"), []);
    let first = &server.get("/v1/events?limit=1").body;
    let shape = r#"{"data":[{"sequence":1,"type":"conversation.created","created_at":"#;
    assert!(first.starts_with(shape), "{first}");
}

#[test]
fn a_number_of_another_store_is_409_and_one_whose_events_were_purged_410() {
    let home = Home::new();
    let server = home.start();
    for contact in ["con_1", "con_2"] {
        server.conversation(contact);
    }
    server
        .get("/v1/events?after=5")
        .refused(409, "conflict", "after");
    server.stop();
    let store = Store::open(home.db()).unwrap();
    store.purge_events(convodb::Retention::newest(1)).unwrap();
    store.close().unwrap();
    let server = home.start();
    server
        .get("/v1/events?after=1")
        .refused(410, "events_purged", "4");
    assert_eq!(
        server.get("/v1/events?after=3").expect(200)["data"][0]["sequence"],
        4
    );
}
