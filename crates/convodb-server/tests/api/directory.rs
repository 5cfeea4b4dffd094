//! Users and teams.

use serde_json::json;

use crate::server::{Answer, Home, JSON, Server};

fn put_with(server: &Server, path: &str, body: &str, headers: &[&str]) -> Answer {
    let mut arguments = vec!["--request", "PUT", "--header", JSON, "--data", body];
    for header in headers {
        arguments.extend(["--header", header]);
    }
    server.curl(path, &arguments)
}

#[test]
fn what_is_new_is_201_what_was_there_200_and_a_rename_shows_everywhere() {
    let home = Home::new();
    let server = home.start();
    let alice = server.put("/v1/users/usr_01H111", r#"{"name":"Alice"}"#);
    alice.expect(201);
    assert_eq!(
        alice.body,
        r#"{"type":"user","id":"usr_01H111","name":"Alice"}"#
    );
    server
        .put("/v1/users/usr_01H111", r#"{"name":"Alice"}"#)
        .expect(200);

    let id = server.conversation("con_1");
    let assign = format!("/v1/conversations/{id}/assign");
    server
        .post(&assign, r#"{"user_id":"usr_01H111"}"#)
        .expect(200);
    let renamed = server.put("/v1/users/usr_01H111", r#"{"name":"Alice Support"}"#);
    renamed.expect(200);
    let shown = server.get(&format!("/v1/conversations/{id}")).expect(200);
    let expected = json!({"type": "user", "id": "usr_01H111", "name": "Alice Support"});
    assert_eq!(shown["assigned_to"], expected);

    let team = server.put("/v1/teams/tier%202%2F3", r#"{"name":"Tier"}"#);
    team.refused(422, "validation_error", "team_id");
    let team = server.put("/v1/teams/tier-2%2F3", r#"{"name":"Tier 2/3"}"#);
    team.expect(201);
    assert_eq!(
        team.body,
        r#"{"type":"team","id":"tier-2/3","name":"Tier 2/3"}"#
    );
}

#[test]
fn what_is_put_honours_key_and_actor_and_refuses_a_revision() {
    let home = Home::new();
    let server = home.start();
    for (path, first, other) in [
        (
            "/v1/users/usr_carl",
            r#"{"name":"Carl"}"#,
            r#"{"name":"Carla"}"#,
        ),
        (
            "/v1/teams/team_a",
            r#"{"name":"A"}"#,
            r#"{"name":"Another"}"#,
        ),
        (
            "/v1/inboxes/inb_a",
            r#"{"name":"A","channel":"webchat"}"#,
            r#"{"name":"Another","channel":"webchat"}"#,
        ),
    ] {
        let key = format!("Idempotency-Key: {path}");
        put_with(&server, path, first, &[&key]).expect(201);
        put_with(&server, path, first, &[&key]).expect(200);
        let reused = put_with(&server, path, other, &[&key]);
        reused.refused(422, "idempotency_key_reused", "idempotency key");
        let bogus = put_with(&server, path, other, &["X-Convodb-Actor: bogus"]);
        bogus.refused(422, "validation_error", "X-Convodb-Actor");
        let unknown = put_with(&server, path, other, &["X-Convodb-Actor: usr_zed"]);
        unknown.refused(422, "validation_error", "X-Convodb-Actor");
        let tagged = put_with(&server, path, other, &["If-Match: \"1\""]);
        tagged.refused(422, "validation_error", "If-Match");
        let acted = put_with(&server, path, first, &["X-Convodb-Actor: usr_carl"]);
        acted.expect(200);
    }
    let inbox = server.get("/v1/inboxes/inb_a").expect(200);
    assert_eq!(inbox["name"], "A");
}
