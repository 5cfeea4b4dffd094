//! What queries and commands return, read from its own JSON.

use std::fmt::Debug;

use convodb::prelude::*;
use convodb::{
    Actor, Channel, ConsumerPosition, Context, Conversation, Effect, Event, EventSeq, Filter,
    Inbound, Message, Note, Outbound, Outcome, Page, PageRequest, Receipt, Revision, Transcript,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::rules::inbox::{Inbox, contact};

/// Writes a value, reads it, and compares the two.
#[track_caller]
fn assert_read_again<T: Serialize + DeserializeOwned + Debug + PartialEq>(value: &T) -> Value {
    let text = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&text).unwrap();
    assert_eq!(read, *value, "{text}");
    let tree = serde_json::to_value(value).unwrap();
    let read: T = serde_json::from_value(tree.clone()).unwrap();
    assert_eq!(read, *value, "as a tree: {text}");
    tree
}

/// A store with conversations of every status and assignee, and events of most types.
fn filled() -> Inbox {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let alice = inbox.user("usr_alice", "Alice \"A\"");
    let billing = inbox.team("team_billing", "Billing");
    for (number, channel) in Channel::ALL.into_iter().enumerate() {
        let at = inbox.later();
        let from = contact(&format!("con_{number}"));
        let hello = Inbound::text(&from, channel, "Hello")
            .provider_id("1")
            .provider_time(at);
        let id = store.receive(hello).unwrap().value.conversation_id;
        let sent = store
            .send(Outbound::text(&from, channel, "Hi"))
            .unwrap()
            .value;
        store
            .record_delivery(&sent, Receipt::failed("131026", "lost"))
            .unwrap();
        store.record_delivery(&sent, Receipt::read()).unwrap();
        let signed = store.with(Context::new().actor(Actor::new("usr_alice").unwrap()));
        signed.add_note(id, "Enterprise plan.").unwrap();
        match number {
            0 => drop(store.assign(id, &alice).unwrap()),
            1 => {
                store.assign(id, &billing).unwrap();
                store.resolve(id).unwrap();
                store.assign(id, &alice).unwrap();
            }
            2 => {
                store.mark_read(id, 1).unwrap();
                store.assign(id, &billing).unwrap();
                store.resolve(id).unwrap();
                store.unassign(id).unwrap();
            }
            _ => {}
        }
    }
    inbox
}

#[test]
fn conversations_transcripts_messages_and_notes_are_read_again() {
    let inbox = filled();
    let store = &inbox.store;
    let rows = store.list(&Filter::all(), (1, 100)).unwrap().data;
    assert_eq!(rows.len(), 4);
    for row in rows {
        let written = assert_read_again::<Conversation>(&row);
        assert_eq!(written["messages"], json!([]));
        let transcript = store.transcript(row.id).unwrap();
        let written = assert_read_again::<Transcript>(&transcript);
        assert_eq!(written["messages"].as_array().unwrap().len(), 2);
        let messages = serde_json::from_value::<Conversation>(written.clone());
        let error = messages.unwrap_err().to_string();
        assert!(error.starts_with("messages: do not belong here"), "{error}");
        for message in &transcript.messages {
            assert_read_again::<Message>(message);
        }
        for note in store.notes(row.id).unwrap() {
            assert_read_again::<Note>(&note.unwrap());
        }
    }
    for assignee in store.assignees().unwrap() {
        assert_read_again(&assignee);
    }
}

#[test]
fn the_counts_of_a_conversation_are_read_where_they_are_and_zero_where_they_are_not() {
    let inbox = Inbox::new();
    let id = inbox.conversation();
    inbox.hello("con_01HXYZ");
    inbox.store.mark_read(id, 1).unwrap();
    inbox.store.resolve(id).unwrap();
    let shown = inbox.show(id);
    let mut written = assert_read_again(&shown);
    for (field, count) in [("unread_count", 1), ("inbound_count", 2), ("revision", 1)] {
        assert_eq!(written[field], count, "{field}");
        written.as_object_mut().unwrap().remove(field);
    }
    let read: Conversation = serde_json::from_value(written.clone()).unwrap();
    assert_eq!((read.unread_count, read.inbound_count), (0, 0));
    assert_eq!(read.revision, Revision::ZERO);
    for (field, bad) in [
        ("unread_count", json!(-1)),
        ("inbound_count", json!("2")),
        ("revision", json!(null)),
    ] {
        let mut written = written.clone();
        written[field] = bad;
        assert!(
            serde_json::from_value::<Conversation>(written).is_err(),
            "{field}"
        );
    }
}

#[test]
fn pages_are_read_again_but_for_their_offset() {
    let inbox = filled();
    let list = |page: PageRequest| inbox.store.list(&Filter::all(), page).unwrap();
    let first = list(PageRequest::number(1, 2).unwrap());
    let cursor = first.next.unwrap();
    let id = first.data[1].id;
    for mut page in [
        first,
        list(PageRequest::number(2, 2).unwrap()),
        list(PageRequest::number(9, 2).unwrap()),
        list(PageRequest::after(cursor, 1).unwrap()),
        list(PageRequest::after(cursor, 9).unwrap()),
        list(PageRequest::around(id, 3).unwrap()),
    ] {
        // It is not in the JSON.
        page.offset = None;
        let written = assert_read_again::<Page<Conversation>>(&page);
        assert_eq!(written["total"], 4);
        assert_eq!(written.get("page").is_some(), page.number.is_some());
        assert_eq!(written.get("next").is_some(), page.next.is_some());
    }
    let unknown = r#"{"data":[],"total":0,"pages":1}"#;
    assert!(serde_json::from_str::<Page<Conversation>>(unknown).is_err());
}

#[test]
fn events_are_read_again() {
    let inbox = filled();
    let events = inbox.store.events(EventSeq::ZERO, 1_000).unwrap();
    let mut types: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    for event in &events {
        let written = assert_read_again::<Event>(event);
        assert_eq!(written["sequence"], event.seq.get());
    }
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), 11, "{types:?}");

    let written = serde_json::to_value(&events[0]).unwrap();
    for (field, bad) in [
        ("type", json!("conversation.moved")),
        ("sequence", json!("1")),
        ("created_at", json!("yesterday")),
        ("conversation_id", json!("con_1")),
        ("status", json!("closed")),
        ("colour", json!("red")),
    ] {
        let mut written = written.clone();
        written[field] = bad;
        assert!(serde_json::from_value::<Event>(written).is_err(), "{field}");
    }
}

#[test]
fn outcomes_are_read_again() {
    let inbox = Inbox::new();
    let store = &inbox.store;
    let hello = || Inbound::text(contact("con_1"), Channel::Webchat, "Hello").provider_id("1");
    let received = store.receive(hello()).unwrap();
    let written = assert_read_again::<Outcome<Message>>(&received);
    assert_eq!(
        written["effect"],
        json!({"changed": true, "created": true, "reopened": false})
    );
    assert_eq!(
        (&written["commit"], &written["is_duplicate"]),
        (&json!(1), &json!(false))
    );
    let again = store.receive(hello()).unwrap();
    assert_eq!(assert_read_again(&again)["is_duplicate"], true);

    let id = received.value.conversation_id;
    assert_read_again::<Outcome<Note>>(&store.add_note(id, "A note.").unwrap());
    assert_read_again::<Outcome<Conversation>>(&store.resolve(id).unwrap());
    let of = received.value;
    assert_read_again::<Outcome<Option<Message>>>(
        &store.record_delivery(&of, Receipt::read()).unwrap(),
    );
    assert_read_again::<Outcome<()>>(&store.delete(id).unwrap());
    assert_read_again::<Outcome<u64>>(&store.erase_contact(&contact("con_1")).unwrap());
    let effect: Effect = serde_json::from_value(written["effect"].clone()).unwrap();
    assert_eq!(effect, received.effect);
    let consumer = store.consumer("webhooks").unwrap();
    assert_eq!(consumer.position().unwrap(), EventSeq::ZERO);
    for position in store.consumers().unwrap() {
        let written = assert_read_again::<ConsumerPosition>(&position);
        assert_eq!(written, json!({"name": "webhooks", "position": 0}));
    }
}
