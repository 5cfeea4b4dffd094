//! Users and teams.

use serde_json::json;

use crate::server::Home;

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
