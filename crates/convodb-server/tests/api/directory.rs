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
        r#"{"type":"team","id":"tier-2/3","name":"Tier 2/3","members":[]}"#
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

#[test]
fn a_team_has_members_until_others_are_put_or_they_are_removed() {
    let home = Home::new();
    let server = home.start();
    for id in ["usr_1", "usr_2"] {
        server
            .put(&format!("/v1/users/{id}"), r#"{"name":"A"}"#)
            .expect(201);
    }
    let path = "/v1/teams/team_1";
    server.get(path).refused(404, "not_found", "team_1");
    server
        .get("/v1/teams/usr_1")
        .refused(404, "not_found", "usr_1");
    let put = |body: &str| server.put(path, body);
    let team = put(r#"{"name":"Billing","members":["usr_2","usr_1","usr_2"]}"#);
    team.expect(201);
    let expected = r#"{"type":"team","id":"team_1","name":"Billing","members":["usr_1","usr_2"]}"#;
    assert_eq!(team.body, expected);
    for same in [
        r#"{"name":"Billing"}"#,
        r#"{"name":"Billing","members":null}"#,
    ] {
        let answer = put(same);
        answer.expect(200);
        assert_eq!(answer.body, expected);
    }
    assert_eq!(server.get(path).body, expected);
    put(r#"{"name":"Billing","members":[]}"#).expect(200);
    assert_eq!(server.get(path).expect(200)["members"], json!([]));
}

#[test]
fn what_cannot_be_a_member_is_refused_by_its_place() {
    let home = Home::new();
    let server = home.start();
    server.put("/v1/users/usr_1", r#"{"name":"A"}"#).expect(201);
    let many = vec![r#""usr_1""#; 65].join(",");
    for (members, field) in [
        (r#"["usr_1","usr_unknown"]"#, "members[1]"),
        (r#"["team_1"]"#, "members[0]"),
        (&format!("[{many}]"), "members"),
    ] {
        let body = format!(r#"{{"name":"Billing","members":{members}}}"#);
        server
            .put("/v1/teams/team_1", &body)
            .refused(422, "validation_error", field);
    }
    server
        .get("/v1/teams/team_1")
        .refused(404, "not_found", "team_1");
    let user = r#"{"name":"A","members":[]}"#;
    server
        .put("/v1/users/usr_1", user)
        .refused(422, "validation_error", "members");
}

#[test]
fn a_list_of_members_is_the_union_of_theirs() {
    let home = Home::new();
    let server = home.start();
    for id in ["usr_1", "usr_2", "usr_3"] {
        server
            .put(&format!("/v1/users/{id}"), r#"{"name":"A"}"#)
            .expect(201);
    }
    let members = r#"{"name":"Billing","members":["usr_1","usr_2"]}"#;
    server.put("/v1/teams/team_1", members).expect(201);
    let assign = |contact: &str, body: &str| {
        let id = server.conversation(contact);
        let path = format!("/v1/conversations/{id}/assign");
        server.post(&path, body).expect(200);
        id
    };
    let first = assign("con_1", r#"{"user_id":"usr_1"}"#);
    let second = assign("con_2", r#"{"user_id":"usr_2"}"#);
    let third = assign("con_3", r#"{"user_id":"usr_3"}"#);
    let of_team = assign("con_4", r#"{"team_id":"team_1"}"#);
    let list = |query: &str| {
        let page = server
            .get(&format!("/v1/conversations?{query}"))
            .expect(200);
        let rows = page["data"].as_array().unwrap().iter();
        let mut ids: Vec<_> = rows
            .map(|row| row["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(page["total"], ids.len());
        ids.sort();
        ids
    };
    assert_eq!(list("members_of=team_1"), [&*first, &*second]);
    assert_eq!(
        list("members_of=team_1&assigned_to=team_1"),
        [&*first, &*second, &*of_team]
    );
    assert_eq!(list("members_of=team_unknown"), [""; 0]);
    let members = r#"{"name":"Billing","members":["usr_3"]}"#;
    server.put("/v1/teams/team_1", members).expect(200);
    assert_eq!(list("members_of=team_1"), [&*third]);
    for wrong in [
        "members_of=",
        "members_of=usr_1",
        "members_of=team_1,team_2",
    ] {
        server.get(&format!("/v1/conversations?{wrong}")).refused(
            422,
            "validation_error",
            "members_of",
        );
    }
    let view = r#"{"name":"A","filter":{"members_of":"team_1"},"sort":"-updated_at"}"#;
    server
        .put("/v1/views/view_1", view)
        .refused(422, "validation_error", "filter.members_of");
}

#[test]
fn users_and_teams_are_listed_by_their_ids() {
    let home = Home::new();
    let server = home.start();
    let empty = server.get("/v1/users").expect(200);
    assert_eq!(empty.to_string(), r#"{"data":[]}"#);
    server
        .put("/v1/users/usr_2", r#"{"name":"Bob"}"#)
        .expect(201);
    server
        .put("/v1/users/usr_1", r#"{"name":"Alice"}"#)
        .expect(201);
    let team = r#"{"name":"Billing","members":["usr_1"]}"#;
    server.put("/v1/teams/team_1", team).expect(201);
    assert_eq!(
        server.get("/v1/users").body,
        r#"{"data":[{"type":"user","id":"usr_1","name":"Alice"},{"type":"user","id":"usr_2","name":"Bob"}]}"#
    );
    assert_eq!(
        server.get("/v1/teams").body,
        r#"{"data":[{"type":"team","id":"team_1","name":"Billing"}]}"#
    );
    server
        .get("/v1/users?page=1")
        .refused(422, "validation_error", "page");
    server
        .curl_as_it_is("/v1/teams", &[])
        .refused(401, "unauthorized", "key");
}
