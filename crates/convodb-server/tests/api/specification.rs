//! The specification's own requests, word for word but for the host and the key, sent by curl; and
//! its answers, compared field for field and in their order. The counts of a conversation follow its
//! specified fields.
//!
//! Times and ids of the server's own are compared by their form.

use std::process::Command;

use convodb::commands::SaveAssignee;
use convodb::{Channel, Import, UserId};

use crate::server::{Answer, CURL, Home, KEY, Server};
use convodb_testkit::specification::{
    ASSIGN_RESPONSE, GET_RESPONSE, LIST_RESPONSE, NOTES_RESPONSE, RESOLVE_RESPONSE, completed,
    completed_id,
};

const LIST: &str = "curl --request GET \
  --url 'https://api.waply.io/v1/conversations?status=open&channel=whatsapp&limit=20' \
  --header 'Authorization: Bearer YOUR_API_KEY'";

const GET: &str = "curl --request GET \
  --url https://api.waply.io/v1/conversations/conv_01HABC \
  --header 'Authorization: Bearer YOUR_API_KEY'";

const ASSIGN: &str = "curl --request POST \
  --url https://api.waply.io/v1/conversations/conv_01HABC/assign \
  --header 'Authorization: Bearer YOUR_API_KEY' \
  --header 'Content-Type: application/json' \
  --data '{\"user_id\": \"usr_01H111\"}'";

const RESOLVE: &str = "curl --request POST \
  --url https://api.waply.io/v1/conversations/conv_01HABC/resolve \
  --header 'Authorization: Bearer YOUR_API_KEY'";

const NOTE: &str = "curl --request POST \
  --url https://api.waply.io/v1/conversations/conv_01HABC/notes \
  --header 'Authorization: Bearer YOUR_API_KEY' \
  --header 'Content-Type: application/json' \
  --data '{\"content\": \"Customer is on the Enterprise plan. Check their Salesforce record before responding.\"}'";

/// The counts of a conversation of one message that was assigned or resolved.
const CHANGED_ONCE: &str = r#""inbound_count":1,"revision":1"#;

/// Without white space between the values, and with whole ids.
fn compact(json: &str) -> String {
    let mut within = false;
    completed(json)
        .chars()
        .filter(|c| {
            within ^= *c == '"';
            within || !c.is_whitespace()
        })
        .collect()
}

/// The same without the value of a field, which is only measured.
fn without(json: &str, field: &str) -> (String, usize) {
    let (before, rest) = json.split_once(&format!("\"{field}\":\"")).unwrap();
    let (value, after) = rest.split_once('"').unwrap();
    (format!("{before}\"{field}\":{after}"), value.len())
}

/// A conversation of an example with the counts that follow its specified fields.
fn with_counts(conversation: &str, counts: &str) -> String {
    format!("{},{counts}}}", conversation.strip_suffix('}').unwrap())
}

/// A server with Alice, the conversation of the examples as an import has it, and `more` others.
fn server(conversation: &str, more: usize) -> (Home, Server) {
    let home = Home::new();
    home.execute([SaveAssignee {
        assignee: UserId::new("usr_01H111").unwrap().into(),
        name: "Alice Support".to_owned(),
    }]);
    let import: Import = serde_json::from_str(&compact(conversation)).unwrap();
    let mut imports = vec![import.clone()];
    for number in 0..more {
        let id = convodb::ConversationId::from_parts(1, number as u128);
        let contact = convodb::ContactId::new(&format!("con_{number}")).unwrap();
        let at = import.conversation.created_at;
        let other = convodb::Conversation::new(id, contact, Channel::Whatsapp, at);
        imports.push(Import::new(other, Vec::new()));
    }
    home.execute(imports);
    let server = home.start();
    (home, server)
}

/// Runs a request as the specification writes it.
fn run(request: &str, server: &Server) -> Answer {
    let (curl, rest) = request.split_once(' ').unwrap();
    let rest = rest
        .replace("https://api.waply.io", &server.url)
        .replace("YOUR_API_KEY", KEY)
        .replace("conv_01HABC", &completed_id("conv_01HABC"));
    let quoted: Vec<_> = CURL.iter().map(|part| format!("'{part}'")).collect();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{curl} {} {rest}", quoted.join(" "))]);
    Answer::of(shell)
}

#[test]
fn list_conversations_answers_the_example() {
    let listed: serde_json::Value = serde_json::from_str(LIST_RESPONSE).unwrap();
    let (_home, server) = server(&listed["data"][0].to_string(), 37);
    let answer = run(LIST, &server);
    answer.expect(200);
    // The example shows the first row of its 38.
    let (first, rest) = answer.body.split_once("},{").unwrap();
    let (expected, end) = compact(LIST_RESPONSE)
        .split_once("}],")
        .map(|(row, end)| (row.to_owned(), end.to_owned()))
        .unwrap();
    assert_eq!(first, expected);
    let (_, end_of_answer) = rest.rsplit_once("}],").unwrap();
    let end_of_answer = end_of_answer.split_once(",\"next\"").unwrap().0;
    assert_eq!(format!("{end_of_answer}}}"), end);
}

#[test]
fn a_page_that_is_the_only_one_is_the_examples_and_nothing_else() {
    let listed: serde_json::Value = serde_json::from_str(LIST_RESPONSE).unwrap();
    let (_home, server) = server(&listed["data"][0].to_string(), 0);
    let answer = run(LIST, &server);
    answer.expect(200);
    let expected = compact(LIST_RESPONSE).replace("\"total\":38", "\"total\":1");
    assert_eq!(answer.body, expected);
}

#[test]
fn get_a_conversation_answers_the_example() {
    let (_home, server) = server(GET_RESPONSE, 0);
    let answer = run(GET, &server);
    answer.expect(200);
    let counts = r#""inbound_count":1"#;
    assert_eq!(answer.body, with_counts(&compact(GET_RESPONSE), counts));
}

#[test]
fn assign_a_conversation_answers_the_example() {
    let (_home, server) = server(GET_RESPONSE, 0);
    let answer = run(ASSIGN, &server);
    answer.expect(200);
    let (expected, _) = without(&compact(ASSIGN_RESPONSE), "updated_at");
    let (shown, time) = without(&answer.body, "updated_at");
    assert_eq!(shown, with_counts(&expected, CHANGED_ONCE));
    assert!(time >= "2026-04-16T10:00:00Z".len());
}

#[test]
fn resolve_a_conversation_answers_the_example() {
    let (_home, server) = server(GET_RESPONSE, 0);
    let answer = run(RESOLVE, &server);
    answer.expect(200);
    let (expected, _) = without(&compact(RESOLVE_RESPONSE), "updated_at");
    let shown = without(&answer.body, "updated_at").0;
    let (shown, time) = without(&shown, "resolved_at");
    assert!(time >= "2026-04-16T10:15:00Z".len());
    let counts = format!(r#"{CHANGED_ONCE},"resolved_at":"#);
    assert_eq!(shown, with_counts(&expected, &counts));
    // It has left the default view.
    assert_eq!(server.get("/v1/conversations").expect(200)["total"], 0);
}

#[test]
fn add_an_internal_note_answers_the_example() {
    let (_home, server) = server(GET_RESPONSE, 0);
    let answer = run(NOTE, &server);
    answer.expect(201);
    let expected = without(&without(&compact(NOTES_RESPONSE), "id").0, "created_at").0;
    let (shown, id) = without(&answer.body, "id");
    assert_eq!(without(&shown, "created_at").0, expected);
    assert_eq!(id, "note_".len() + 26);
    // It is no message.
    let thread = server
        .get(&format!(
            "/v1/conversations/{}",
            completed_id("conv_01HABC")
        ))
        .expect(200);
    assert_eq!(thread["messages"].as_array().unwrap().len(), 1);
}
