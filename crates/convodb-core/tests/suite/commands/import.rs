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

#[test]
fn an_invalid_part_is_named_with_its_place() {
    let twice = Import::new(conversation(1), vec![message(1), message(1)]);
    let error = Given::new().decide(&twice).unwrap_err();
    assert_eq!(error.field(), Some("messages[1].id"));
}
