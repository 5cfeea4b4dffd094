//! Saved views, and the filters and orders that need none.

use serde_json::{Value, json};

use crate::server::{Home, Server};

const WAITING: &str = r#"{"name":"Waiting","filter":{"status":"open","assigned_to":["unassigned"],"waiting":true},"sort":"waiting_since"}"#;

/// The contacts of a list.
fn contacts(server: &Server, query: &str) -> Vec<String> {
    let page = server
        .get(&format!("/v1/conversations?{query}"))
        .expect(200);
    let rows = page["data"].as_array().unwrap();
    assert_eq!(page["total"], rows.len());
    let contact = |row: &Value| row["contact_id"].as_str().unwrap().to_owned();
    rows.iter().map(contact).collect()
}

#[test]
fn views_are_put_listed_counted_and_deleted() {
    let home = Home::new();
    let server = home.start();
    assert_eq!(server.get("/v1/views").expect(200), json!({"data": []}));
    for contact in ["con_1", "con_2", "con_3"] {
        server.conversation(contact);
    }
    let put = server.put("/v1/views/view_waiting", WAITING);
    let mut expected: Value = serde_json::from_str(WAITING).unwrap();
    expected["id"] = "view_waiting".into();
    assert_eq!(put.expect(201), expected);
    server.put("/v1/views/view_waiting", WAITING).expect(200);
    assert_eq!(
        server.get("/v1/views").expect(200),
        json!({"data": [expected]})
    );
    assert_eq!(server.get("/v1/views/view_waiting").expect(200), expected);
    assert_eq!(
        contacts(&server, "view=view_waiting"),
        ["con_1", "con_2", "con_3"]
    );
    let first = server
        .get("/v1/conversations?view=view_waiting&limit=1")
        .expect(200);
    let next = first["next"].as_str().unwrap();
    assert!(next.starts_with("waiting_since."), "{next}");
    let rest = server.get(&format!(
        "/v1/conversations?view=view_waiting&cursor={next}"
    ));
    assert_eq!(rest.expect(200)["data"][0]["contact_id"], "con_2");
    server
        .get(&format!("/v1/conversations?cursor={next}"))
        .refused(422, "validation_error", "cursor");
    assert_eq!(server.delete("/v1/views/view_waiting").status, 204);
    for path in [
        "/v1/views/view_waiting",
        "/v1/conversations?view=view_waiting",
    ] {
        server.get(path).refused(404, "not_found", "view_waiting");
    }
    server
        .delete("/v1/views/view_waiting")
        .refused(404, "not_found", "view_waiting");
    server
        .get("/v1/views/waiting")
        .refused(404, "not_found", "waiting");
}

#[test]
fn what_a_view_cannot_be_is_422_with_its_field() {
    let home = Home::new();
    let server = home.start();
    for (filter, field) in [
        (r#"{"status":"resolved","snoozed":true}"#, "filter.snoozed"),
        (r#"{"status":"resolved","waiting":true}"#, "filter.waiting"),
        (
            r#"{"tag":{"all":["vip"],"none":["VIP"]}}"#,
            "filter.tag.all",
        ),
        (
            r#"{"channel":["webchat"],"inbox":["whatsapp"]}"#,
            "filter.inbox",
        ),
        (r#"{"contact_id":"con_1"}"#, "filter.contact_id"),
        (r#"{"members_of":"team_1"}"#, "filter.members_of"),
        (r#"{"colour":"red"}"#, "colour"),
        (r#"{"unread":null}"#, "unread"),
        (r#"{"contact_id":null}"#, "contact_id"),
        (r#"{"priority":["top"]}"#, "priority"),
        ("[]", "filter"),
    ] {
        let body = format!(r#"{{"name":"Odd","filter":{filter},"sort":"created_at"}}"#);
        server
            .put("/v1/views/view_odd", &body)
            .refused(422, "validation_error", field);
    }
    let unsorted = r#"{"name":"Odd","filter":{},"sort":"name"}"#;
    server
        .put("/v1/views/view_odd", unsorted)
        .refused(422, "validation_error", "sort");
    server
        .put("/v1/views/odd", WAITING)
        .refused(422, "validation_error", "view_id");
    for number in 0..64 {
        server
            .put(&format!("/v1/views/view_{number}"), WAITING)
            .expect(201);
    }
    server
        .put("/v1/views/view_64", WAITING)
        .refused(422, "validation_error", "view_id");
}

#[test]
fn lists_filter_by_what_a_team_gave_and_sort_by_activity_without_a_view() {
    let home = Home::new();
    let server = home.start();
    let ids = ["con_1", "con_2", "con_3"].map(|contact| server.conversation(contact));
    let patch = |id: &str, body: &str| {
        server
            .patch(&format!("/v1/conversations/{id}"), body)
            .expect(200);
    };
    server
        .put("/v1/teams/team_a", r#"{"name":"A"}"#)
        .expect(201);
    patch(&ids[0], r#"{"priority":"urgent","tags":["VIP","gold"]}"#);
    patch(&ids[1], r#"{"priority":"low","team_id":"team_a"}"#);
    for (query, expected) in [
        ("sort=updated_at", &["con_1", "con_2", "con_3"][..]),
        ("sort=-updated_at", &["con_3", "con_2", "con_1"]),
        ("priority=urgent,low&sort=updated_at", &["con_1", "con_2"]),
        ("tag=vip", &["con_1"]),
        ("tag=silver,gold", &["con_1"]),
        ("team=team_a", &["con_2"]),
        ("waiting=true&priority=low&scan=true", &["con_2"]),
        ("waiting=false", &[]),
    ] {
        assert_eq!(contacts(&server, query), expected, "{query}");
    }
    server
        .get("/v1/conversations?sort=priority")
        .refused(422, "view_required", "sort");
    for (query, field) in [
        ("sort=name", "sort"),
        ("waiting=maybe", "waiting"),
        ("status=resolved&waiting=true", "waiting"),
        ("view=view_a&status=open", "status"),
        ("scan=false", "scan"),
    ] {
        server
            .get(&format!("/v1/conversations?{query}"))
            .refused(422, "validation_error", field);
    }
}
