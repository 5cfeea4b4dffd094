use chrono::{DateTime, TimeDelta};
use convodb_core::*;

use crate::given::{Given, alice, conversation, id, now};

fn message(number: u128) -> Message {
    let id_of = MessageId::from_parts(1, number);
    Message::new(id_of, id(1), Direction::Inbound, Content::text("Hi"), now())
}

#[test]
fn an_unknown_assignee_joins_the_directory_and_a_known_one_keeps_its_name() {
    let import = |assignee: AssigneeId| {
        let mut conversation = conversation(1);
        conversation.assigned_to = Some(Assignee::new(assignee, "Carol"));
        Import::new(conversation, vec![message(1)])
    };
    let carol = AssigneeId::new("usr_carol").unwrap();
    for (assignee, changes, name) in [(carol, 2, "Carol"), (alice(), 1, "Alice")] {
        let mut given = Given::new();
        let command = import(assignee);
        assert_eq!(given.decide(&command).unwrap().changes.len(), changes);
        let imported = given.run(&command).unwrap();
        assert_eq!(
            imported.assigned_to.map(|one| one.name.to_string()),
            Some(name.to_owned())
        );
        assert_eq!((imported.inbound_count, imported.unread_count), (1, 0));
    }
}

#[test]
fn a_given_inbound_count_is_the_number_of_inbound_messages() {
    let mut known = conversation(1);
    known.inbound_count = 1;
    let import = Import::new(known, vec![message(1)]);
    assert!(Given::new().decide(&import).is_ok());
    let import = Import::new(import.conversation, Vec::new());
    let error = Given::new().decide(&import).unwrap_err();
    assert_eq!(error.field(), Some("inbound_count"));
}

#[test]
fn what_exists_is_not_imported_again() {
    let mut given = Given::new().conversation(conversation(1));
    let error = given
        .decide(&Import::new(conversation(1), Vec::new()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let other = Import::new(conversation(2), Vec::new());
    assert_eq!(
        given.decide(&other).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
}

/// The texts of the messages that an import stores, in the order of their places.
fn placed(messages: Vec<Message>) -> Vec<String> {
    let import = Import::new(conversation(1), messages);
    let decision = Given::new().decide(&import).unwrap();
    let [ChangeKind::ConversationImported(import)] = &*decision.changes else {
        panic!("{:?}", decision.changes);
    };
    let places = import.messages.iter().map(|it| (it.order_time, it.id));
    assert!(places.is_sorted_by(|one, next| one < next));
    let texts = import.messages.iter().map(|it| it.content.as_text());
    texts.map(|text| text.unwrap().to_owned()).collect()
}

/// A message so many microseconds behind a whole second, with an id of a number.
fn of(text: &str, micros: i64, number: u128) -> Message {
    let at = now() + TimeDelta::microseconds(micros);
    let id_of = MessageId::from_parts(1, number);
    Message::new(id_of, id(1), Direction::Inbound, Content::text(text), at)
}

#[test]
fn messages_of_one_second_or_time_are_stored_in_the_order_of_the_list() {
    let whole = vec![of("a", 0, 3), of("b", 0, 2), of("c", 0, 1)];
    assert_eq!(placed(whole), ["a", "b", "c"]);
    let fraction = vec![of("a", 5, 3), of("b", 5, 2), of("c", 5, 4)];
    assert_eq!(placed(fraction), ["a", "b", "c"]);
    let mixed = vec![
        of("a", 400, 4),
        of("b", 0, 1),
        of("c", 900, 3),
        of("d", 0, 2),
    ];
    assert_eq!(placed(mixed), ["a", "b", "c", "d"]);
    let next = vec![of("a", 5, 9), of("c", 6, 50), of("b", 5, 5), of("d", 6, 20)];
    assert_eq!(placed(next), ["a", "b", "c", "d"]);
    let unsorted = vec![of("c", 7, 1), of("a", 5, 2), of("b", 6, 3)];
    assert_eq!(placed(unsorted), ["a", "b", "c"]);
}

#[test]
fn the_last_microsecond_of_all_times_has_no_later_one() {
    let last = "9999-12-31T23:59:59.999999Z".parse().unwrap();
    let mut messages = vec![of("a", 0, 2), of("b", 0, 1)];
    messages.iter_mut().for_each(|it| it.created_at = last);
    assert_eq!(placed(messages), ["b", "a"], "in the order of ids then");
}

#[test]
fn an_import_takes_blank_texts_and_times_from_1970_on() {
    let mut old = of("", 0, 1);
    old.created_at = DateTime::UNIX_EPOCH;
    let note = Note::new(NoteId::from_parts(1, 1), id(1), " ", now());
    let import = Import::new(conversation(1), vec![old]).notes(vec![note]);
    assert!(Given::new().decide(&import).is_ok());
}

#[test]
fn an_invalid_part_is_named_with_its_place() {
    let twice = Import::new(conversation(1), vec![message(1), message(1)]);
    let error = Given::new().decide(&twice).unwrap_err();
    assert_eq!(error.field(), Some("messages[1].id"));
}
