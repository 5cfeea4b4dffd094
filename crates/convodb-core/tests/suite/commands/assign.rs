use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, alice, bob, conversation, id};

fn to(assignee: Option<AssigneeId>) -> Assign {
    Assign {
        conversation: id(1),
        assignee,
    }
}

#[test]
fn assigning_reopens_and_unassigning_does_not() {
    let mut resolved = conversation(1);
    resolved.status = Status::Resolved;
    let mut given = Given::new().conversation(resolved);
    let set = vec![Field::Assignee(Some(alice())), Field::Status(Status::Open)];
    let decided = given.decide(&to(Some(alice()))).unwrap();
    assert_eq!(decided, Decision::update(id(1), set));
    assert!(decided.effect.reopened);

    let assigned = given.run(&to(Some(alice()))).unwrap();
    assert_eq!(
        assigned.assigned_to.map(|one| one.name.to_string()),
        Some("Alice".to_owned())
    );
    assert_eq!(assigned.revision, convodb_core::Revision::new(2));
    assert!(!given.decide(&to(Some(alice()))).unwrap().effect.changed);
    assert_eq!(given.run(&to(None)).unwrap().assigned_to, None);
}

#[test]
fn an_unknown_assignee_is_not_found() {
    let carol = AssigneeId::new("usr_carol").unwrap();
    let error = Given::new()
        .conversation(conversation(1))
        .decide(&to(Some(carol)));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_lost_claim_names_the_winner() {
    let mut given = Given::new().conversation(conversation(1));
    given.run(&to(Some(alice()))).unwrap();
    let mut given = given.context(Context::new().if_assignee(None));
    assert!(
        given.decide(&to(Some(alice()))).is_ok(),
        "nothing would change"
    );
    let lost = given.decide(&to(Some(bob()))).unwrap_err();
    assert!(matches!(
        lost.details(),
        Details::Precondition { assignee: Some(winner), .. } if *winner == alice()
    ));
}
