//! The JSON of conversations, messages and drafts.

use convodb_core::*;

use crate::given::{alice, contact, conversation, id, now};

fn import() -> Import {
    let mut known = conversation(1);
    known.assigned_to = Some(Assignee::new(alice(), "Alice"));
    known.inbound_count = 1;
    known.unread_count = 1;
    known.revision = Revision::new(3);
    let text = Content::text("Hi");
    let message = MessageId::from_parts(1, 1);
    let message = Message::new(message, id(1), Direction::Inbound, text, now());
    let note = Note::new(NoteId::from_parts(1, 2), id(1), "VIP", now());
    Import::new(known, vec![message]).notes(vec![note])
}

#[test]
fn what_is_written_is_read_again() {
    let import = import();
    let transcript = Transcript::new(import.conversation.clone(), import.messages.clone());
    let text = serde_json::to_string(&import.conversation).unwrap();
    let again: Conversation = serde_json::from_str(&text).unwrap();
    assert_eq!(again, import.conversation);
    let text = serde_json::to_string(&transcript).unwrap();
    assert_eq!(
        serde_json::from_str::<Transcript>(&text).unwrap(),
        transcript
    );
    assert!(
        serde_json::from_str::<Conversation>(&text).is_err(),
        "it has messages"
    );
    let text = serde_json::to_string(&import).unwrap();
    assert_eq!(serde_json::from_str::<Import>(&text).unwrap(), import);
    assert!(
        serde_json::from_str::<Transcript>(&text).is_err(),
        "it has notes"
    );
}

#[test]
fn counts_follow_the_other_fields_where_they_are_not_zero() {
    let text = serde_json::to_string(&import().conversation).unwrap();
    assert!(
        text.ends_with(r#""unread_count":1,"inbound_count":1,"revision":3}"#),
        "{text}"
    );
    let text = serde_json::to_string(&conversation(1)).unwrap();
    assert!(
        !text.contains("count") && !text.contains("revision"),
        "{text}"
    );
}

fn contents() -> [Content; 4] {
    [
        Content::text("Hello"),
        Content::template("spring", ["Ada"]).caption("Hello Ada"),
        Content::image("https://example.com/1.jpg").caption("One"),
        Content::document("https://example.com/1.pdf"),
    ]
}

#[test]
fn a_message_is_written_as_the_body_that_it_is_read_from() {
    for content in contents() {
        let inbound = Inbound::new(contact(), Channel::Webchat, content.clone());
        let inbound = inbound.provider_id("p1").provider_time(now());
        let text = serde_json::to_string(&inbound).unwrap();
        assert_eq!(serde_json::from_str::<Inbound>(&text).unwrap(), inbound);
        for reopen in [true, false] {
            let outbound = Outbound::new(contact(), Channel::Webchat, content.clone());
            let outbound = outbound.reopen(reopen);
            let text = serde_json::to_string(&outbound).unwrap();
            assert_eq!(serde_json::from_str::<Outbound>(&text).unwrap(), outbound);
        }
    }
}

#[test]
fn a_missing_or_foreign_field_is_named() {
    let error = |body: &str| {
        serde_json::from_str::<Inbound>(body)
            .unwrap_err()
            .to_string()
    };
    let body = r#"{"channel": "whatsapp", "type": "text", "content": "Hello"}"#;
    assert!(error(body).contains("contact_id: `contact_id` or `identities` is required"));
    let body = r#"{"contact_id": "con_1", "channel": "whatsapp", "type": "image", "content": "x"}"#;
    assert!(error(body).contains("media_url: is required"));
    let body = r#"{"contact_id": "con_1", "channel": "whatsapp", "type": "text", "content": "x",
        "echo": true}"#;
    assert!(error(body).contains("echo: is allowed only in an outbound message"));
}
