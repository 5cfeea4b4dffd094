use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, contact, conversation, id};

#[test]
fn what_was_deleted_is_not_found() {
    let mut given = Given::new().conversation(conversation(1));
    let command = Delete {
        conversation: id(1),
    };
    given.run(&command).unwrap();
    let error = given.decide(&command).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let thread = given
        .state
        .thread(&convodb_core::Channel::Whatsapp.into(), &contact());
    assert_eq!(thread.unwrap(), None);
}
