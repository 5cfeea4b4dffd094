use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, contact, conversation};

#[test]
fn the_conversations_of_all_channels_go() {
    let mut other = conversation(2);
    other.channel = Channel::Webchat;
    let given = Given::new().conversation(conversation(1));
    let mut given = given.conversation(other);
    let command = EraseContact { contact: contact() };
    assert!(given.decide(&command).unwrap().erases_log);
    assert_eq!(given.run(&command).unwrap(), 2);
    assert_eq!(given.run(&command).unwrap(), 0);
}
