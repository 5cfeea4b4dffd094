use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, conversation, id};

fn mark(read_count: u64) -> MarkRead {
    MarkRead {
        conversation: id(1),
        read_count,
    }
}

fn given() -> Given {
    let mut known = conversation(1);
    known.inbound_count = 3;
    known.unread_count = 2;
    Given::new().conversation(known)
}

#[test]
fn a_mark_goes_forward_and_never_back() {
    let set = |count| Decision::update(id(1), vec![Field::ReadCount(count)]);
    assert_eq!(given().decide(&mark(2)).ok(), Some(set(2)));
    for known in [0, 1] {
        let nothing = Decision::update(id(1), Vec::new());
        assert_eq!(given().decide(&mark(known)).ok(), Some(nothing));
    }
    let mut given = given();
    assert_eq!(given.run(&mark(3)).unwrap().unread_count, 0);
}

#[test]
fn what_has_not_come_cannot_be_read() {
    let error = given().decide(&mark(4)).unwrap_err();
    assert_eq!(error.field(), Some("read_count"));
}

#[test]
fn a_precondition_is_checked_only_where_something_would_change() {
    let context = Context::new().if_revision(convodb_core::Revision::new(7));
    let error = given()
        .context(context.clone())
        .decide(&mark(2))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    assert!(given().context(context).decide(&mark(1)).is_ok());
}
