use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, conversation, id, now};

#[test]
fn a_note_is_activity_and_reopens_nothing() {
    let mut resolved = conversation(1);
    resolved.status = Status::Resolved;
    let author = Actor::new("usr_alice").unwrap();
    let context = Context::new().actor(author.clone());
    let mut given = Given::new().conversation(resolved).context(context);
    let note = given.run(&AddNote {
        conversation: id(1),
        content: "Enterprise plan.".to_owned(),
    });
    assert_eq!(note.unwrap().author, Some(author));
    let known = given.state.require_conversation(id(1)).unwrap();
    assert_eq!((known.status, known.updated_at), (Status::Resolved, now()));
}

#[test]
fn a_blank_note_is_invalid() {
    let command = AddNote {
        conversation: id(1),
        content: " ".to_owned(),
    };
    let error = Given::new().conversation(conversation(1)).decide(&command);
    assert_eq!(error.unwrap_err().field(), Some("content"));
}
