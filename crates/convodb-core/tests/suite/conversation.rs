//! The attributes of a conversation, and what follows from setting them.

use convodb_core::*;

use crate::given::{Given, alice, conversation, id, now};

fn set(given: &mut Given, field: Field) -> &Conversation {
    let (conversation, set) = (id(1), vec![field]);
    given.apply(ChangeKind::ConversationUpdated { conversation, set });
    given.state.require_conversation(id(1)).unwrap()
}

#[test]
fn fields_that_are_revised_are_activity_and_reading_is_neither() {
    let mut known = conversation(1);
    let before = known.updated_at;
    known.inbound_count = 3;
    known.unread_count = 3;
    let mut given = Given::new().conversation(known);
    let read = set(&mut given, Field::ReadCount(2));
    assert_eq!((read.unread_count, read.updated_at), (1, before));
    assert!(read.revision.is_zero());
    let assigned = set(&mut given, Field::Assignee(Some(alice())));
    assert_eq!((assigned.revision.get(), assigned.updated_at), (1, now()));
    let again = set(&mut given, Field::ReadCount(1));
    assert_eq!(again.unread_count, 1, "a mark never goes back");
    assert_eq!(set(&mut given, Field::ReadCount(9)).unread_count, 0);
}

#[test]
fn a_late_message_is_activity_when_it_arrives() {
    let known = conversation(1);
    let late = known.created_at - chrono::TimeDelta::seconds(5);
    let message = MessageId::from_parts(1, 1);
    let text = Content::text("Hi");
    let message = Message::new(message, id(1), Direction::Inbound, text, late);
    let mut given = Given::new().conversation(known);
    given.apply(ChangeKind::MessageAppended(Box::new(message)));
    let known = given.state.require_conversation(id(1)).unwrap();
    assert_eq!((known.created_at, known.updated_at), (late, now()));
    assert_eq!((known.inbound_count, known.unread_count), (1, 1));
}
