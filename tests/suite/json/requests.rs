//! The bodies that bring messages and receipts: each shape that is taken, and each that is refused,
//! with the field at fault named first.

use convodb::{
    Channel, Content, ConversationId, DeliveryStatus, Inbound, MessageId, MessageRef, Outbound,
    ProviderId, Receipt, ReceiptRequest,
};
use serde::de::DeserializeOwned;

use crate::rules::inbox::{contact, time};

const SENT_AT: &str = "2026-04-16T09:10:00Z";
const CONVERSATION: &str = "conv_01HABC00000000000000000000";
const MESSAGE: &str = "msg_01HMN000000000000000000000";

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
        inbound.provider_id("wamid.1").sent_at(time(SENT_AT))
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
            "`yesterday` is no ISO 8601 time",
        ),
        (r#""type":"video""#, "unknown variant `video`"),
        (
            r#""type":"text","content":"A","id":"1""#,
            "unknown field `id`",
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
    let reopening = message(r#""type":"text","content":"A","reopen":true"#);
    refused::<Inbound>(&reopening, "reopen: belongs to a message to a contact");
    refused::<Inbound>(
        r#"["con_1","whatsapp","text","A"]"#,
        "invalid type: sequence",
    );
}

#[test]
fn a_receipt_names_its_message_by_either_pair_of_ids() {
    let conversation = ConversationId::new(CONVERSATION).unwrap();
    let by_id = MessageRef::from((conversation, MessageId::new(MESSAGE).unwrap()));
    let provider_id = ProviderId::new("wamid.1").unwrap();
    let by_provider = MessageRef::from((Channel::Webchat, provider_id));
    for (ids, message) in [
        (
            format!(r#""conversation_id":"{CONVERSATION}","message_id":"{MESSAGE}""#),
            by_id,
        ),
        (
            r#""channel":"webchat","provider_id":"wamid.1","message_id":null"#.to_owned(),
            by_provider,
        ),
    ] {
        for (fields, receipt) in [
            (r#""status":"read""#.to_owned(), Receipt::read()),
            (
                format!(r#""status":"delivered","at":"{SENT_AT}""#),
                Receipt::delivered().at(time(SENT_AT)),
            ),
            (
                r#""status":"failed""#.to_owned(),
                Receipt::new(DeliveryStatus::Failed),
            ),
            (
                r#""status":"failed","error":{"code":"131026","message":"undeliverable"}"#
                    .to_owned(),
                Receipt::failed("131026", "undeliverable"),
            ),
        ] {
            let request: ReceiptRequest = read(&format!("{{{ids},{fields}}}"));
            assert_eq!((&request.message, &request.receipt), (&message, &receipt));
        }
    }
}

#[test]
fn a_receipt_of_no_message_or_of_two_is_refused() {
    let message_id = format!(r#""message_id":"{MESSAGE}""#);
    let conversation_id = format!(r#""conversation_id":"{CONVERSATION}""#);
    let (channel, provider_id) = (r#""channel":"webchat""#, r#""provider_id":"wamid.1""#);
    for (fields, because) in [
        (vec![], "message_id: with conversation_id, or provider_id"),
        (vec![&*message_id], "conversation_id: must be given beside"),
        (vec![&*conversation_id], "message_id: must be given beside"),
        (vec![channel], "provider_id: must be given beside"),
        (vec![provider_id], "channel: must be given beside"),
        (vec![&message_id, channel], "channel: must not be given"),
        (vec![&message_id, provider_id], "provider_id: must not be"),
        (
            vec![&conversation_id, &message_id, channel, provider_id],
            "channel: must not be given",
        ),
    ] {
        let fields: String = fields.iter().map(|field| format!("{field},")).collect();
        refused::<ReceiptRequest>(&format!(r#"{{{fields}"status":"read"}}"#), because);
    }
    let of = format!("{channel},{provider_id}");
    for (fields, because) in [
        (r#""status":"seen""#, "unknown variant `seen`"),
        (
            r#""status":"read","error":{"code":"1","message":"no"}"#,
            "error: belongs to `failed`",
        ),
        (
            r#""status":"failed","error":{"code":"1"}"#,
            "missing field `message`",
        ),
    ] {
        refused::<ReceiptRequest>(&format!("{{{of},{fields}}}"), because);
    }
}
