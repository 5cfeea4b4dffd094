use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, alice, conversation, id};

#[test]
fn each_conversation_is_answered_in_its_place() {
    let mut given = Given::new().conversation(conversation(1));
    let command = AssignAll {
        selection: Selection::ids([id(2), id(1)]).unwrap(),
        assignee: alice(),
    };
    let answered = given.run(&command).unwrap();
    let [missing, assigned] = answered.try_into().unwrap();
    let error = missing.result.unwrap_err();
    assert_eq!((missing.id, error.kind()), (id(2), ErrorKind::NotFound));
    assert!(assigned.effect.changed);
    assert_eq!(assigned.result.unwrap().assignee_id(), Some(&alice()));
}

#[test]
fn the_first_of_a_list_are_resolved() {
    let filter = convodb_core::Filter::open();
    let query = Query::First(Box::new(filter.clone()), 10);
    let listed = Answer::Conversations(vec![id(1)]);
    let mut given = Given::new()
        .conversation(conversation(1))
        .answer(query, listed);
    let command = ResolveAll {
        selection: Selection::first(&filter, 10).unwrap(),
    };
    let answered = given.run(&command).unwrap();
    assert_eq!(
        answered[0].result.as_ref().unwrap().status,
        Status::Resolved
    );
    assert!(!given.decide(&command).unwrap().effect.changed);
}
