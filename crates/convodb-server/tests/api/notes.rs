//! Internal notes.

use crate::server::Home;

#[test]
fn notes_are_listed_oldest_first_in_pages_and_are_no_messages() {
    let home = Home::new();
    let server = home.start();
    let id = server.conversation("con_1");
    let path = format!("/v1/conversations/{id}/notes");
    assert_eq!(server.get(&path).body, r#"{"data":[],"total":0,"page":1}"#);
    let notes: Vec<_> = ["one", "two", "three"]
        .iter()
        .map(|content| {
            let answer = server.post(&path, &format!(r#"{{"content":"{content}"}}"#));
            answer.expect(201);
            answer.body
        })
        .collect();
    let page = |rows: &[String], number: u32| {
        format!(
            r#"{{"data":[{}],"total":3,"page":{number}}}"#,
            rows.join(",")
        )
    };
    assert_eq!(server.get(&path).body, page(&notes, 1));
    let second = server.get(&format!("{path}?page=2&limit=2"));
    assert_eq!(second.body, page(&notes[2..], 2));
    let behind = server.get(&format!("{path}?page=18446744073709551615&limit=100"));
    assert_eq!(behind.expect(200)["data"].as_array().unwrap().len(), 0);

    let thread = server.get(&format!("/v1/conversations/{id}")).expect(200);
    assert_eq!(thread["messages"].as_array().unwrap().len(), 1);
}
