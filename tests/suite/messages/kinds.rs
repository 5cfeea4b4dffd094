//! Each type of message: that it is stored, printed and read as it came.

use convodb::commands::UpdateMessage;
use convodb::{
    Attachment, AttachmentUpdate, Author, Channel, Content, Degrees, Error, ErrorKind, Execute,
    Inbound, Json, Location, MediaKind, Message, MessageType, Outbound,
};
use serde_json::{Value, json};

use super::{Desk, contact, extras, refusal};
use crate::store::{Read, test};

/// A request with the fields of a content.
fn inbound(content: &Value) -> Inbound {
    let mut body = json!({"contact_id": "con_880011", "channel": "whatsapp"});
    let fields = content.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    serde_json::from_value(body).unwrap()
}

/// One of each type, as a request has it.
fn contents() -> Vec<Value> {
    vec![
        json!({"type": "text", "content": "Hello"}),
        json!({"type": "text", "content": "See this", "attachments":
            [{"kind": "link", "url": "https://example.com/a", "title": "A"}]}),
        json!({"type": "template", "template_name": "welcome", "template_params": ["Ada"]}),
        json!({"type": "image", "media_url": "https://example.com/1.jpg", "caption": "one"}),
        json!({"type": "document", "attachments":
            [{"kind": "document", "media_id": "m1", "file_name": "offer.pdf", "size": 4117}]}),
        json!({"type": "audio", "attachments":
            [{"kind": "audio", "url": "https://example.com/1.ogg", "voice": true, "duration_ms": 2400}]}),
        json!({"type": "video", "media_url": "https://example.com/1.mp4"}),
        json!({"type": "sticker", "attachments": [{"kind": "sticker", "media_id": "s1"}]}),
        json!({"type": "link", "attachments":
            [{"kind": "link", "url": "https://example.com/s", "subtype": "story",
              "expires_at": "2026-11-30T06:00:00Z"}], "caption": "you"}),
        json!({"type": "image", "attachments": [
            {"kind": "image", "url": "https://example.com/1.jpg"},
            {"kind": "image", "url": "https://example.com/2.jpg"},
            {"kind": "document", "url": "https://example.com/offer.pdf"}]}),
        json!({"type": "location", "location": {"latitude": 52.52, "longitude": 13.405,
            "name": "Berlin"}}),
        json!({"type": "contacts", "contacts": [{"name": "Ada", "phones": [{"number": "+49 30 1"}]}]}),
        json!({"type": "interactive", "reply": {"kind": "button", "id": "slot_1", "title": "Ten"}}),
        json!({"type": "interactive", "reply": {"kind": "form", "data": {"b": 1.50, "a": null}},
            "content": "Filled in"}),
        json!({"type": "system", "system": {"kind": "number_change"}, "content": "A new number"}),
        json!({"type": "unsupported", "unsupported": {"code": "131051"}, "raw": {"x": [1, 2]}}),
        json!({"type": "unsupported"}),
    ]
}

#[test]
fn every_type_is_printed_with_the_fields_that_it_came_with() {
    let desk = Desk::new();
    for content in contents() {
        let message = desk.store.receive(inbound(&content)).unwrap().value;
        let printed = serde_json::to_value(desk.read(&message)).unwrap();
        for (field, value) in content.as_object().unwrap() {
            // What `media_url` says already is not said twice.
            let value = match field.as_str() {
                "template_params" | "media_url" | "caption" | "type" | "content" => value.clone(),
                _ => value.clone(),
            };
            assert_eq!(printed[field], value, "{field} of {content}");
        }
        let again: Message = serde_json::from_value(printed.clone()).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), printed);
        assert_eq!(
            (again.content, again.extras),
            (message.content, message.extras)
        );
    }
}

#[test]
fn every_type_survives_an_export_and_an_import() {
    let desk = Desk::new();
    for content in contents() {
        desk.store.receive(inbound(&content)).unwrap();
    }
    let transcript = desk.store.transcript(desk.conversation().id).unwrap();
    assert_eq!(desk.copied().len(), contents().len());
    assert_eq!(transcript.messages.len(), contents().len());
}

#[test]
fn the_four_types_of_the_specification_are_printed_as_before() {
    let desk = Desk::new();
    let image = inbound(
        &json!({"type": "image", "media_url": "https://example.com/1.jpg",
        "caption": "one", "attachments": [{"kind": "image", "url": "https://example.com/1.jpg"}]}),
    );
    let message = desk.store.receive(image).unwrap().value;
    let fields: Vec<_> = serde_json::to_value(&message)
        .unwrap()
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert!(!fields.contains(&"attachments".to_owned()), "{fields:?}");
    let text = serde_json::to_string(&message).unwrap();
    let rest = text.split_once("\"type\"").unwrap().1;
    assert!(
        rest.starts_with(":\"image\",\"status\":\"delivered\",\"created_at\":"),
        "{rest}"
    );
    assert!(
        rest.ends_with("\"media_url\":\"https://example.com/1.jpg\",\"caption\":\"one\"}"),
        "{rest}"
    );
}

#[test]
fn a_choice_without_words_is_read_as_its_title() {
    let desk = Desk::new();
    let button = json!({"type": "interactive", "reply": {"kind": "button", "title": "Ten"}});
    let message = desk.store.receive(inbound(&button)).unwrap().value;
    assert_eq!(message.content.as_text(), Some("Ten"));
    assert_eq!(message.content.message_type(), MessageType::Interactive);
}

#[test]
fn what_came_is_normalised_and_not_refused() {
    let desk = Desk::new();
    let content = json!({"type": "document", "attachments": [{"kind": "document",
        "url": "https://example.com/a b/ü.pdf", "file_name": "../x\u{0}.pdf",
        "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}]});
    let message = desk.store.receive(inbound(&content)).unwrap().value;
    let [attachment] = message.content.attachments() else {
        panic!("{message:?}");
    };
    assert_eq!(
        attachment.url.as_deref(),
        Some("https://example.com/a%20b/%C3%BC.pdf")
    );
    assert_eq!(attachment.file_name.as_deref(), Some(".._x_.pdf"));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(attachment.sha256.as_deref(), Some(empty));
    for text in ["", " ", "\u{200B}", "\u{A0}\u{E0041}"] {
        let message = desk.receive(&format!("blank {}", text.len()), text);
        assert_eq!(desk.read(&message).content.as_text(), Some(text));
        let sent = desk
            .store
            .send(Outbound::text(contact(), Channel::Whatsapp, text));
        assert_eq!(refusal(sent).0, ErrorKind::InvalidInput, "{text:?}");
    }
}

#[test]
fn an_error_names_the_field_within_its_list() {
    let desk = Desk::new();
    let long = "x".repeat(600);
    let refused = |content: Value| -> String {
        let body = serde_json::from_value::<Inbound>(json!({
            "contact_id": "con_880011", "channel": "whatsapp",
            "type": content["type"], "content": content["content"],
            "attachments": content["attachments"], "location": content["location"],
            "reply": content["reply"], "metadata": content["metadata"],
        }));
        let refused = body.map_err(|error| error.to_string()).and_then(|inbound| {
            desk.store
                .receive(inbound)
                .map_err(|error: Error| error.to_string())
        });
        refused.unwrap_err()
    };
    for (content, expected) in [
        (
            json!({"type": "image", "attachments": [{"kind": "image", "url": "https://e.com/1"},
                {"kind": "image", "url": "ftp://e.com"}]}),
            "attachments[1].url: must begin with",
        ),
        (
            json!({"type": "image", "attachments": [{"kind": "image", "url": "https://e.com/1"},
                {"kind": "image", "media_id": long}]}),
            "attachments[1].media_id: must be at most 512 bytes",
        ),
        (
            json!({"type": "image", "attachments": [{"kind": "video", "url": "https://e.com/1"}]}),
            "attachments: must begin with one of the message's type",
        ),
        (
            json!({"type": "image", "attachments": []}),
            "attachments: must begin with one",
        ),
        (
            json!({"type": "text", "content": "x", "attachments":
                [{"kind": "image", "url": "https://e.com/1"}]}),
            "attachments: must be links",
        ),
        (
            json!({"type": "location", "location": {"latitude": 91, "longitude": 0}}),
            "location.latitude: must be between -90 and 90",
        ),
        (json!({"type": "location"}), "location: is required"),
        (
            json!({"type": "text", "content": "x", "reply": {"kind": "button"}}),
            "reply: does not belong",
        ),
        (
            json!({"type": "text", "content": "x", "metadata": {"a b": 1}}),
            "metadata: must have names",
        ),
        (
            json!({"type": "text", "content": "x", "metadata": {"a": [1]}}),
            "must be a text, a number or a boolean",
        ),
    ] {
        let refused = refused(content.clone());
        assert!(refused.contains(expected), "{content}: {refused}");
    }
    assert_eq!(desk.store.stats().unwrap().messages, 0);
}

#[test]
fn a_plain_text_has_no_extras_and_the_rest_is_kept() {
    let desk = Desk::new();
    let first = desk.receive("w1", "Hello");
    assert_eq!(first.extras, None);
    let raw = r#"{"n": 1.50, "b": null}"#;
    let inbound = Inbound::text(contact(), Channel::Whatsapp, "And this")
        .provider_id("w2")
        .reply_to(super::id("w1"))
        .forwarded()
        .raw(Json::new("raw", raw).unwrap())
        .metadata("referral.ad", "spring")
        .metadata("count", 3);
    let second = desk.store.receive(inbound).unwrap().value;
    let read = extras(&desk.read(&second));
    assert_eq!(read.raw.as_ref().map(Json::as_str), Some(raw));
    assert!(read.forwarded);
    assert_eq!(read.metadata.get("referral.ad"), Some(&"spring".into()));
    assert_eq!(read.metadata.get("count"), Some(&3.into()));
    assert_eq!(read.reply_to.unwrap().message_id, Some(first.id));
}

#[test]
fn a_reference_is_resolved_when_it_is_read_and_never_into_another_conversation() {
    let desk = Desk::new();
    let answer =
        Inbound::text(contact(), Channel::Whatsapp, "That one").reply_to(super::id("late"));
    let answer = desk.store.receive(answer).unwrap().value;
    let target = |message: &Message| extras(&desk.read(message)).reply_to.unwrap().message_id;
    assert_eq!(target(&answer), None);
    let late = desk.receive("late", "Which?");
    assert_eq!(target(&answer), Some(late.id));
    let other = convodb::ContactId::new("con_990022").unwrap();
    let elsewhere = Inbound::text(&other, Channel::Whatsapp, "Mine").reply_to(super::id("late"));
    let elsewhere = desk.store.receive(elsewhere).unwrap().value;
    assert_eq!(target(&elsewhere), None);
}

#[test]
fn an_author_that_is_a_user_has_the_present_name_of_the_directory() {
    let desk = Desk::new();
    let alice = convodb::UserId::new("usr_01H111").unwrap();
    let hello =
        || Outbound::text(contact(), Channel::Whatsapp, "Hello").author(Author::user(&alice));
    let refused = refusal(desk.store.send(hello()));
    assert_eq!(refused.0, ErrorKind::InvalidInput);
    assert!(refused.1.starts_with("author.id: "), "{}", refused.1);
    desk.store.save_user(&alice, "Alice").unwrap();
    let sent = desk.store.send(hello()).unwrap().value;
    desk.store.save_user(&alice, "Alice Support").unwrap();
    let author = extras(&desk.read(&sent)).author.unwrap();
    assert_eq!(author.name.as_deref(), Some("Alice Support"));
    let acting = convodb::Context::new().actor(convodb::Actor::new("usr_01H111").unwrap());
    let sent = desk
        .store
        .with(acting)
        .reply(sent.conversation_id, "Again")
        .unwrap()
        .value;
    assert_eq!(
        extras(&sent).author.and_then(|author| author.user_id()),
        Some(alice)
    );
}

#[test]
fn more_becomes_known_of_an_attachment() {
    let desk = Desk::new();
    let voice = Content::media(Attachment::media_id(MediaKind::Audio, "m1"));
    let message = desk.receive("w1", voice);
    let mut update = UpdateMessage::new(&message);
    let url = Some("https://example.com/1.ogg".to_owned());
    update.attachments.push(AttachmentUpdate {
        index: 0,
        url: url.clone(),
        text: Some("Good morning".into()),
        ..AttachmentUpdate::default()
    });
    update.metadata.0.insert("lang".into(), Some("en".into()));
    let updated = desk.store.update_message(update.clone()).unwrap();
    assert!(updated.effect.changed);
    let [attachment] = updated.value.content.attachments() else {
        panic!("{updated:?}");
    };
    assert_eq!(
        (&attachment.url, attachment.media_id.as_deref()),
        (&url, Some("m1"))
    );
    assert_eq!(attachment.text.as_deref(), Some("Good morning"));
    assert!(
        !desk
            .store
            .update_message(update.clone())
            .unwrap()
            .effect
            .changed
    );
    update.attachments[0].index = 1;
    let refused = refusal(desk.store.update_message(update));
    assert!(
        refused.1.starts_with("attachments[0].index: "),
        "{}",
        refused.1
    );
    assert_eq!(desk.events().last(), Some(&"message.updated"));
}

#[test]
fn a_number_is_read_as_it_was_written() {
    let desk = Desk::new();
    for text in [
        "-5.596949602737284e-64",
        "5e-324",
        "-1.6145869302065834e-226",
        "0.1",
    ] {
        let content = json!({"type": "location",
            "location": {"latitude": text.parse::<f64>().unwrap(), "longitude": 0.0}});
        let message = desk.store.receive(inbound(&content)).unwrap().value;
        assert_eq!(desk.read(&message).content, message.content, "{text}");
    }
}

#[test]
fn a_place_has_finite_degrees() {
    assert!(Degrees::new(f64::NAN).is_none());
    let location = Location {
        latitude: Degrees::new(-90.0).unwrap(),
        longitude: Degrees::new(180.0).unwrap(),
        name: None,
        address: None,
        url: None,
    };
    let desk = Desk::new();
    let content = Content::Location {
        location: Box::new(location),
        text: Some("Here".into()),
    };
    let message = desk.receive("w1", content.clone());
    assert_eq!(desk.read(&message).content, content);
}

#[test]
fn an_address_is_bounded_as_it_is_stored_and_raw_json_is_one_line() {
    let desk = Desk::new();
    let wide = format!("https://e.com/{}", "é".repeat(2_000));
    let refused = desk.try_receive("w1", Content::image(wide));
    assert!(
        refusal(refused)
            .1
            .starts_with("media_url: must be at most 4096")
    );
    let spaced = desk.receive("w2", Content::image(" HTTPS://Example.com/1.jpg"));
    assert_eq!(spaced.content, Content::image("https://Example.com/1.jpg"));
    let raw = Json::new("raw", "{\n  \"a\": \"b\\nc\"\r\n}").unwrap();
    assert_eq!(raw.as_str(), r#"{   "a": "b\nc"  }"#);
    let inbound = Inbound::text(contact(), Channel::Whatsapp, "x").raw(raw);
    let message = desk.store.receive(inbound).unwrap().value;
    assert!(
        !serde_json::to_string(&desk.read(&message))
            .unwrap()
            .contains('\n')
    );
}
