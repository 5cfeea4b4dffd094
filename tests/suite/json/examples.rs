//! Every example of *Conversations* in the specification, word for word. A store produces each response,
//! which is compared as text: a field that is missing, one too many or in another place fails.

use convodb::prelude::*;
use convodb::testing::{ManualClock, SeededIds};
use convodb::{
    Channel, ContactId, Conversation, ConversationId, Filter, Import, NoteId, Options, PageRequest,
    UserId,
};
use serde::Serialize;

use crate::rules::inbox::{contact, time};
use convodb_testkit::specification::{
    ASSIGN_RESPONSE, GET_RESPONSE, LIST_RESPONSE, NOTES_RESPONSE, RESOLVE_RESPONSE, completed,
    completed_id,
};

const LIST_QUERY: &str = "status=open&channel=whatsapp&limit=20";
const NOTE: &str =
    "Customer is on the Enterprise plan. Check their Salesforce record before responding.";

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// The specified fields of a conversation: the counts that follow them are left out.
fn specified(value: &impl Serialize) -> String {
    let full = pretty(value);
    let further = [
        "unread_count",
        "inbound_count",
        "revision",
        "last_inbound_at",
        "last_message_at",
        "waiting_since",
        "opened_at",
        "first_reply_at",
        "resolved_at",
    ];
    let further = further.map(|field| format!("  \"{field}\": "));
    let is_further = |line: &&str| further.iter().any(|field| line.starts_with(field));
    let fields: Vec<_> = full.lines().filter(|line| !is_further(line)).collect();
    // These come last, so the comma before them goes too.
    fields.join("\n").replace(",\n}", "\n}")
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
    assert!(store.import(import).unwrap().effect.created);
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
    let (filter, page) = Filter::from_query(LIST_QUERY).unwrap();
    assert_eq!(filter, Filter::open().channel(Channel::Whatsapp));
    assert_eq!(page, PageRequest::number(1, 20).unwrap());
    let mut page = store.list(&filter, page).unwrap();
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
    let transcript = store.transcript(conversation_id()).unwrap();
    assert_eq!(specified(&transcript), completed(GET_RESPONSE));
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
    let answer = specified(&store.transcript(hello.conversation_id).unwrap())
        .replace(&hello.id.to_string(), "msg_01HMNO")
        .replace(&hello.conversation_id.to_string(), "conv_01HABC");
    assert_eq!(answer, GET_RESPONSE);
}

#[test]
fn assign_a_conversation_answers_the_example() {
    let store = store_at("2026-04-16T10:00:00Z");
    let alice = UserId::new("usr_01H111").unwrap();
    store.save_user(&alice, "Alice Support").unwrap();
    let assigned = store.assign(conversation_id(), &alice).unwrap().value;
    assert_eq!(specified(&assigned), completed(ASSIGN_RESPONSE));
}

#[test]
fn resolve_a_conversation_answers_the_example() {
    let store = store_at("2026-04-16T10:15:00Z");
    let resolved = store.resolve(conversation_id()).unwrap().value;
    assert_eq!(specified(&resolved), completed(RESOLVE_RESPONSE));
}

#[test]
fn add_an_internal_note_answers_the_example() {
    let store = store_at("2026-04-16T10:20:00Z");
    let note = store.add_note(conversation_id(), NOTE).unwrap();
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
        let transcript = store.transcript(conversation_id()).unwrap();
        assert_eq!(specified(&transcript), completed(example));
        let mut notes = store.notes(conversation_id()).unwrap();
        assert_eq!(pretty(&notes.next().unwrap().unwrap()), note);
    }
}
