//! The JSON of messages that are yet to be stored: each shape that is taken, and each that is refused,
//! with the invalid field named first.

use convodb::{Channel, Content, Inbound, Outbound};
use serde::de::DeserializeOwned;

use crate::rules::inbox::{contact, time};

const SENT_AT: &str = "2026-04-16T09:10:00Z";

fn read<T: DeserializeOwned>(body: &str) -> T {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[track_caller]
fn refused<T: DeserializeOwned + std::fmt::Debug>(body: &str, because: &str) {
    let error = serde_json::from_str::<T>(body).expect_err(body).to_string();
    assert!(error.starts_with(because), "{body}: {error}");
}

/// A message of this type from `con_1` on whatsapp, with these fields.
fn message(fields: &str) -> String {
    format!(r#"{{"contact_id":"con_1","channel":"whatsapp",{fields}}}"#)
}

#[test]
fn a_message_of_each_type_is_read_either_way() {
    let image = Content::image("https://example.com/1.png");
    for (fields, content) in [
        (r#""type":"text","content":"Hello""#, Content::text("Hello")),
        (
            r#""type":"template","template_name":"sale""#,
            Content::template("sale", [""; 0]),
        ),
        (
            r#""type":"template","template_name":"sale","template_params":["a","b"],"content":"A b""#,
            Content::template("sale", ["a", "b"]).caption("A b"),
        ),
        (
            r#""type":"image","media_url":"https://example.com/1.png""#,
            image.clone(),
        ),
        (
            r#""type":"image","media_url":"https://example.com/1.png","caption":"One""#,
            image.caption("One"),
        ),
        (
            r#""type":"document","media_url":"http://example.com/1.pdf","caption":null"#,
            Content::document("http://example.com/1.pdf"),
        ),
    ] {
        let inbound = Inbound::new(contact("con_1"), Channel::Whatsapp, content.clone());
        assert_eq!(read::<Inbound>(&message(fields)), inbound);
        let outbound = Outbound::new(contact("con_1"), Channel::Whatsapp, content);
        assert_eq!(read::<Outbound>(&message(fields)), outbound);
    }
}

#[test]
fn what_is_optional_reaches_the_message() {
    let text = r#""type":"text","content":"Hello""#;
    let optional = format!(r#"{text},"provider_id":"wamid.1","sent_at":"{SENT_AT}""#);
    let inbound = Inbound::text(contact("con_1"), Channel::Whatsapp, "Hello");
    assert_eq!(
        read::<Inbound>(&message(&optional)),
        inbound.provider_id("wamid.1").provider_time(time(SENT_AT))
    );
    let outbound = Outbound::text(contact("con_1"), Channel::Whatsapp, "Hello");
    for (given, reopens) in [("true", true), ("null", true), ("false", false)] {
        assert_eq!(
            read::<Outbound>(&message(&format!(r#"{text},"reopen":{given}"#))),
            outbound.clone().reopen(reopens)
        );
    }
}

#[test]
fn a_message_that_is_not_whole_or_says_too_much_is_refused() {
    for (fields, because) in [
        (r#""type":"text""#, "content: is required"),
        (
            r#""type":"template","content":"A""#,
            "template_name: is required",
        ),
        (r#""type":"image","caption":"A""#, "media_url: is required"),
        (
            r#""type":"text","content":"A","caption":"B""#,
            "caption: does not belong",
        ),
        (
            r#""type":"document","media_url":"https://example.com/1","content":"B""#,
            "content: does not belong",
        ),
        (
            r#""type":"text","content":"A","provider_id":"""#,
            "provider_id: must not be empty",
        ),
        (
            r#""type":"text","content":"A","sent_at":"yesterday""#,
            "`yesterday` is not an ISO 8601 time",
        ),
        (r#""type":"poll""#, "unknown variant `poll`"),
        (r#""type":"video""#, "media_url: is required"),
        (
            r#""type":"text","content":"A","created_at":"2026-04-16T09:00:00Z""#,
            "created_at: belongs to a message that is stored",
        ),
        (
            r#""type":"text","content":"A","name":"1""#,
            "unknown field `name`",
        ),
        (
            r#""type":"text","content":"A","type":"text""#,
            "duplicate field `type`",
        ),
        (r#""content":"A""#, "missing field `type`"),
    ] {
        refused::<Inbound>(&message(fields), because);
        refused::<Outbound>(&message(fields), because);
    }
    let echo = message(r#""type":"text","content":"A","echo":true"#);
    refused::<Inbound>(&echo, "echo: is allowed only in an outbound message");
    refused::<Inbound>(
        r#"["con_1","whatsapp","text","A"]"#,
        "invalid type: sequence",
    );
}
