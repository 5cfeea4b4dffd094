//! Every example of *Conversations* in the specification, word for word: what a service answers is
//! produced by a store and compared as text, so a field that is missing, one too many or in
//! another place fails; what it is sent is parsed.

use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    AssignRequest, AssigneeId, Channel, ContactId, Conversation, ConversationId, Filter, Import,
    ListQuery, NoteId, NoteRequest, Options, PageRequest, Store, UserId,
};
use serde::Serialize;

use crate::rules::inbox::{contact, time};
use convodb_testkit::specification::{
    ASSIGN_RESPONSE, GET_RESPONSE, LIST_RESPONSE, NOTES_RESPONSE, RESOLVE_RESPONSE, completed,
    completed_id,
};

const LIST_QUERY: &str = "status=open&channel=whatsapp&limit=20";
const ASSIGN_REQUEST: &str = r#"{"user_id": "usr_01H111"}"#;
const NOTES_REQUEST: &str = r#"{"content": "Customer is on the Enterprise plan. Check their Salesforce record before responding."}"#;
fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

fn conversation_id() -> ConversationId {
    ConversationId::new(&completed_id("conv_01HABC")).unwrap()
}

/// A store that holds the conversation of *Get a conversation*, at this time.
fn store_at(now: &str) -> Store {
    let store = Options::new()
        .clock(ManualClock::at(time(now)))
        .ids(SeededIds::new(7))
        .open_in_memory()
        .unwrap();
    let import: Import = serde_json::from_str(&completed(GET_RESPONSE)).unwrap();
    assert!(store.import(import).unwrap().created);
    store
}

#[test]
fn the_ids_of_the_examples_are_completed_with_zeros() {
    assert_eq!(
        completed(r#"{"id": "msg_01HMNO", "contact_id": "con_01HXYZ"}"#),
        r#"{"id": "msg_01HMN000000000000000000000", "contact_id": "con_01HXYZ"}"#
    );
    assert_eq!(
        NoteId::new(&completed_id("note_01HPQR"))
            .unwrap()
            .to_string(),
        "note_01HPQR00000000000000000000"
    );
}

#[test]
fn list_conversations_answers_the_example() {
    let store = Store::in_memory().unwrap();
    let example: serde_json::Value = serde_json::from_str(&completed(LIST_RESPONSE)).unwrap();
    let import: Import = serde_json::from_value(example["data"][0].clone()).unwrap();
    store.import(import).unwrap();
    // The other 37 of its total, all active before it, and some that the query does not select.
    for n in 0..40_u64 {
        let id = ConversationId::from_parts(1_000, n.into());
        let who = ContactId::new(&format!("con_{n}")).unwrap();
        let channel = match n {
            0..37 => Channel::Whatsapp,
            _ => Channel::Webchat,
        };
        let older = Conversation::new(id, who, channel, time("2026-04-16T09:11:59.999999Z"));
        store.import(Import::new(older, vec![])).unwrap();
    }
    let query: ListQuery = LIST_QUERY.parse().unwrap();
    assert_eq!(query.filter, Filter::open().channel(Channel::Whatsapp));
    assert_eq!(query.page, PageRequest::new(1, 20).unwrap());
    let mut page = store.list(&query.filter, query.page).unwrap();
    assert_eq!(page.data.len(), 20);

    let full = serde_json::to_string(&page).unwrap();
    assert!(full.starts_with(r#"{"data":[{"id":"conv_01HABC"#));
    let next = page.next.take().unwrap();
    assert!(full.ends_with(&format!(r#"],"total":38,"page":1,"next":"{next}"}}"#)));
    // The example shows the first of its rows.
    page.data.truncate(1);
    assert_eq!(pretty(&page), completed(LIST_RESPONSE));
}

#[test]
fn get_a_conversation_answers_the_example() {
    let store = store_at("2026-04-16T09:10:00Z");
    let thread = store.get(conversation_id()).unwrap();
    assert_eq!(pretty(&thread), completed(GET_RESPONSE));
}

#[test]
fn a_first_message_makes_the_conversation_of_the_example() {
    let store = Options::new()
        .clock(ManualClock::at(time("2026-04-16T09:10:00Z")))
        .ids(SeededIds::new(7))
        .open_in_memory()
        .unwrap();
    let text = "Hello, I need help with my order.";
    let hello = convodb::Inbound::text(contact("con_01HXYZ"), Channel::Whatsapp, text);
    let hello = store.receive(hello).unwrap().value;
    store.mark_read(hello.conversation_id, 1).unwrap();
    // All but the ids, which the store gives out itself.
    let answer = pretty(&store.get(hello.conversation_id).unwrap())
        .replace(&hello.id.to_string(), "msg_01HMNO")
        .replace(&hello.conversation_id.to_string(), "conv_01HABC");
    assert_eq!(answer, GET_RESPONSE);
}

#[test]
fn assign_a_conversation_takes_and_answers_the_example() {
    let store = store_at("2026-04-16T10:00:00Z");
    let alice = UserId::new("usr_01H111").unwrap();
    store.put_user(&alice, "Alice Support").unwrap();
    let request: AssignRequest = serde_json::from_str(ASSIGN_REQUEST).unwrap();
    let assignee = AssigneeId::try_from(request).unwrap();
    assert_eq!(assignee, AssigneeId::from(alice));
    let assigned = store.assign(conversation_id(), &assignee).unwrap().value;
    assert_eq!(pretty(&assigned), completed(ASSIGN_RESPONSE));
}

#[test]
fn resolve_a_conversation_answers_the_example() {
    let store = store_at("2026-04-16T10:15:00Z");
    let resolved = store.resolve(conversation_id()).unwrap().value;
    assert_eq!(pretty(&resolved), completed(RESOLVE_RESPONSE));
}

#[test]
fn add_an_internal_note_takes_and_answers_the_example() {
    let store = store_at("2026-04-16T10:20:00Z");
    let request: NoteRequest = serde_json::from_str(NOTES_REQUEST).unwrap();
    let note = store.add_note(conversation_id(), request.content).unwrap();
    let mut note = note.value;
    // All but the id, which the store gives out itself.
    note.id = NoteId::new(&completed_id("note_01HPQR")).unwrap();
    assert_eq!(pretty(&note), completed(NOTES_RESPONSE));
}

#[test]
fn every_answer_of_the_examples_can_be_imported_and_reads_the_same() {
    let note = completed(NOTES_RESPONSE);
    for example in [GET_RESPONSE, ASSIGN_RESPONSE, RESOLVE_RESPONSE] {
        let store = Store::in_memory().unwrap();
        let mut import: Import = serde_json::from_str(&completed(example)).unwrap();
        import.notes = vec![serde_json::from_str(&note).unwrap()];
        store.import(import).unwrap();
        let thread = store.get(conversation_id()).unwrap();
        assert_eq!(pretty(&thread), completed(example));
        let mut notes = store.notes(conversation_id()).unwrap();
        assert_eq!(pretty(&notes.next().unwrap().unwrap()), note);
    }
}
