//! What the inboxes of the tests have.

use convodb::{
    Assignee, Channel, ContactId, Content, Conversation, ConversationId, Direction, Import,
    Message, MessageId, Status, Store, UserId,
};
use serde_json::{Value, json};

use crate::server::{Home, Server};

pub(crate) const ALICE: &str = "usr_alice";
pub(crate) const BOB: &str = "usr_bob";

/// A server with two users and a team.
pub(crate) fn server() -> (Home, Server) {
    let home = Home::new();
    let server = home.start();
    staff(&server);
    (home, server)
}

pub(crate) fn staff(server: &Server) {
    for (id, name) in [(ALICE, "Alice Support"), (BOB, "Bob Support")] {
        let body = json!({"name": name}).to_string();
        server.put(&format!("/v1/users/{id}"), &body).expect(201);
    }
    let body = json!({"name": "Billing", "members": [ALICE]}).to_string();
    server.put("/v1/teams/team_billing", &body).expect(201);
}

pub(crate) fn name(server: &Server, contact: &str, name: &str) {
    let body = json!({"name": name}).to_string();
    let answer = server.put(&format!("/v1/contacts/{contact}"), &body);
    assert!(matches!(answer.status, 200 | 201), "{answer:?}");
}

/// Receives a message on WhatsApp, with these fields, and answers it.
pub(crate) fn receive(server: &Server, contact: &str, fields: Value) -> Value {
    post(server, "/v1/messages/receive", contact, fields)
}

pub(crate) fn send(server: &Server, contact: &str, fields: Value) -> Value {
    post(server, "/v1/messages/send", contact, fields)
}

fn post(server: &Server, path: &str, contact: &str, fields: Value) -> Value {
    let mut body = json!({"contact_id": contact, "type": "text"});
    let has_inbox = fields.get("inbox_id").is_some() || fields.get("channel").is_some();
    if !has_inbox {
        body["channel"] = json!("whatsapp");
    }
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    server.post(path, &body.to_string()).expect(201)
}

/// A text of a contact; answers the conversation.
pub(crate) fn text(server: &Server, contact: &str, content: &str) -> String {
    let message = receive(server, contact, json!({"content": content}));
    message["conversation_id"].as_str().unwrap().to_owned()
}

pub(crate) fn note(server: &Server, conversation: &str, content: &str) {
    let body = json!({"content": content}).to_string();
    let path = format!("/v1/conversations/{conversation}/notes");
    let actor = format!("X-Convodb-Actor: {ALICE}");
    let arguments = [
        "--header",
        crate::server::JSON,
        "--header",
        &actor,
        "--data-binary",
        &body,
    ];
    server.curl(&path, &arguments).expect(201);
}

/// Names a message of a conversation, beside these fields.
pub(crate) fn about(message: &Value, fields: Value) -> String {
    let mut body =
        json!({"conversation_id": message["conversation_id"], "message_id": message["id"]});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.to_string()
}

/// Fills a store with so many open conversations, of one message each, while no server runs.
pub(crate) fn fill(home: &Home, size: u64) {
    let store = Store::open(home.db()).unwrap();
    let alice = || Assignee::new(UserId::new(ALICE).unwrap(), "Alice Support");
    let imports = (0..size).map(|number| {
        let millis = 1_760_000_000_000 + number * 1_000;
        let at = chrono::DateTime::from_timestamp_millis(millis.try_into().unwrap()).unwrap();
        let id = ConversationId::from_parts(millis, number.into());
        let contact = ContactId::new(&format!("con_{number:06}")).unwrap();
        let channel = Channel::ALL[(number % 4) as usize];
        let mut conversation = Conversation::new(id, contact, channel, at);
        conversation.status = Status::Open;
        conversation.unread_count = number % 3 / 2;
        conversation.assigned_to = number.is_multiple_of(2).then(alice);
        let text = Content::text(format!("Where is my order {number}?"));
        let id = MessageId::from_parts(millis, number.into());
        let message = Message::new(id, conversation.id, Direction::Inbound, text, at);
        Import::new(conversation, vec![message])
    });
    store.import_all(imports).unwrap();
    store.close().unwrap();
}
