//! Echoes, contents that were yet to come, and edits that came before their messages.

use convodb_core::codec::Record;
use convodb_core::commands::*;
use convodb_core::records::MessageRecord;
use convodb_core::*;

use crate::given::{Given, contact, now};

fn sent(text: &str) -> Outbound {
    Outbound::text(contact(), Channel::Whatsapp, text)
}

fn provider_id(id: &str) -> MessageRef {
    MessageRef::from((Channel::Whatsapp, ProviderId::new(id).unwrap()))
}

fn send(given: &mut Given, message: Outbound) -> Message {
    given.run(&SendMessage { message }).unwrap()
}

#[test]
fn an_echo_brings_what_came_before_it() {
    let mut given = Given::new();
    let own = send(&mut given, sent("At five").client_ref("ref-1").pending());
    let react = React::new(provider_id("wamid.1"), "👍");
    assert_eq!(given.run(&react).unwrap(), None);
    let echo = sent("At five").provider_id("wamid.1").client_ref("ref-1");
    let joined = send(&mut given, echo.echo());
    assert_eq!(joined.id, own.id);
    assert_eq!(joined.status, DeliveryStatus::Sent);
    let reactions = joined.extras.map(|extras| extras.reactions);
    assert_eq!(reactions.unwrap_or_default().len(), 1);
}

#[test]
fn what_was_taken_back_before_its_echo_is_erased_from_the_log() {
    let mut given = Given::new();
    send(&mut given, sent("At five").client_ref("ref-1").pending());
    given.run(&Revoke::new(provider_id("wamid.1"))).unwrap();
    let message = sent("At five").provider_id("wamid.1").client_ref("ref-1");
    let message = message.echo();
    let decided = given.decide(&SendMessage { message }).unwrap();
    assert!(decided.erases_log);
}

#[test]
fn a_reference_that_another_application_repeats_loses_no_echo() {
    let mut given = Given::new();
    let echo = |text, id: &str| {
        let echo = sent(text).provider_id(id).client_ref("constant");
        echo.echo()
    };
    let first = send(&mut given, echo("one", "wamid.1"));
    let second = send(&mut given, echo("two", "wamid.2"));
    assert_ne!(first.id, second.id);
    assert_eq!(second.extras.and_then(|it| it.client_ref), None);
    let other = ContactId::new("con_2").unwrap();
    let other = Outbound::text(other, Channel::Whatsapp, "three").provider_id("wamid.3");
    let message = other.client_ref("constant").echo();
    let third = given.decide(&SendMessage { message }).unwrap();
    assert!(third.effect.created);
}

#[test]
fn an_echo_that_says_nothing_is_stored() {
    let mut given = Given::new();
    assert!(sent(" ").validate().is_err());
    assert_eq!(sent(" ").echo().validate(), Ok(()));
    send(&mut given, sent(" ").echo());
}

#[test]
fn a_content_that_was_yet_to_come_is_filled_once_whichever_way_it_went() {
    let mut given = Given::new();
    let unsupported = || Content::Unsupported {
        reason: None,
        text: None,
        attachments: Vec::new(),
        caption: None,
    };
    let placeholder = |id: &str| {
        let message = Outbound::new(contact(), Channel::Whatsapp, unsupported());
        message.provider_id(id).placeholder().reopen(false)
    };
    let known = send(&mut given, placeholder("wamid.1"));
    let image = || Content::image("https://example.com/1.jpg");
    let message = Inbound::new(contact(), Channel::Whatsapp, image()).provider_id("wamid.1");
    let filled = given.run(&ReceiveMessage { message }).unwrap();
    assert_eq!(
        (filled.id, filled.direction),
        (known.id, Direction::Outbound)
    );
    assert_eq!(filled.content, image());

    send(&mut given, placeholder("wamid.2"));
    let fill = |content| Fill {
        message: provider_id("wamid.2"),
        content,
    };
    assert!(
        given
            .decide(&fill(unsupported()))
            .unwrap()
            .changes
            .is_empty()
    );
    assert_eq!(given.run(&fill(image())).unwrap().unwrap().content, image());
    let other = fill(Content::text("no"));
    assert!(given.decide(&other).unwrap().changes.is_empty());
    let unknown = Fill {
        message: provider_id("wamid.3"),
        content: image(),
    };
    assert!(given.run(&unknown).unwrap().is_none());
    assert_eq!(send(&mut given, placeholder("wamid.3")).content, image());
}

#[test]
fn an_edit_before_its_message_gives_what_the_other_order_gives() {
    let at = now() - chrono::TimeDelta::minutes(5);
    let photo = || {
        let photo = Content::image("https://example.com/1.jpg").caption("blu");
        let photo = Inbound::new(contact(), Channel::Whatsapp, photo);
        photo
            .provider_id("wamid.1")
            .provider_time(at)
            .metadata("contact.name", "Ada")
            .forwarded()
    };
    let mut edit = Edit::new(provider_id("wamid.1"), "blue");
    edit.contact = Some(contact().into());
    edit.at = Some(at + chrono::TimeDelta::minutes(1));
    let receive = ReceiveMessage { message: photo() };
    let (mut one, mut two) = (Given::new(), Given::new());
    one.run(&receive).unwrap();
    let mut in_order = one.run(&edit).unwrap().unwrap();
    two.run(&edit).unwrap();
    let late = two.run(&receive).unwrap();
    in_order.conversation_id = late.conversation_id;
    in_order.id = late.id;
    assert_eq!(late, in_order);
    assert!(two.decide(&receive).unwrap().is_duplicate);
}

#[test]
fn json_that_came_is_read_again_within_a_content() {
    let data = Json::new("data", r#"{"people": "4", "deep": [1.50]}"#).unwrap();
    let choice = Choice {
        kind: ChoiceKind::Form,
        id: Some("flow".to_owned()),
        title: None,
        description: None,
        data: Some(data),
    };
    let content = Content::Interactive {
        choice: Box::new(choice),
        text: None,
    };
    let mut given = Given::new();
    let message = Inbound::new(contact(), Channel::Whatsapp, content.clone());
    let message = given.run(&ReceiveMessage { message }).unwrap();
    let mut bytes = Vec::new();
    MessageRecord::from(&message).encode(&mut bytes).unwrap();
    let record = MessageRecord::decode(MessageRecord::VERSION, &bytes).unwrap();
    let read = record.into_message(message.conversation_id, message.order_time, message.id);
    assert_eq!(read.content, content);
}
