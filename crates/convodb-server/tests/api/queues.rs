//! The queue of a team: snoozed conversations, teams, tags and the latest messages.

use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::server::{Home, until};

fn in_seconds(seconds: i64) -> String {
    let now = DateTime::<Utc>::from(SystemTime::now());
    let time = now + TimeDelta::seconds(seconds);
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[test]
fn a_snoozed_conversation_is_out_of_the_way_until_it_is_due_or_the_contact_writes() {
    let home = Home::new();
    let server = home.start();
    let [due, woken, kept] =
        ["con_1", "con_2", "con_3"].map(|contact| server.conversation(contact));
    let snooze = |id: &str, until: &str| {
        let body = format!(r#"{{"snoozed_until":"{until}"}}"#);
        server.patch(&format!("/v1/conversations/{id}"), &body)
    };
    snooze(&due, &in_seconds(-5)).refused(422, "validation_error", "snoozed_until");
    snooze(&due, &in_seconds(2)).expect(200);
    let hour = in_seconds(3_600);
    for id in [&woken, &kept] {
        assert_eq!(snooze(id, &hour).expect(200)["snoozed_until"], hour);
    }
    let total = |query: &str| {
        let list = server
            .get(&format!("/v1/conversations?{query}"))
            .expect(200);
        list["total"].as_u64().unwrap()
    };
    assert_eq!((total("status=open"), total("snoozed=false")), (3, 0));
    let list = server
        .get("/v1/conversations?snoozed=true&contact_id=con_3")
        .expect(200);
    assert_eq!(list["total"], 1);
    assert_eq!(list["data"][0]["snoozed_until"], hour);
    server
        .get("/v1/conversations?status=resolved&snoozed=true")
        .refused(422, "validation_error", "snoozed");
    server
        .get("/v1/conversations?snoozed=1")
        .refused(422, "validation_error", "snoozed");

    let hello = r#"{"contact_id":"con_2","channel":"whatsapp","type":"text","content":"Hello?"}"#;
    server.post("/v1/messages/receive", hello).expect(201);
    assert_eq!(total("snoozed=true&contact_id=con_2"), 0);
    until(|| (total("snoozed=true") == 1).then_some(()));
    let first = server.get("/v1/conversations?limit=1").expect(200);
    assert_eq!(first["data"][0]["id"], due.as_str());
    server
        .post(&format!("/v1/conversations/{kept}/resolve"), "")
        .expect(200);
    snooze(&kept, &hour).refused(422, "validation_error", "snoozed_until");

    let events = server.get("/v1/events").expect(200);
    let events = events["data"].as_array().unwrap();
    let reasons: Vec<_> = events
        .iter()
        .filter(|event| event["type"] == "conversation.unsnoozed")
        .map(|event| event["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["inbound", "due", "resolved"]);
}

#[test]
fn a_team_has_a_queue_beside_who_has_the_conversation() {
    let home = Home::new();
    let server = home.start();
    server
        .put("/v1/teams/billing", r#"{"name":"Billing"}"#)
        .expect(201);
    server
        .put("/v1/users/usr_1", r#"{"name":"Alice"}"#)
        .expect(201);
    let id = server.conversation("con_1");
    let path = format!("/v1/conversations/{id}");
    let team = json!({"id": "billing", "name": "Billing"});
    let assigned = server
        .post(&format!("{path}/assign"), r#"{"team_id":"billing"}"#)
        .expect(200);
    assert_eq!(assigned["team"], team);
    let taken = server
        .post(&format!("{path}/assign"), r#"{"user_id":"usr_1"}"#)
        .expect(200);
    assert_eq!(
        (&taken["team"], &taken["assigned_to"]["id"]),
        (&team, &json!("usr_1"))
    );
    let list = server.get("/v1/conversations").expect(200);
    assert_eq!(list["data"][0]["team"], team);
    server
        .patch(&path, r#"{"team_id":"none_such"}"#)
        .refused(422, "validation_error", "team_id");
    let cleared = server.patch(&path, r#"{"team_id":null}"#).expect(200);
    assert_eq!(cleared.get("team"), None);
}

#[test]
fn tags_are_counted_and_rows_have_their_latest_message() {
    let home = Home::new();
    let server = home.start();
    assert_eq!(server.get("/v1/tags").expect(200), json!({"data": []}));
    for (contact, tags) in [("con_1", r#"["VIP","refund"]"#), ("con_2", r#"["vip"]"#)] {
        let id = server.conversation(contact);
        let body = format!(r#"{{"tags":{tags}}}"#);
        server
            .patch(&format!("/v1/conversations/{id}"), &body)
            .expect(200);
    }
    let expected = json!({"data": [{"tag": "refund", "count": 1}, {"tag": "VIP", "count": 2}]});
    assert_eq!(server.get("/v1/tags").expect(200), expected);

    let plain = server.get("/v1/conversations").expect(200);
    let with = server
        .get("/v1/conversations?include=last_message")
        .expect(200);
    let mut rows: Vec<Value> = with["data"].as_array().unwrap().clone();
    for row in &mut rows {
        let message = row.as_object_mut().unwrap().remove("last_message").unwrap();
        assert_eq!(message["conversation_id"], row["id"]);
    }
    assert_eq!(&rows, plain["data"].as_array().unwrap());
    assert_eq!(
        (&with["total"], &with["page"]),
        (&plain["total"], &plain["page"])
    );
    server
        .get("/v1/conversations?include=messages")
        .refused(422, "validation_error", "include");
}

#[test]
fn resolved_conversations_of_an_age_are_deleted_where_that_is_asked_for() {
    let home = Home::new();
    let server = home.start_with(&["--keep-resolved", "0.00000001"]);
    let [open, resolved] = ["con_1", "con_2"].map(|contact| server.conversation(contact));
    server
        .post(&format!("/v1/conversations/{resolved}/resolve"), "")
        .expect(200);
    drop(server);
    let server = home.start_with(&["--keep-resolved", "0.00000001"]);
    let total = |status: &str| {
        let list = server
            .get(&format!("/v1/conversations?status={status}"))
            .expect(200);
        list["total"].as_u64().unwrap()
    };
    until(|| (total("resolved") == 0).then_some(()));
    let logged = "--keep-resolved: resolved conversations deleted: 1";
    until(|| server.log().contains(logged).then_some(()));
    assert_eq!(total("open"), 1);
    server.get(&format!("/v1/conversations/{open}")).expect(200);
}
