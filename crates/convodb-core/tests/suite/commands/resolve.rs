use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, conversation, id, now};

#[test]
fn resolving_is_activity_once() {
    let mut given = Given::new().conversation(conversation(1));
    let command = Resolve {
        conversation: id(1),
    };
    let resolved = given.run(&command).unwrap();
    assert_eq!(
        (resolved.status, resolved.updated_at),
        (Status::Resolved, now())
    );
    assert!(given.decide(&command).unwrap().changes.is_empty());
}
