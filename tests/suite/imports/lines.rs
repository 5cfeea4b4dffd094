//! Lines of an import: each for itself, into threads that are there, without a sound.

use convodb::commands::UpdateMessage;
use convodb::prelude::*;
use convodb::{
    AttributeChanges, Channel, Context, Conversation, Direction, Error, ErrorKind, EventSeq,
    Filter, Import, ImportLine, ImportName, ImportOptions, ImportProgress, Inbound, LineAnswer,
    LineResult, MessageRef, Metadata, NumberedLine, Options, Outbound, Priority, ProviderId,
    Receipt, Status,
};
use serde_json::{Value, json};

use super::single::{conversation, message};
use crate::rules::inbox::{Inbox, contact, time};

fn lines(all: &[Value]) -> Vec<NumberedLine> {
    let parse = |line: &Value| ImportLine::parse(line.to_string().as_bytes());
    (1..).zip(all.iter().map(parse)).collect()
}

fn import_with(store: &Store, all: &[Value], options: &ImportOptions) -> Vec<LineAnswer> {
    let answers = store.import_lines(lines(all), options);
    answers.collect::<Result<_, _>>().expect("answers")
}

fn import(store: &Store, all: &[Value]) -> Vec<String> {
    let answers = import_with(store, all, &ImportOptions::new());
    answers.iter().map(shown).collect()
}

/// The result, or the code of the error with its field.
fn shown(answer: &LineAnswer) -> String {
    let json = serde_json::to_value(answer).expect("JSON");
    let error = &json["error"];
    match json["result"].as_str() {
        Some("error") if error["field"].is_string() => {
            let text = |name: &str| error[name].as_str().unwrap_or_default();
            format!("{}: {}", text("code"), text("message"))
        }
        Some("error") => error["code"].as_str().unwrap_or_default().to_owned(),
        Some(result) => result.to_owned(),
        None => panic!("{json} has no result"),
    }
}

/// A text from `con_1` on WhatsApp, with these fields beside it or in place of its own.
fn text(content: &str, at: &str, more: Value) -> Value {
    let mut message = json!({
        "contact_id": "con_1", "channel": "whatsapp", "direction": "inbound", "type": "text",
        "content": content, "sent_at": at,
    });
    for (name, value) in more.as_object().expect("an object") {
        message[name] = value.clone();
    }
    json!({ "message": message })
}

fn thread(inbox: &Inbox) -> Conversation {
    let found = inbox
        .store
        .find_conversation(&contact("con_1"), Channel::Whatsapp);
    found.expect("a query").expect("a conversation")
}

fn events(inbox: &Inbox, after: u64) -> Vec<String> {
    let events = inbox
        .store
        .events(EventSeq::new(after), 1_000)
        .expect("events");
    let kind = |event: &convodb::Event| event.kind.as_str().to_owned();
    events.iter().map(kind).collect()
}

#[test]
fn lines_create_a_resolved_conversation_with_the_times_of_its_messages_and_one_event() {
    let inbox = Inbox::new();
    let answers = import(
        &inbox.store,
        &[
            text("third", "2021-03-01T00:00:00Z", json!({})),
            text("first", "1999-01-01T00:00:00Z", json!({})),
            text(
                "second",
                "2020-03-01T00:00:00Z",
                json!({"direction": "outbound", "status": "read"}),
            ),
        ],
    );
    assert_eq!(answers, ["created"; 3]);
    let conversation = thread(&inbox);
    assert_eq!(conversation.status, Status::Resolved);
    assert_eq!(conversation.created_at, time("1999-01-01T00:00:00Z"));
    assert_eq!(conversation.updated_at, time("2021-03-01T00:00:00Z"));
    assert_eq!(
        (conversation.inbound_count, conversation.unread_count),
        (2, 0)
    );
    assert_eq!(inbox.texts(conversation.id), ["first", "second", "third"]);
    assert_eq!(
        events(&inbox, 0),
        ["conversation.created", "conversation.imported"]
    );
    let last = &inbox.store.events(EventSeq::new(1), 1).unwrap()[0];
    assert_eq!(serde_json::to_value(last).unwrap()["messages"], 3);
    // A row of a list is what the query for one shows.
    let list = inbox.store.list(&Filter::all(), (1, 20)).unwrap();
    assert_eq!(list.data, [conversation.into_listed()]);
    inbox.assert_sound();
}

#[test]
fn what_is_there_stays_as_it_is_but_for_its_oldest_message() {
    let inbox = Inbox::new();
    let first = inbox.hello("con_1");
    inbox.later();
    let second = inbox.hello("con_1");
    let id = first.conversation_id;
    inbox.store.mark_read(id, 1).unwrap();
    let before = inbox.show(id);
    let known = inbox.store.stats().unwrap().newest_event.get();
    inbox.later();
    let answers = import(
        &inbox.store,
        &[
            text("old", "2024-01-01T00:00:00Z", json!({})),
            // It lies between the others.
            text("between", "2026-04-16T09:00:30Z", json!({})),
        ],
    );
    assert_eq!(answers, ["created"; 2]);
    let after = inbox.show(id);
    let expected = [(after.status, Status::Open), (before.status, Status::Open)];
    assert!(expected.iter().all(|(status, expected)| status == expected));
    assert_eq!(after.updated_at, before.updated_at);
    assert_eq!(after.created_at, time("2024-01-01T00:00:00Z"));
    assert_eq!((after.inbound_count, after.unread_count), (4, 1));
    assert_eq!(inbox.texts(id), ["old", "Hello", "between", "Hello"]);
    assert_eq!(events(&inbox, known), ["conversation.imported"]);
    // The message that is unread is the one that was.
    inbox.store.mark_read_up_to(id, Some(first.id)).unwrap();
    assert_eq!(inbox.show(id).unread_count, 1);
    inbox.store.mark_read_up_to(id, Some(second.id)).unwrap();
    assert_eq!(inbox.show(id).unread_count, 0);
    inbox.assert_sound();
}

#[test]
fn a_resolved_conversation_stays_resolved_and_live_activity_ends_the_history() {
    let inbox = Inbox::new();
    let id = inbox.resolved();
    let before = inbox.show(id);
    let line = text(
        "old",
        "2024-01-01T00:00:00Z",
        json!({"contact_id": "con_01HXYZ"}),
    );
    assert_eq!(import(&inbox.store, &[line]), ["created"]);
    assert_eq!(inbox.show(id).status, Status::Resolved);
    assert_eq!(inbox.show(id).updated_at, before.updated_at);

    import(
        &inbox.store,
        &[text("old", "2024-01-01T00:00:00Z", json!({}))],
    );
    let note = inbox.later();
    inbox.store.add_note(thread(&inbox).id, "seen").unwrap();
    inbox.later();
    import(
        &inbox.store,
        &[text("new", "2026-04-16T09:05:00Z", json!({}))],
    );
    assert_eq!(thread(&inbox).updated_at, note);
    inbox.assert_sound();
}

#[test]
fn a_message_is_stored_once_by_its_providers_id_by_its_own_id_and_by_a_foreign_one() {
    let inbox = Inbox::new();
    let all = [
        text("a", "2024-01-01T00:00:00Z", json!({"provider_id": "w_1"})),
        text("b", "2024-01-02T00:00:00Z", json!({"id": "4711"})),
        text(
            "c",
            "2024-01-03T00:00:00Z",
            json!({"id": "msg_01HK5T6Q000000000000000001"}),
        ),
        text("d", "2024-01-04T00:00:00Z", json!({"client_ref": "ref-1"})),
    ];
    assert_eq!(import(&inbox.store, &all), ["created"; 4]);
    let before = inbox.store.transcript(thread(&inbox).id).unwrap();
    assert_eq!(import(&inbox.store, &all), ["duplicate"; 4]);
    assert_eq!(
        inbox.store.transcript(before.conversation.id).unwrap(),
        before
    );
    // The time of the second one does not matter.
    let again = text("b", "2023-01-02T00:00:00Z", json!({"id": "4711"}));
    assert_eq!(import(&inbox.store, &[again]), ["duplicate"]);
    let shown = serde_json::to_value(&before.messages[1]).unwrap();
    assert_eq!(shown["metadata"], json!({"import_id": "4711"}));
    // In another conversation it is another message.
    let elsewhere = text(
        "b",
        "2024-01-02T00:00:00Z",
        json!({"id": "4711", "contact_id": "con_2"}),
    );
    assert_eq!(import(&inbox.store, &[elsewhere]), ["created"]);
    // The id of a message with a provider's id is the same in each import.
    let twin = Inbox::new();
    import(&twin.store, &all);
    assert_eq!(
        twin.store.transcript(thread(&twin).id).unwrap().messages[0].id,
        before.messages[0].id
    );
    inbox.assert_sound();

    // What is deleted is gone with its foreign ids, and provider's ids stay taken.
    inbox.store.delete(before.conversation.id).unwrap();
    let answers = import(&inbox.store, &all);
    assert_eq!(answers, ["erased", "created", "created", "created"]);
    inbox.assert_sound();
}

#[test]
fn a_stores_own_id_is_kept() {
    let inbox = Inbox::new();
    let id = "msg_01HK5T6Q000000000000000001";
    let ms = convodb::MessageId::new(id).unwrap().timestamp_ms();
    let line = text(
        "c",
        "2024-01-03T00:00:00Z",
        json!({"id": id, "sent_at": ms}),
    );
    import(&inbox.store, &[line]);
    let messages = inbox.store.transcript(thread(&inbox).id).unwrap().messages;
    assert_eq!(messages[0].id.to_string(), id);
    assert!(messages[0].extras.is_none());
}

#[test]
fn bad_lines_name_their_fields_and_the_others_go_on() {
    let inbox = Inbox::new();
    let at = "2024-01-01T00:00:00Z";
    let mut all = lines(&[
        text("a", "1969-12-31T00:00:00Z", json!({})),
        text("a", at, json!({"contact_id": "1"})),
        text("a", at, json!({"channel": "fax"})),
        text("a", at, json!({"status": "failed"})),
        text(
            "a",
            at,
            json!({"direction": "outbound", "author": {"type": "user", "id": "usr_9"}}),
        ),
        text("a", at, json!({"metadata": {"a b": 1}})),
        text("a", at, json!({"to": "b"})),
        text("a", at, json!({"id": ""})),
        text(
            "a",
            at,
            json!({"conversation_id": "conv_01HABC00000000000000000000"}),
        ),
        json!({"message": {"contact_id": "con_1"}}),
        json!({"conversation": {"contact_id": "con_1", "channel": "whatsapp", "tags": [" "]}}),
        json!({"conversation": {"contact_id": "con_1", "channel": "whatsapp", "notes": [
            {"id": "note_01HPQR00000000000000000000", "conversation_id": "conv_01HABC00000000000000000000", "content": "x", "created_at": at}
        ]}}),
        json!({"user": {"id": "alice", "name": "Alice"}}),
        json!({"user": {"id": "usr_1", "name": " "}}),
        json!({"message": text("a", at, json!({}))["message"], "user": {}}),
        json!([1]),
        text("kept", at, json!({})),
    ]);
    all.push((18, ImportLine::parse(b"{\"message\": {\"content\": \"cut")));
    let answers = inbox.store.import_lines(all, &ImportOptions::new());
    let answers: Vec<_> = answers.map(|answer| shown(&answer.unwrap())).collect();
    let begins = [
        "sent_at: `1969",
        "contact_id: ",
        "channel: ",
        "status: does not apply",
        "author.id: `usr_9` is not in the directory",
        "metadata: must have names",
        "to: is not a field of it",
        "id: must not be empty",
        "conversation_id: is not a field",
        "channel: `channel` or `inbox_id` is required",
        "tags: must not be empty",
        "id: is required",
        "user_id: ",
        "name: ",
        "line: ",
        "line: ",
        "created",
        "line: the line is not a JSON object: EOF",
    ];
    assert_eq!(answers.len(), begins.len(), "{answers:#?}");
    for (answer, begin) in answers.iter().zip(begins) {
        let expected = match begin {
            "created" => begin.to_owned(),
            begin => format!("validation_error: {begin}"),
        };
        assert!(
            answer.starts_with(&expected),
            "{answer} instead of {expected}"
        );
    }
    assert_eq!(inbox.texts(thread(&inbox).id), ["kept"]);
    inbox.assert_sound();
}

#[test]
fn a_conversations_line_gives_it_its_state_and_one_that_is_there_what_it_lacks() {
    let inbox = Inbox::new();
    let line = |more: Value| {
        let mut fields = json!({"contact_id": "con_1", "channel": "whatsapp"});
        for (name, value) in more.as_object().expect("an object") {
            fields[name] = value.clone();
        }
        json!({ "conversation": fields })
    };
    let answers = import(
        &inbox.store,
        &[
            json!({"team": {"id": "team_1", "name": "Billing"}}),
            line(json!({
                "status": "open", "unread": 2, "tags": ["vip"], "metadata": {"order": 7},
                "assigned_to": {"type": "team", "id": "team_1", "name": "Billing"},
            })),
            text("one", "2024-01-01T00:00:00Z", json!({})),
            text("two", "2024-01-02T00:00:00Z", json!({})),
            text("three", "2024-01-03T00:00:00Z", json!({})),
            line(json!({
                "status": "resolved", "unread": 9, "priority": "high", "tags": ["VIP", "refund"],
                "metadata": {"order": 8, "plan": "pro"}, "read_until": "2024-01-02T00:00:00Z",
            })),
            line(json!({"tags": ["refund"]})),
        ],
    );
    let expected = [
        "created",
        "created",
        "created",
        "created",
        "created",
        "merged",
        "duplicate",
    ];
    assert_eq!(answers, expected);
    let known = thread(&inbox);
    assert_eq!(known.status, Status::Open);
    assert_eq!(
        known.assignee_id().map(|id| id.to_string()).as_deref(),
        Some("team_1")
    );
    assert_eq!((known.inbound_count, known.unread_count), (3, 2));
    assert_eq!(known.created_at, time("2024-01-01T00:00:00Z"));
    assert_eq!(known.updated_at, time("2024-01-03T00:00:00Z"));
    assert_eq!(known.read_until, Some(time("2024-01-02T00:00:00Z")));
    let attributes = known.attributes.unwrap();
    assert_eq!(attributes.priority, Some(Priority::High));
    assert_eq!(
        attributes.tags.iter().collect::<Vec<_>>(),
        ["refund", "vip"]
    );
    let mut metadata = Metadata::new();
    metadata.set("order", 7);
    metadata.set("plan", "pro");
    assert_eq!(attributes.metadata, metadata);
    assert_eq!(
        events(&inbox, 0),
        ["conversation.created", "conversation.imported"]
    );
    inbox.assert_sound();
}

#[test]
fn reading_a_conversation_ends_what_was_to_be_unread() {
    let inbox = Inbox::new();
    let fields = json!({"contact_id": "con_1", "channel": "whatsapp", "unread": 2});
    import(&inbox.store, &[json!({ "conversation": fields })]);
    import(
        &inbox.store,
        &[text("one", "2024-01-01T00:00:00Z", json!({}))],
    );
    assert_eq!(thread(&inbox).unread_count, 1);
    inbox.store.mark_read(thread(&inbox).id, 1).unwrap();
    import(
        &inbox.store,
        &[text("two", "2024-01-02T00:00:00Z", json!({}))],
    );
    assert_eq!(thread(&inbox).unread_count, 0);
    inbox.assert_sound();
}

#[test]
fn counts_of_a_conversation_that_comes_without_its_messages_do_not_contradict_it() {
    let inbox = Inbox::new();
    let fields = |more: Value| {
        let mut fields = json!({"contact_id": "con_1", "channel": "whatsapp"});
        for (name, value) in more.as_object().expect("an object") {
            fields[name] = value.clone();
        }
        fields
    };
    let exported = |more: Value| {
        let mut exported = fields(json!({
            "id": "conv_01HABC00000000000000000000", "status": "open", "assigned_to": null,
            "messages": [], "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
        }));
        for (name, value) in more.as_object().expect("an object") {
            exported[name] = value.clone();
        }
        exported
    };
    let named = |more: Value| json!({ "conversation": fields(more) });
    let answers = import(
        &inbox.store,
        &[
            exported(json!({"unread_count": 5, "inbound_count": 0})),
            exported(json!({"unread_count": 5})),
            exported(json!({"inbound_count": 5})),
            named(json!({"unread_count": 5, "inbound_count": 0})),
            named(json!({"unread_count": 5, "inbound_count": 4})),
            named(json!({"unread": 1, "unread_count": 1})),
            named(json!({"unread": 1, "inbound_count": 1})),
        ],
    );
    let fields: Vec<_> = answers
        .iter()
        .map(|answer| answer.split(": ").nth(1).unwrap_or(answer))
        .collect();
    assert_eq!(
        fields,
        [
            "unread_count",
            "unread_count",
            "inbound_count",
            "unread_count",
            "unread_count",
            "unread",
            "unread",
        ],
        "{answers:#?}"
    );
    assert!(
        answers
            .iter()
            .all(|answer| answer.starts_with("validation_error: "))
    );
    let lines = [
        named(json!({"unread_count": 1, "inbound_count": 2})),
        text("one", "2024-01-01T00:00:00Z", json!({})),
        text("two", "2024-01-02T00:00:00Z", json!({})),
    ];
    assert_eq!(import(&inbox.store, &lines), ["created"; 3]);
    let known = thread(&inbox);
    assert_eq!((known.inbound_count, known.unread_count), (2, 1));
    inbox.assert_sound();
    let elsewhere = Inbox::new();
    let empty = exported(json!({"unread_count": 0, "inbound_count": 0}));
    assert_eq!(import(&elsewhere.store, &[empty]), ["created"]);
}

#[test]
fn a_foreign_id_leaves_room_for_as_many_names_as_any_message_has() {
    let inbox = Inbox::new();
    let names = |count: usize| -> Value {
        let names = (0..count).map(|name| (format!("name_{name}"), json!(name)));
        Value::Object(names.collect())
    };
    let line = |id: &str, count| {
        text(
            id,
            "2024-01-01T00:00:00Z",
            json!({"id": id, "metadata": names(count)}),
        )
    };
    let answers = import(&inbox.store, &[line("a", 32), line("b", 33), line("a", 32)]);
    assert_eq!(
        answers,
        [
            "created",
            "validation_error: metadata: must have at most 32 names, and has 33",
            "duplicate",
        ]
    );
    let known = inbox.store.transcript(thread(&inbox).id).unwrap();
    let extras = known.messages[0].extras.clone().unwrap();
    assert_eq!(extras.metadata.iter().count(), 33);
    // What it has may change, and goes to another store as it is.
    let mut update =
        UpdateMessage::new(MessageRef::from((thread(&inbox).id, known.messages[0].id)));
    update.metadata = serde_json::from_value(json!({"name_1": "other"})).unwrap();
    inbox.store.update_message(update).unwrap();
    let known = inbox.store.transcript(thread(&inbox).id).unwrap();
    let export = Import::new(known.conversation.clone(), known.messages.clone());
    let export = serde_json::to_string(&export).unwrap();
    let elsewhere = Inbox::new();
    let answers: Vec<_> = elsewhere
        .store
        .import_lines(
            [(1, ImportLine::parse(export.as_bytes()))],
            &ImportOptions::new(),
        )
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(shown(&answers[0]), "created");
    assert_eq!(
        elsewhere.store.transcript(known.conversation.id).unwrap(),
        known
    );
    inbox.assert_sound();
}

/// What ends the silence of a conversation that lines made, so that its times are its own.
#[test]
fn what_is_to_come_unread_comes_so_whatever_happens_before_unless_it_is_read() {
    let unread =
        json!({"contact_id": "con_1", "channel": "whatsapp", "status": "open", "unread": 3});
    let line = |day: u8| {
        text(
            &format!("day {day}"),
            &format!("2024-01-0{day}T00:00:00Z"),
            json!({}),
        )
    };
    type Happens = fn(&Inbox, Conversation);
    let note: Happens = |inbox, known| drop(inbox.store.add_note(known.id, "A note.").unwrap());
    let receive: Happens = |inbox, _| drop(inbox.hello("con_1"));
    let send: Happens = |inbox, _| {
        let answer = Outbound::text(contact("con_1"), Channel::Whatsapp, "Hello");
        inbox.store.send(answer).unwrap();
    };
    let wake: Happens = |inbox, known| {
        let mut changes = AttributeChanges::default();
        let until = inbox.clock.get() + chrono::TimeDelta::seconds(30);
        changes.snoozed_until = Some(Some(until));
        inbox.store.update_conversation(known.id, changes).unwrap();
        inbox.later();
        assert_eq!(inbox.store.wake_due().unwrap().value, 1);
    };
    let merge: Happens = |inbox, _| {
        inbox.hello("con_2");
        let (from, into) = (contact("con_2"), contact("con_1"));
        inbox.store.merge_contacts(&from, &into).unwrap();
    };
    for (happens, own) in [(note, 0), (receive, 1), (send, 0), (wake, 0), (merge, 1)] {
        let inbox = Inbox::new();
        import(&inbox.store, &[json!({ "conversation": unread }), line(1)]);
        inbox.later();
        happens(&inbox, thread(&inbox));
        let before = thread(&inbox);
        import(&inbox.store, &[line(2), line(3), line(4)]);
        let known = thread(&inbox);
        assert_eq!(
            (known.inbound_count, known.unread_count),
            (4 + own, 3 + own)
        );
        assert_eq!(known.updated_at, before.updated_at);
        inbox.assert_sound();
    }
    let inbox = Inbox::new();
    import(&inbox.store, &[json!({ "conversation": unread }), line(1)]);
    receive(&inbox, thread(&inbox));
    inbox
        .store
        .mark_read_up_to(thread(&inbox).id, None)
        .unwrap();
    import(&inbox.store, &[line(2), line(3)]);
    assert_eq!(thread(&inbox).unread_count, 0);
    inbox.assert_sound();
}

#[test]
fn a_snooze_that_was_due_before_its_line_came_wakes_nothing() {
    let inbox = Inbox::new();
    let snoozed = |contact: &str, until: &str| {
        json!({"conversation": {
            "contact_id": contact, "channel": "whatsapp", "status": "open", "snoozed_until": until,
            "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-02T00:00:00Z",
        }})
    };
    let lines = [
        snoozed("con_1", "2026-04-16T09:00:00Z"),
        snoozed("con_2", "2026-04-16T09:00:30Z"),
    ];
    assert_eq!(import(&inbox.store, &lines), ["created", "created"]);
    let known = thread(&inbox);
    assert_eq!(known.snoozed_until(), None);
    let before = inbox.store.stats().unwrap().newest_event;
    inbox.later();
    // The other one is due after it came.
    assert_eq!(inbox.store.wake_due().unwrap().value, 1);
    assert_eq!(thread(&inbox), known);
    assert_eq!(known.updated_at, time("2024-01-02T00:00:00Z"));
    assert_eq!(events(&inbox, before.get()), ["conversation.unsnoozed"]);
    inbox.assert_sound();
}

#[test]
fn a_whole_conversation_is_stored_as_by_an_import_and_is_there_only_once() {
    let inbox = Inbox::new();
    let of = conversation(1);
    let messages = vec![
        message(&of, "2020-01-01T00:00:00Z", 1),
        message(&of, "2020-01-02T00:00:00Z", 2),
    ];
    let mut of = of;
    (of.unread_count, of.updated_at) = (1, time("2020-01-03T00:00:00Z"));
    let whole = Import::new(of.clone(), messages);
    let json = serde_json::to_value(&whole).unwrap();
    let named = json!({ "conversation": json });
    assert_eq!(
        import(&inbox.store, std::slice::from_ref(&json)),
        ["created"]
    );
    assert_eq!(
        import(&inbox.store, std::slice::from_ref(&named)),
        ["already_exists"]
    );
    let skipping = ImportOptions::new().skip_existing();
    let answers = import_with(&inbox.store, &[named, json], &skipping);
    assert!(
        answers
            .iter()
            .all(|it| matches!(it.result, Ok(LineResult::Duplicate)))
    );
    let twin = Store::in_memory().unwrap();
    twin.import(whole).unwrap();
    let transcript = inbox.store.transcript(of.id).unwrap();
    assert_eq!(transcript, twin.transcript(of.id).unwrap());
    assert_eq!(transcript.conversation.unread_count, 1);
    assert_eq!(
        events(&inbox, 0),
        ["conversation.created", "conversation.imported"]
    );
    inbox.assert_sound();
}

#[test]
fn messages_of_one_second_are_in_the_order_of_their_lines() {
    let inbox = Inbox::new();
    let at = "2024-01-01T00:00:00Z";
    let count = 40;
    let all: Vec<_> = (0..count)
        .map(|n| text(&n.to_string(), at, json!({"provider_id": format!("w_{n}")})))
        .collect();
    let answers = import(&inbox.store, &all);
    assert_eq!(answers, vec!["created"; count]);
    let expected: Vec<_> = (0..count).map(|n| n.to_string()).collect();
    assert_eq!(inbox.texts(thread(&inbox).id), expected);
    inbox.assert_sound();
}

#[test]
fn what_waits_for_a_message_is_applied_and_a_message_that_is_there_learns_more() {
    let inbox = Inbox::new();
    let of = |id: &str| MessageRef::from((Channel::Whatsapp, ProviderId::new(id).unwrap()));
    inbox
        .store
        .record_delivery(of("w_1"), Receipt::read())
        .unwrap();
    let placeholder = Inbound::text(contact("con_1"), Channel::Whatsapp, "…")
        .provider_id("w_2")
        .placeholder();
    let placeholder = inbox.store.receive(placeholder).unwrap().value;
    let known = inbox.store.stats().unwrap().newest_event.get();
    let sent = json!({"direction": "outbound", "provider_id": "w_1"});
    let read = json!({"direction": "outbound", "provider_id": "w_1", "status": "read",
        "created_at": "2024-01-01T00:00:00Z", "read_at": "2024-01-01T00:01:00Z"});
    let answers = import(
        &inbox.store,
        &[
            text("sent", "2024-01-01T00:00:00Z", sent),
            text(
                "the true one",
                "2024-01-01T00:00:00Z",
                json!({"provider_id": "w_2"}),
            ),
            text("sent", "2024-01-01T00:00:10Z", read.clone()),
            text("sent", "2024-01-01T00:00:10Z", read),
            text(
                "sent",
                "2024-01-01T00:00:00Z",
                json!({"provider_id": "w_1"}),
            ),
        ],
    );
    let conflict = "provider_id_conflict";
    assert_eq!(
        answers,
        ["created", "merged", "merged", "duplicate", conflict]
    );
    let messages = inbox
        .store
        .transcript(placeholder.conversation_id)
        .unwrap()
        .messages;
    assert_eq!(messages[0].status, convodb::DeliveryStatus::Read);
    assert_eq!(
        messages[0].deliveries.read_at,
        Some(time("2024-01-01T00:01:00Z"))
    );
    assert_eq!(
        messages[0].deliveries.sent_at,
        Some(time("2024-01-01T00:00:10Z"))
    );
    assert_eq!(messages[1].id, placeholder.id);
    assert_eq!(messages[1].content.as_text(), Some("the true one"));
    assert_eq!(events(&inbox, known), ["conversation.imported"]);
    inbox.assert_sound();
}

#[test]
fn notes_join_those_of_their_conversation_without_activity() {
    let inbox = Inbox::new();
    let note = |contact: &str, more: Value| {
        let mut fields = json!({"contact_id": contact, "channel": "whatsapp",
            "content": "Enterprise plan.", "created_at": "2024-01-01T00:00:00Z"});
        for (name, value) in more.as_object().expect("an object") {
            fields[name] = value.clone();
        }
        json!({ "note": fields })
    };
    let id = inbox.hello("con_1").conversation_id;
    let before = inbox.show(id);
    let known = inbox.store.stats().unwrap().newest_event.get();
    let own = "note_01HPQR00000000000000000000";
    let all = [
        note("con_1", json!({"id": "n-1", "author": "usr_1"})),
        note("con_1", json!({"id": own})),
        note("con_1", json!({})),
        note("con_2", json!({"id": "n-1"})),
        note("con_1", json!({"content": "x".repeat(65_537)})),
        note("con_1", json!({"inbox_id": "inb_9"})),
    ];
    let expected = ["created", "created", "created", "created"];
    let answers = import(&inbox.store, &all);
    assert_eq!(answers[..4], expected);
    assert!(
        answers[4].starts_with("validation_error: content"),
        "{answers:?}"
    );
    assert_eq!(
        answers[5],
        "validation_error: inbox_id: `inb_9` is no inbox"
    );
    let again = import(&inbox.store, &all);
    assert_eq!(
        again[..4],
        ["duplicate", "duplicate", "created", "duplicate"]
    );
    assert_eq!(inbox.show(id), before);
    let notes: Vec<_> = inbox.store.notes(id).unwrap().map(Result::unwrap).collect();
    assert_eq!(notes.len(), 4);
    assert!(notes.iter().any(|note| note.id.to_string() == own));
    assert!(notes.iter().any(|note| note.author.is_some()));
    assert_eq!(events(&inbox, known), ["conversation.created"]);
    inbox.assert_sound();
}

#[test]
fn lines_go_through_the_inbox_that_they_name() {
    let inbox = Inbox::new();
    let all = [
        json!({"inbox": {"id": "inb_sales", "channel": "whatsapp", "name": "Sales"}}),
        json!({"conversation": {"contact_id": "con_1", "channel": "whatsapp", "inbox_id": "inb_sales"}}),
        text(
            "a",
            "2024-01-01T00:00:00Z",
            json!({"inbox_id": "inb_sales", "provider_id": "w_1"}),
        ),
        text("b", "2024-01-01T00:00:00Z", json!({"provider_id": "w_1"})),
        text(
            "c",
            "2024-01-01T00:00:00Z",
            json!({"inbox_id": "inb_sales", "channel": "webchat"}),
        ),
        text("d", "2024-01-01T00:00:00Z", json!({"inbox_id": "inb_9"})),
    ];
    let answers = import(&inbox.store, &all);
    assert_eq!(answers[..4], ["created"; 4]);
    assert!(
        answers[4].starts_with("validation_error: channel: must be that"),
        "{answers:?}"
    );
    assert_eq!(
        answers[5],
        "validation_error: inbox_id: `inb_9` is no inbox"
    );
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), 2);
    inbox.assert_sound();
}

#[test]
fn an_atomic_import_is_whole_or_nothing_and_bounded() {
    let inbox = Inbox::new();
    let atomic = ImportOptions::new().atomic();
    let good = text("a", "2024-01-01T00:00:00Z", json!({}));
    let bad = text("a", "2024-01-01T00:00:00Z", json!({"channel": "fax"}));
    let answers = import_with(&inbox.store, &[good.clone(), bad, good.clone()], &atomic);
    let kinds: Vec<_> = answers
        .iter()
        .map(|it| it.result.clone().unwrap_err().kind())
        .collect();
    let expected = [
        ErrorKind::Aborted,
        ErrorKind::InvalidInput,
        ErrorKind::Aborted,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), 0);
    let answers = import_with(&inbox.store, &[good.clone(), good.clone()], &atomic);
    assert!(answers.iter().all(|answer| answer.result.is_ok()));
    assert_eq!(inbox.texts(thread(&inbox).id), ["a", "a"]);

    let many = lines(&vec![good; 1]).into_iter().cycle();
    let many = (1..)
        .zip(many.map(|(_, line)| line))
        .take(ImportOptions::MAX_ATOMIC + 1);
    let error = inbox
        .store
        .import_lines(many, &atomic)
        .next()
        .unwrap()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "lines: must be at most 10000 in an atomic import"
    );
    assert_eq!(inbox.texts(thread(&inbox).id).len(), 2);
}

#[test]
fn an_import_with_a_name_goes_on_behind_its_last_commit() -> Result<(), Box<dyn std::error::Error>>
{
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("inbox.redb");
    let all: Vec<_> = (0..1_500)
        .map(|n| match n % 100 {
            7 => text("bad", "2024-01-01T00:00:00Z", json!({"channel": "fax"})),
            // Without any id.
            n => text(
                &n.to_string(),
                "2024-01-01T00:00:00Z",
                json!({"contact_id": format!("con_{}", n % 7)}),
            ),
        })
        .collect();
    let name = ImportName::new("history")?;
    let options = ImportOptions::new().resume(name.clone());
    {
        let store = Store::open(&path)?;
        let mut answers = store.import_lines(lines(&all), &options);
        // The first commits, and no more.
        for _ in 0..600 {
            answers.next().ok_or("ended")??;
        }
        let reached = store.import_progress(&name)?.ok_or("no progress")?;
        assert_eq!((reached.line, reached.failed), (1_024, 11));
    }
    let store = Options::new().open(&path)?;
    let rest = import_with(&store, &all, &options);
    assert_eq!((rest.len(), rest[0].line), (476, 1_025));
    assert_eq!(import_with(&store, &all, &options).len(), 0);
    let whole = Store::in_memory()?;
    let answers = import(&whole, &all);
    assert_eq!(answers.len(), 1_500);
    for n in 0..7 {
        let texts = |store: &Store| -> Result<_, Error> {
            let of = contact(&format!("con_{n}"));
            let found = store
                .find_conversation(&of, Channel::Whatsapp)?
                .expect("a thread");
            let messages = store.transcript(found.id)?.messages;
            let text = |it: &convodb::Message| it.content.as_text().map(str::to_owned);
            let texts: Vec<_> = messages.iter().map(text).collect();
            Ok((found.inbound_count, found.updated_at, texts))
        };
        assert_eq!(texts(&store)?, texts(&whole)?);
    }
    let progress = store.import_progress(&name)?;
    assert_eq!(
        progress.map(|it: ImportProgress| (it.line, it.failed)),
        Some((1_500, 15))
    );
    assert!(store.verify()?.is_clean());
    Ok(())
}

#[test]
fn the_context_of_lines_has_no_precondition_and_no_key_without_a_name() {
    let inbox = Inbox::new();
    for (context, field) in [
        (Context::new().idempotency_key("k"), "context"),
        (Context::new().if_status(Status::Open), "preconditions"),
    ] {
        let store = inbox.store.with(context);
        let mut answers = store.import_lines(
            lines(&[text("a", "2024-01-01T00:00:00Z", json!({}))]),
            &ImportOptions::new(),
        );
        let error = answers.next().unwrap().unwrap_err();
        assert_eq!(error.field(), Some(field));
        assert!(answers.next().is_none());
    }
}

#[test]
fn a_key_belongs_to_the_name_of_one_import_until_it_expires() {
    let inbox = Inbox::new();
    let store = inbox.store.with(Context::new().idempotency_key("k"));
    let line = |content| [text(content, "2024-01-01T00:00:00Z", json!({}))];
    let named = |name| ImportOptions::new().resume(ImportName::new(name).unwrap());
    let import = |content, options: &ImportOptions| -> Result<Vec<_>, _> {
        store.import_lines(lines(&line(content)), options).collect()
    };
    // An atomic import that fails leaves the key free.
    let bad = lines(&[line("a")[0].clone(), json!({"message": {}})]);
    let answers = store.import_lines(bad, &named("bad").atomic());
    assert!(answers.flatten().all(|answer| answer.result.is_err()));
    assert_eq!(import("a", &named("one")).expect("answers").len(), 1);
    assert_eq!(import("a", &named("one")).expect("no answers").len(), 0);
    let error = import("b", &named("two")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IdempotencyKeyReused);
    assert_eq!(inbox.texts(thread(&inbox).id), ["a"]);
    let other = inbox.store.with(Context::new().idempotency_key("other"));
    let answers = other.import_lines(lines(&line("b")), &named("two"));
    assert_eq!(answers.count(), 1);
    assert_eq!(inbox.texts(thread(&inbox).id), ["a", "b"]);
}

#[test]
fn lines_of_a_transaction_commit_with_it() {
    let inbox = Inbox::new();
    let id = inbox.store.transaction(|tx| {
        let all = lines(&[text(
            "a",
            "2024-01-01T00:00:00Z",
            json!({"direction": "outbound"}),
        )]);
        let answers = tx.import_lines(all, &ImportOptions::new())?;
        assert_eq!(answers[0].line, 1);
        let found = tx.find_conversation(&contact("con_1"), Channel::Whatsapp)?;
        Ok::<_, Error>(found.expect("a conversation").id)
    });
    let messages = inbox.store.transcript(id.unwrap()).unwrap().messages;
    assert_eq!(messages[0].direction, Direction::Outbound);
    let rolled_back = inbox.store.transaction(|tx| {
        let all = lines(&[text("b", "2024-01-02T00:00:00Z", json!({}))]);
        tx.import_lines(all, &ImportOptions::new())?;
        Err::<(), _>(Error::from(convodb::PageRequest::number(0, 0).unwrap_err()))
    });
    assert!(rolled_back.is_err());
    assert_eq!(inbox.texts(thread(&inbox).id), ["a"]);
}

#[test]
fn a_contacts_line_makes_its_record_and_gives_one_that_is_there_what_it_lacks() {
    let inbox = Inbox::new();
    let at = "2019-05-01T08:00:00Z";
    let phone = |value: &str| json!({"channel": "whatsapp", "value": value});
    let ada = json!({"contact": {"id": "con_1", "name": "Ada", "identities": [phone("+1")],
        "metadata": {"plan": "pro"}, "created_at": at}});
    assert_eq!(
        import(&inbox.store, std::slice::from_ref(&ada)),
        ["created"]
    );
    let stored = inbox.store.contact(&contact("con_1")).unwrap();
    assert_eq!(json!(stored), ada["contact"]);

    let more = json!({"contact": {"id": "con_1", "name": "Another",
        "identities": [phone("+1"), phone("+2")],
        "metadata": {"plan": "free", "seats": 3}, "created_at": "2018-05-01T08:00:00Z"}});
    let thief = json!({"contact": {"id": "con_2", "name": "Eve", "identities": [phone("+2")],
        "created_at": at}});
    let blank = json!({"contact": {"id": "con_3", "name": " ", "created_at": at}});
    let all = [more.clone(), ada, more, thief, blank];
    let answers = import_with(&inbox.store, &all, &ImportOptions::new());
    let taken = serde_json::to_value(&answers[3]).expect("JSON");
    assert_eq!(taken["error"]["contact_ids"], json!(["con_2", "con_1"]));
    let answers: Vec<_> = answers.iter().map(shown).collect();
    assert_eq!(answers[..3], ["merged", "duplicate", "duplicate"]);
    assert_eq!(answers[3], "identity_taken");
    assert!(
        answers[4].starts_with("validation_error: name"),
        "{answers:?}"
    );
    let stored = inbox.store.contact(&contact("con_1")).unwrap();
    let expected = json!({"id": "con_1", "name": "Ada", "identities": [phone("+1"), phone("+2")],
        "metadata": {"plan": "pro", "seats": 3}, "created_at": at});
    assert_eq!(json!(stored), expected);
    let missing = inbox.store.contact(&contact("con_2")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    inbox.assert_sound();
}

#[test]
fn lines_find_their_contact_by_its_identities_and_one_that_is_not_known_is_made() {
    let inbox = Inbox::new();
    let at = "2024-01-01T00:00:00Z";
    let named = |content: &str, identities: Value| {
        json!({"message": {"identities": identities, "channel": "whatsapp", "direction": "inbound",
            "type": "text", "content": content, "sent_at": at}})
    };
    let note = json!({"note": {"identities": ["+1"], "channel": "whatsapp",
        "content": "Enterprise plan.", "created_at": at}});
    let ada = json!({"contact": {"id": "con_1", "created_at": at,
        "identities": [{"channel": "whatsapp", "value": "+1"}]}});
    let nameless = json!({"message": {"channel": "whatsapp", "direction": "inbound",
        "type": "text", "content": "x", "sent_at": at}});
    let answers = import(
        &inbox.store,
        &[
            ada,
            named("known", json!(["+1"])),
            note,
            named("new", json!(["+2", "ada"])),
            named("the same", json!(["ada"])),
            nameless,
        ],
    );
    assert_eq!(answers[..5], ["created"; 5]);
    assert!(
        answers[5].starts_with("validation_error: contact_id"),
        "{answers:?}"
    );
    let known = thread(&inbox);
    assert_eq!(known.identity.as_deref(), Some("+1"));
    assert_eq!(inbox.store.notes(known.id).unwrap().count(), 1);
    assert_eq!(inbox.store.count(&Filter::all()).unwrap(), 2);
    let all = inbox.store.contacts(None, 10).unwrap();
    let made = all.iter().find(|one| one.id != contact("con_1")).unwrap();
    assert_eq!(made.identities.len(), 2);
    let of_made = inbox.store.conversations_of(&made.id).unwrap();
    assert_eq!(
        inbox
            .store
            .transcript(of_made[0].id)
            .unwrap()
            .messages
            .len(),
        2
    );
    inbox.assert_sound();
}

/// The example of the documentation.
fn documented() -> Vec<&'static str> {
    let document = include_str!("../../../src/docs/lines.md");
    let example = document.split("```json\n").nth(1).expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    example.lines().collect()
}

#[test]
fn the_lines_that_are_documented_are_imported_once() {
    let inbox = Inbox::new();
    let import = || {
        let parsed = documented()
            .into_iter()
            .map(|line| ImportLine::parse(line.as_bytes()));
        let answers = inbox
            .store
            .import_lines((1..).zip(parsed), &ImportOptions::new());
        answers
            .map(|answer| shown(&answer.unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(import(), ["created"; 9]);
    let found = inbox.store.conversations_of(&contact("con_7")).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].unread_count, found[0].status), (1, Status::Open));
    let said = ["How can we help?", "My invoice is wrong."];
    assert_eq!(inbox.texts(found[0].id), said);
    assert_eq!(inbox.store.notes(found[0].id).unwrap().count(), 1);
    let known = inbox.store.contact(&contact("con_7")).unwrap();
    assert_eq!(known.name.as_deref(), Some("Ada Example"));
    assert_eq!(import(), ["duplicate"; 9]);
    inbox.assert_sound();
}

#[test]
fn what_is_wrong_with_a_line_is_named_with_its_place() {
    for (line, expected) in [
        (
            r#"{"note": {"contact_id": "con_1", "channel": "whatsapp", "content": "A"}}"#,
            "created_at: is required",
        ),
        (
            r#"{"message": {"contact_id": "con_1", "direction": "inbound"}}"#,
            "channel: `channel` or `inbox_id` is required",
        ),
        (
            r#"{"message": {"channel": "webchat", "direction": "inbound"}}"#,
            "contact_id: `contact_id` or `identities` is required",
        ),
        (
            r#"{"conversation": {"contact_id": "con_1", "channel": "whatsapp", "assigned_to": {"type": "user", "id": "usr_1"}}}"#,
            "assigned_to.name: is required",
        ),
        (
            r#"{"conversation": {"contact_id": "con_1", "channel": "whatsapp", "team": {"id": "team_1", "title": "A"}}}"#,
            "team.title: is not a field of it",
        ),
        (
            r#"{"contact_id": 5}"#,
            "contact_id: invalid type: integer `5`, expected a string",
        ),
        (r#"{"user": {"id": "usr_1"}}"#, "name: is required"),
        (
            r#"{"mesage": {}}"#,
            "mesage: is neither a kind of line (`user`, `team`, `inbox`, `view`, `contact`, `conversation`, `message`, `note`) nor a field of a conversation",
        ),
        (
            r#"{"user": {"id": "usr_1", "name": "A"}, "team": {}}"#,
            "line: must have one name, that of its kind",
        ),
        (r#"["x"]"#, "line: the line is not a JSON object"),
        (
            "not JSON",
            "line: the line is not a JSON object: expected ident (column 2)",
        ),
    ] {
        let error = ImportLine::parse(line.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{line}");
    }
}
