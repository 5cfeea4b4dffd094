use convodb_core::commands::*;
use convodb_core::*;

use crate::given::{Given, contact, conversation, id};

fn reply(reply: impl Into<Reply>) -> ReplyTo {
    ReplyTo {
        conversation: id(1),
        reply: reply.into(),
    }
}

#[test]
fn an_address_that_is_not_the_conversations_is_invalid() {
    let mut given = Given::new().conversation(conversation(1));
    let elsewhere = Outbound::text(contact(), Channel::Webchat, "Hi");
    let error = given.decide(&reply(elsewhere)).unwrap_err();
    assert_eq!(error.field(), Some("channel"));
    let here = Outbound::text(contact(), Channel::Whatsapp, "Hi");
    assert!(given.decide(&reply(here)).is_ok());
}

#[test]
fn a_reply_that_is_stored_already_is_answered_whatever_the_revision() {
    let mut given = Given::new().conversation(conversation(1));
    let command = reply(Reply::text("Hi").provider_id("wamid.1"));
    let first = given.run(&command).unwrap();
    let mut given = given.context(Context::new().if_revision(Revision::new(7)));
    assert_eq!(given.run(&command).unwrap(), first);
    let error = given.decide(&reply("Hello?")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
}
