//! The list: sets of channels and assignees, pages, cursors.

use serde_json::Value;

use crate::server::{Home, Server};

/// Ids of the conversations of a page, in its order.
fn ids(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().unwrap();
    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    rows.iter().map(id).collect()
}

/// Three conversations on two channels: assigned to a user, assigned to a team, and unassigned.
fn inbox(server: &Server) -> [String; 3] {
    server
        .put("/v1/users/usr_1", r#"{"name":"Alice"}"#)
        .expect(201);
    server
        .put("/v1/teams/team_2", r#"{"name":"Billing"}"#)
        .expect(201);
    let [users, teams] = ["con_1", "con_2"].map(|contact| server.conversation(contact));
    let webchat = r#"{"contact_id":"con_3","channel":"webchat","type":"text","content":"Hi"}"#;
    let nobodys = server.post("/v1/messages/receive", webchat).expect(201);
    let assign = |id: &str, body: &str| {
        let path = format!("/v1/conversations/{id}/assign");
        server.post(&path, body).expect(200)
    };
    assign(&users, r#"{"user_id":"usr_1"}"#);
    let assigned = assign(&teams, r#"{"user_id":null,"team_id":"team_2"}"#);
    let team = serde_json::json!({"type": "team", "id": "team_2", "name": "Billing"});
    assert_eq!(assigned["assigned_to"], team);
    let nobodys = nobodys["conversation_id"].as_str().unwrap().to_owned();
    [users, teams, nobodys]
}

#[test]
fn filters_are_sets_and_combine() {
    let home = Home::new();
    let server = home.start();
    let [users, teams, nobodys] = &inbox(&server);
    let resolve = format!("/v1/conversations/{users}/resolve");
    server.curl(&resolve, &["--request", "POST"]).expect(200);
    for (query, expected) in [
        ("", vec![teams, nobodys]),
        ("status=open", vec![teams, nobodys]),
        ("status=resolved", vec![users]),
        ("status=all", vec![users, teams, nobodys]),
        ("status=all&channel=whatsapp", vec![users, teams]),
        (
            "status=all&channel=whatsapp,webchat",
            vec![users, teams, nobodys],
        ),
        (
            "status=all&channel=whatsapp%2Cwebchat",
            vec![users, teams, nobodys],
        ),
        ("status=all&channel=instagram,messenger", vec![]),
        (
            "status=all&assigned_to=usr_1,team_2,unassigned",
            vec![users, teams, nobodys],
        ),
        ("status=all&assigned_to=usr_1", vec![users]),
        ("assigned_to=usr_1", vec![]),
        ("assigned_to=team_2,usr_unknown", vec![teams]),
        ("assigned_to=unassigned", vec![nobodys]),
        ("unread=true", vec![teams, nobodys]),
        (
            "unread=true&channel=webchat&assigned_to=unassigned&page=1&limit=100",
            vec![nobodys],
        ),
    ] {
        let page = server
            .get(&format!("/v1/conversations?{query}"))
            .expect(200);
        let mut listed = ids(&page);
        let mut expected: Vec<_> = expected.into_iter().cloned().collect();
        assert_eq!(page["total"], expected.len(), "{query}");
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected, "{query}");
    }
}

#[test]
fn sixty_four_assignees_are_taken() {
    let home = Home::new();
    let server = home.start();
    let mut assignees: Vec<_> = (0..64).map(|number| format!("usr_{number}")).collect();
    assignees.push("unassigned".to_owned());
    let id = server.conversation("con_1");
    let query = format!("/v1/conversations?assigned_to={}", assignees.join(","));
    assert_eq!(ids(&server.get(&query).expect(200)), [id]);
}

#[test]
fn pages_are_numbered_and_only_one_that_has_a_next_tells_where_it_begins() {
    let home = Home::new();
    let server = home.start();
    let mut expected: Vec<_> = (0..5)
        .map(|number| server.conversation(&format!("con_{number}")))
        .collect();
    expected.reverse();
    let keys = |page: &Value| page.as_object().unwrap().len();

    let mut numbered = Vec::new();
    for (number, rows) in [(1, 2), (2, 2), (3, 1), (4, 0)] {
        let path = format!("/v1/conversations?limit=2&page={number}");
        let answer = server.get(&path);
        let page = answer.expect(200);
        assert_eq!((&page["total"], &page["page"]), (&5.into(), &number.into()));
        assert_eq!(keys(&page), if number < 3 { 4 } else { 3 }, "{page}");
        assert_eq!(ids(&page).len(), rows);
        if rows == 0 {
            assert_eq!(answer.body, r#"{"data":[],"total":5,"page":4}"#);
        }
        numbered.extend(ids(&page));
    }
    assert_eq!(numbered, expected);

    let mut followed = Vec::new();
    let mut path = "/v1/conversations?limit=2".to_owned();
    for number in 1.. {
        let page = server.get(&path).expect(200);
        assert_eq!(page["page"], number);
        followed.extend(ids(&page));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!(
            "/v1/conversations?limit=2&cursor={next}&page={}",
            number + 1
        );
    }
    assert_eq!(followed, expected);
}

#[test]
fn rows_have_their_contacts_where_that_is_asked_for() {
    let home = Home::new();
    let server = home.start();
    server.conversation("con_1");
    server.conversation("con_2");
    server
        .put("/v1/contacts/con_1", r#"{"name":"Maria"}"#)
        .expect(201);
    let list = |include: &str| {
        let path = format!("/v1/conversations?sort=updated_at&include={include}");
        server.get(&path).expect(200)["data"].clone()
    };
    let rows = list("contact");
    assert_eq!(
        rows[0]["contact"],
        server.get("/v1/contacts/con_1").expect(200)
    );
    assert_eq!(
        rows[1]["contact"],
        server.get("/v1/contacts/con_2").expect(200)
    );
    assert!(rows[0].get("last_message").is_none());
    let both = list("last_message,contact");
    assert_eq!(both[0]["contact"]["name"], "Maria");
    assert_eq!(both[0]["last_message"]["content"], "Hello");
    assert!(list("last_message")[0].get("contact").is_none());
    for refused in ["contacts", "contact,", "contact,notes"] {
        let path = format!("/v1/conversations?include={refused}");
        server
            .get(&path)
            .refused(422, "validation_error", "include");
    }
}
