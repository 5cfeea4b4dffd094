//! The items of the example payloads, and of kinds beside them.

use serde_json::{Value, json};

use crate::common::{items, payloads};

#[test]
fn every_example_payload_asks_what_it_should() {
    let mut expected = include_str!("../items.txt").lines();
    for channel in ["whatsapp", "messenger", "instagram"] {
        for (name, body) in payloads(channel) {
            for (kind, value) in items(&body) {
                let line = format!("{channel}/{name} {kind} {value}");
                assert_eq!(expected.next(), Some(line.as_str()));
            }
        }
    }
    assert_eq!(expected.next(), None);
}

/// The one item of a message of WhatsApp with these fields.
#[track_caller]
fn whatsapp(fields: Value) -> (&'static str, Value) {
    one("messages", "messages", fields)
}

#[track_caller]
fn one(field: &str, list: &str, fields: Value) -> (&'static str, Value) {
    let mut message = json!({"from": "2", "id": "wamid.1", "timestamp": "1795936020"});
    let fields = fields.as_object().unwrap().clone();
    message.as_object_mut().unwrap().extend(fields);
    let metadata = json!({"phone_number_id": "1", "display_phone_number": "+1 (202) 555-0100"});
    let value = json!({"metadata": metadata, list: [message]});
    let entry = json!({"id": "9", "changes": [{"field": field, "value": value}]});
    let body = json!({"object": "whatsapp_business_account", "entry": [entry]});
    let mut items = items(body.to_string().as_bytes());
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0)
}

/// The items of an event.
fn event(object: &str, sender: &str, fields: Value) -> Vec<(&'static str, Value)> {
    let recipient = if sender == "1" { "2" } else { "1" };
    let mut event = json!({
        "sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": 1_795_936_020_123_u64
    });
    let fields = fields.as_object().unwrap().clone();
    event.as_object_mut().unwrap().extend(fields);
    let body = json!({"object": object, "entry": [{"id": "1", "messaging": [event]}]});
    items(body.to_string().as_bytes())
}

#[track_caller]
fn instagram(message: Value) -> Value {
    let mut message = message;
    message["mid"] = json!("m_1");
    let mut items = event("instagram", "2", json!({ "message": message }));
    assert_eq!((items.len(), items[0].0), (1, "receive"), "{items:?}");
    items.remove(0).1
}

#[test]
fn a_sender_without_a_number_is_known_by_the_user_id() {
    let hidden =
        json!({"from": null, "from_user_id": "DE.88", "type": "text", "text": {"body": "A"}});
    let (kind, message) = whatsapp(hidden);
    assert_eq!(
        (kind, &message["identities"]),
        ("receive", &json!(["DE.88"]))
    );
    let echo = json!({"from": "12025550100", "to_user_id": "DE.88", "type": "text", "text": {"body": "A"}});
    let (kind, message) = one("smb_message_echoes", "message_echoes", echo);
    assert_eq!((kind, &message["identities"]), ("send", &json!(["DE.88"])));
}

#[test]
fn a_message_of_whatsapp_keeps_what_surrounds_it() {
    let (_, message) = whatsapp(json!({
        "type": "text", "text": {"body": "Hi"},
        "context": {
            "forwarded": true,
            "referred_product": {"catalog_id": "7", "product_retailer_id": "K-1"}
        },
        "referral": {
            "source_type": "ad", "source_id": "120", "headline": "Sale", "ctwa_clid": "Afx",
            "body": "é".repeat(600), "image_url": format!("https://x.example/{}", "y".repeat(1_100)),
            "welcome message": {"text": "Hello"}, "number": 1.5, "is": true, "none": null, "list": [1]
        }
    }));
    assert_eq!(message["forwarded"], true);
    let metadata = message["metadata"].as_object().unwrap();
    for (name, value) in [
        ("referral.product.catalog_id", json!("7")),
        ("referral.product.product_retailer_id", json!("K-1")),
        ("referral.source_type", json!("ad")),
        ("referral.ctwa_clid", json!("Afx")),
        ("referral.body", json!(format!("{}…", "é".repeat(510)))),
        ("referral.welcome_message.text", json!("Hello")),
        ("referral.number", json!(1.5)),
        ("referral.is", json!(true)),
    ] {
        assert_eq!(metadata.get(name), Some(&value), "{name}");
    }
    assert_eq!(metadata.len(), 10);
}

#[test]
fn kinds_of_whatsapp_without_an_example_are_read() {
    let list =
        json!({"type": "list_reply", "list_reply": {"id": "a", "title": "A", "description": "B"}});
    let (_, message) = whatsapp(json!({"type": "interactive", "interactive": list}));
    assert_eq!(
        message["reply"],
        json!({"kind": "list", "id": "a", "title": "A", "description": "B"})
    );
    let audio = json!({"id": "5", "voice": true});
    let (_, message) = whatsapp(json!({"type": "audio", "audio": audio}));
    assert_eq!(message["attachments"][0]["voice"], true);
    let (_, message) = whatsapp(json!({"type": "request_welcome"}));
    assert_eq!(message["system"], json!({"kind": "request_welcome"}));
    let (kind, taken) =
        whatsapp(json!({"type": "reaction", "reaction": {"message_id": "a", "emoji": ""}}));
    assert_eq!((kind, &taken["emoji"]), ("react", &json!([])));
    let (_, message) =
        whatsapp(json!({"type": "ephemeral", "errors": [{"code": 131_051, "title": "no"}]}));
    let reason = json!({"kind": "ephemeral", "code": "131051", "message": "no"});
    assert_eq!(
        (&message["unsupported"], &message["type"]),
        (&reason, &json!("unsupported"))
    );
    assert_eq!(message["raw"]["type"], "ephemeral");
}

#[test]
fn what_another_application_of_the_business_does_is_not_the_contacts() {
    let sent = |fields: Value| {
        let mut fields = fields;
        (fields["from"], fields["to"]) = (json!("12025550100"), json!("2"));
        one("smb_message_echoes", "message_echoes", fields)
    };
    let (kind, revoked) = sent(json!({"type": "revoke", "revoke": {"original_message_id": "a"}}));
    assert_eq!(
        (kind, &revoked["by"]["type"]),
        ("revoke", &json!("external"))
    );
    let (kind, reaction) =
        sent(json!({"type": "reaction", "reaction": {"message_id": "a", "emoji": "👍"}}));
    assert_eq!(
        (kind, &reaction["by"]["type"]),
        ("react", &json!("external"))
    );
    let blank = json!({"type": "text", "text": {"body": " "}});
    let (kind, message) = sent(blank);
    assert_eq!((kind, &message["content"]), ("send", &json!(" ")));
    let reference =
        json!({"type": "text", "text": {"body": "A"}, "biz_opaque_callback_data": "ref-1"});
    assert_eq!(sent(reference).1["client_ref"], "ref-1");
}

#[test]
fn the_medium_of_an_old_message_needs_no_contact() {
    let image = json!({"from": "12025550100", "type": "image", "image": {"id": "5"}});
    let (kind, fill) = one("history", "messages", image);
    assert_eq!(kind, "fill");
    assert_eq!(fill["message"]["provider_id"], "wamid.1");
    let text = json!({"from": "12025550100", "type": "text", "text": {"body": "A"}});
    let (kind, reason) = one("history", "messages", text);
    assert_eq!((kind, reason), ("ignored", json!("text: names no contact")));
    let old = json!({"type": "text", "text": {"body": "A"}});
    assert_eq!(one("history", "messages", old).1["reopen"], false);
}

#[test]
fn what_has_nothing_for_a_thread_is_ignored_by_its_name() {
    let change = |field: &str, value: Value| {
        let entry = json!({"id": "9", "changes": [{"field": field, "value": value}]});
        let body = json!({"object": "whatsapp_business_account", "entry": [entry]});
        items(body.to_string().as_bytes())
    };
    for (field, value, reason) in [
        (
            "smb_app_state_sync",
            json!({"state_sync": [{"type": "contact"}]}),
            "state_sync: adds no contact",
        ),
        (
            "smb_app_state_sync",
            json!({"state_sync": []}),
            "smb_app_state_sync: has nothing for a thread",
        ),
        (
            "account_update",
            json!(null),
            "account_update: has no value",
        ),
        (
            "history",
            json!({"history": [{"errors": [{"code": 2_593_109, "title": "declined"}]}]}),
            "history: declined",
        ),
        (
            "messages",
            json!({"statuses": [{"id": "a", "status": "deleted"}]}),
            "deleted: is no status of a message",
        ),
        (
            "messages",
            json!({"statuses": [{"status": "read"}]}),
            "read: has no id",
        ),
    ] {
        assert_eq!(
            change(field, value),
            [("ignored", json!(reason))],
            "{field}"
        );
    }
    let feed = json!({"object": "page", "entry": [{"id": "1", "changes": [{"field": "feed", "value": {}}]}]});
    let feed = items(feed.to_string().as_bytes());
    assert_eq!(feed, [("ignored", json!("feed: has nothing for a thread"))]);
    let other = items(br#"{"object": "user", "entry": [1]}"#);
    assert_eq!(
        other,
        [("ignored", json!("user: is the object of no channel"))]
    );
}

#[test]
fn attachments_of_messenger_and_instagram_have_their_kinds() {
    let attached = |kind: &str, payload: Value| {
        instagram(json!({"attachments": [{"type": kind, "payload": payload}]}))
    };
    let url = || json!({"url": "https://cdn.example.net/1"});
    for (kind, r#type, subtype) in [
        ("image", "image", json!(null)),
        ("video", "video", json!(null)),
        ("audio", "audio", json!(null)),
        ("file", "document", json!(null)),
        ("fallback", "link", json!(null)),
        ("ig_reel", "link", json!("reel")),
        ("ig_post", "link", json!("post")),
        ("story_mention", "link", json!("story_mention")),
    ] {
        let message = attached(kind, url());
        assert_eq!(message["type"], r#type, "{kind}");
        assert_eq!(message["attachments"][0]["subtype"], subtype, "{kind}");
    }
    let story = attached("story_mention", url());
    assert_eq!(
        story["attachments"][0]["expires_at"],
        "2026-11-30T07:07:00.123000Z"
    );
    let sticker = attached(
        "image",
        json!({"url": "https://cdn.example.net/1", "sticker_id": 369}),
    );
    assert_eq!(
        (&sticker["type"], &sticker["attachments"][0]["media_id"]),
        (&json!("sticker"), &json!("369"))
    );
    let heart = instagram(json!({"attachments": [{"type": "like_heart"}]}));
    assert_eq!(
        (&heart["content"], &heart["metadata"]["kind"]),
        (&json!("❤"), &json!("like_heart"))
    );
    let place = attached(
        "location",
        json!({"coordinates": {"lat": 47.07, "long": 15.44}}),
    );
    assert_eq!(
        place["location"],
        json!({"latitude": 47.07, "longitude": 15.44})
    );
    let ephemeral = attached("ephemeral", json!(null));
    assert_eq!(ephemeral["unsupported"], json!({"kind": "ephemeral"}));
    assert!(ephemeral["raw"].is_object());
    let mixed = json!([{"type": "image", "payload": url()}, {"type": "template", "payload": {}}]);
    let mixed = instagram(json!({"text": "both", "attachments": mixed}));
    assert_eq!(mixed["unsupported"], json!({"kind": "template"}));
    assert_eq!(
        (&mixed["content"], &mixed["attachments"][0]["kind"]),
        (&json!("both"), &json!("image"))
    );
    let shared = json!([{"type": "fallback", "title": "Kettle", "url": "https://shop.example/1"}]);
    let shared = instagram(json!({"text": "this", "attachments": shared}));
    assert_eq!(
        (&shared["type"], &shared["attachments"][0]["title"]),
        (&json!("text"), &json!("Kettle"))
    );
}

#[test]
fn events_of_messenger_have_their_items() {
    let delivered = event(
        "page",
        "2",
        json!({"delivery": {"mids": ["a", "b"], "watermark": 1_795_936_000_000_u64}}),
    );
    let kinds: Vec<_> = delivered.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["deliver", "deliver"]);
    let delivered = event(
        "page",
        "2",
        json!({"delivery": {"watermark": 1_795_936_000_000_u64}}),
    );
    assert_eq!(
        (delivered[0].0, &delivered[0].1["status"]),
        ("watermark", &json!("delivered"))
    );
    let opened = event(
        "page",
        "2",
        json!({"referral": {"ref": "flyer", "source": "SHORTLINK"}}),
    );
    assert_eq!(opened[0].1["system"]["kind"], "referral");
    assert_eq!(opened[0].1["metadata"]["referral.ref"], "flyer");
    let started = json!({"title": "Start", "payload": "GO", "referral": {"ref": "flyer"}});
    let started = event("page", "2", json!({"postback": started}));
    assert_eq!(started[0].1["metadata"]["referral.ref"], "flyer");
    assert!(
        started[0].1["provider_id"]
            .as_str()
            .unwrap()
            .starts_with("postback:")
    );
    let reaction = json!({"mid": "a", "action": "react", "reaction": "wow"});
    let reaction = event("page", "2", json!({ "reaction": reaction }));
    assert_eq!(reaction[0].1["emoji"], json!(["😮"]));
    let unsent = json!({"mid": "a", "is_deleted": true, "is_echo": true});
    let unsent = event("instagram", "1", json!({ "message": unsent }));
    assert_eq!(
        (unsent[0].0, &unsent[0].1["by"]["type"]),
        ("revoke", &json!("external"))
    );
    let edit = event(
        "page",
        "1",
        json!({"message_edit": {"mid": "a", "text": "B"}}),
    );
    assert_eq!((edit[0].0, &edit[0].1["contact"]), ("edit", &json!(null)));
    for (part, reason) in [
        (json!({"optin": {}}), "event: has nothing for a thread"),
        (json!({"message": {"text": "A"}}), "message: has no id"),
        (json!({"read": {}}), "read: has no time and no id"),
        (
            json!({"reaction": {"mid": "a"}}),
            "reaction: has no known action",
        ),
        (
            json!({"message_edit": {"mid": "a", "num_edit": 0}}),
            "message_edit: has no id or no text",
        ),
    ] {
        assert_eq!(event("page", "2", part), [("ignored", json!(reason))]);
    }
}

#[test]
fn an_event_may_be_a_change_or_stand_by() {
    let event = json!({
        "sender": {"id": "2"}, "recipient": {"id": "1"}, "timestamp": "1795936020",
        "message": {"mid": "m_1", "text": "A"}
    });
    for entry in [
        json!({"id": "0", "changes": [{"field": "messages", "value": event}]}),
        json!({"id": "1", "standby": [event]}),
    ] {
        let body = json!({"object": "instagram", "entry": [entry]});
        let items = items(body.to_string().as_bytes());
        assert_eq!(
            (items[0].0, &items[0].1["identities"]),
            ("receive", &json!(["2"]))
        );
    }
}

#[test]
fn each_account_has_an_inbox_which_comes_before_its_first_item() {
    let message = |account: &str, id: &str| {
        json!({"field": "messages", "value": {
            "metadata": {"phone_number_id": account, "display_phone_number": format!("+1 {account}")},
            "messages": [{"from": "2", "id": id, "type": "text", "text": {"body": "A"}}]
        }})
    };
    let changes = [message("7", "a"), message("8", "b"), message("7", "c")];
    let entry = json!({"id": "9", "changes": changes});
    let body = json!({"object": "whatsapp_business_account", "entry": [entry]}).to_string();
    let items = convodb_meta::parse(body.as_bytes()).unwrap();
    let shown: Vec<_> = items.iter().map(crate::common::shown).collect();
    let kinds: Vec<_> = shown.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, ["inbox", "receive", "inbox", "receive", "receive"]);
    let seven = json!({"inbox": "inb_7", "channel": "whatsapp", "name": "+1 7"});
    assert_eq!(shown[0].1, seven);
    assert_eq!(shown[4].1["inbox_id"], "inb_7");

    let store = crate::common::store().0;
    assert!(crate::common::post(&store, body.as_bytes()).is_empty());
    let inboxes = convodb::Read::inboxes(&store).unwrap();
    assert_eq!(inboxes.len(), 2);

    // One that asks nothing brings no inbox.
    let body = br#"{"object": "page", "entry": [{"id": "5", "messaging": [{
        "sender": {"id": "2"}, "recipient": {"id": "5"}, "read": {}}]}]}"#;
    let items = convodb_meta::parse(body).unwrap();
    assert!(
        matches!(&*items, [convodb_meta::Item::Ignored(_)]),
        "{items:?}"
    );
}
