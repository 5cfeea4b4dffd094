use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, alice, bob};

fn remove(successor: Option<AssigneeId>) -> RemoveAssignee {
    RemoveAssignee {
        assignee: alice(),
        successor,
    }
}

#[test]
fn it_answers_how_many_conversations_go_to_the_successor() {
    let own = Query::Count(Box::new(Filter::all().assigned_to(alice())));
    let mut given = Given::new().answer(own, Answer::Number(3));
    assert_eq!(given.run(&remove(Some(bob()))).unwrap(), 3);
    let error = given.decide(&remove(None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn nobody_succeeds_itself() {
    let error = Given::new().decide(&remove(Some(alice()))).unwrap_err();
    assert_eq!(error.field(), Some("successor"));
}
