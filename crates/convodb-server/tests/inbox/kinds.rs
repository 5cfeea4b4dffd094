//! Every kind of content.

use serde_json::json;

use crate::browser::Browser;
use crate::seeds::{self, ALICE};
use crate::server::Server;

/// A conversation with each kind of content that a message has.
pub(crate) fn seed(server: &Server) -> String {
    let contact = "con_kinds";
    seeds::name(server, contact, "Maria Silva");
    let receive = |fields| seeds::receive(server, contact, fields);
    let send = |fields| seeds::send(server, contact, fields);
    let first = receive(
        json!({"content": "Hello! My order has not come, see https://shop.example.net/orders/1234.", "provider_id": "w1"}),
    );
    send(
        json!({"type": "template", "template_name": "order_update", "template_params": ["Maria", "1234"], "content": "Hello Maria, your order 1234 is on its way.", "author": {"type": "bot", "id": "helper", "name": "Helper"}}),
    );
    send(
        json!({"type": "template", "template_name": "bare_template", "template_params": ["First value", "Second value"]}),
    );
    receive(
        json!({"type": "image", "caption": "This is how the box looks", "attachments": [
        {"kind": "image", "url": "https://cdn.example.net/box.jpg", "file_name": "box.jpg", "size": 245_760, "width": 1280, "height": 960, "mime_type": "image/jpeg"},
        {"kind": "image", "url": "https://cdn.example.net/label.jpg", "text": "Alternative text of the label"}]}),
    );
    receive(json!({"type": "document", "media_url": "https://cdn.example.net/invoice"}));
    receive(
        json!({"type": "document", "attachments": [{"kind": "document", "media_id": "m-77", "file_name": "receipt.pdf", "mime_type": "application/pdf", "size": 1_048_576}]}),
    );
    receive(
        json!({"type": "audio", "attachments": [{"kind": "audio", "url": "https://cdn.example.net/v.ogg", "voice": true, "duration_ms": 14_200, "text": "Could you call me back this afternoon?"}]}),
    );
    receive(
        json!({"type": "video", "caption": "Listen to the noise", "attachments": [{"kind": "video", "url": "https://cdn.example.net/noise.mp4", "duration_ms": 63_000, "size": 9_400_000}]}),
    );
    receive(
        json!({"type": "sticker", "attachments": [{"kind": "sticker", "url": "https://cdn.example.net/s.webp"}]}),
    );
    receive(
        json!({"type": "link", "caption": "Is it this one?", "attachments": [{"kind": "link", "url": "https://shop.example.net/lamps/3", "title": "Desk lamp, brass", "subtype": "share"}]}),
    );
    receive(
        json!({"type": "link", "attachments": [{"kind": "link", "url": "https://media.example.net/story/9", "subtype": "story_mention", "expires_at": "2020-01-01T00:00:00Z"}]}),
    );
    receive(
        json!({"type": "location", "location": {"latitude": 48.2082, "longitude": 16.3738, "name": "Main office", "address": "Stephansplatz 1, Vienna"}}),
    );
    receive(
        json!({"type": "contacts", "contacts": [{"name": "Jonas Weber", "organization": "Weber & Co.", "phones": [{"number": "+43 1 555 0100", "type": "work"}], "emails": [{"address": "jonas@example.net"}]}]}),
    );
    receive(
        json!({"type": "interactive", "reply": {"kind": "button", "id": "slot_thu_10", "title": "Thursday 10:00"}, "reply_to": {"message_id": first["id"]}}),
    );
    receive(
        json!({"type": "interactive", "reply": {"kind": "list", "id": "row_2", "title": "Express delivery", "description": "Arrives tomorrow"}}),
    );
    receive(
        json!({"type": "interactive", "reply": {"kind": "form", "title": "Return form", "data": {"reason": "Damaged", "pieces": 2}}}),
    );
    receive(
        json!({"type": "interactive", "content": "Two lamps, please", "reply": {"kind": "order", "data": {"catalog_id": "c1", "items": [{"product": "Desk lamp", "quantity": 2, "price": 39.5}]}}}),
    );
    receive(
        json!({"type": "interactive", "reply": {"kind": "postback", "title": "Track my order", "id": "TRACK"}}),
    );
    receive(
        json!({"type": "system", "content": "Maria changed her number", "system": {"kind": "number_changed", "data": {"to": "+43 1 555 0199"}}}),
    );
    receive(
        json!({"type": "unsupported", "unsupported": {"kind": "poll", "code": "131051", "message": "Message type unknown"}, "raw": {"type": "poll"}}),
    );
    receive(
        json!({"content": "A story of yours!", "reply_to": {"story": {"id": "9", "url": "https://media.example.net/story/9"}}, "forwarded": true}),
    );
    receive(
        json!({"type": "image", "placeholder": true, "attachments": [{"kind": "image", "media_id": "later"}]}),
    );
    receive(
        json!({"content": "From your advertisement", "metadata": {"referral.headline": "Lamps, 20 % off"}}),
    );
    let edited = receive(json!({"content": "I live at number 12"}));
    let edit = json!({"type": "text", "content": "I live at number 21"});
    server
        .post("/v1/messages/edit", &seeds::about(&edited, edit))
        .expect(200);
    let revoked = receive(json!({"content": "Sent by mistake"}));
    server
        .post("/v1/messages/revoke", &seeds::about(&revoked, json!({})))
        .expect(200);
    let kept = receive(json!({"content": "Kept for the record"}));
    let revoke = json!({"keep_content": true, "by": {"type": "contact"}});
    server
        .post("/v1/messages/revoke", &seeds::about(&kept, revoke))
        .expect(200);

    let reply = |content: &str| {
        send(
            json!({"content": content, "status": "pending", "author": {"type": "user", "id": ALICE}}),
        )
    };
    let heart = json!({"by": {"type": "contact"}, "emoji": "❤️"});
    let liked = reply("We send you a new lamp today.");
    server
        .post("/v1/messages/react", &seeds::about(&liked, heart))
        .expect(200);
    let status = |message: &serde_json::Value, fields| {
        server
            .post("/v1/messages/status", &seeds::about(message, fields))
            .expect(200);
    };
    status(&liked, json!({"status": "read"}));
    status(&reply("It is on its way."), json!({"status": "delivered"}));
    status(
        &reply("Here is the number: 4711."),
        json!({"status": "sent"}),
    );
    let failed = reply("Did it arrive?");
    status(
        &failed,
        json!({"status": "failed", "error": {"code": "131047", "message": "More than 24 hours have passed", "details": "Use a template"}}),
    );
    send(
        json!({"content": "Typed on the phone", "author": {"type": "external", "id": "app", "name": "Phone app"}}),
    );
    reply("Anything else?");
    let conversation = first["conversation_id"].as_str().unwrap().to_owned();
    seeds::note(
        server,
        &conversation,
        "Regular customer. Offer the express delivery.",
    );
    conversation
}

#[test]
fn every_kind_of_content_is_shown_and_nothing_of_it_is_loaded() {
    let (_home, server) = seeds::server();
    let conversation = seed(&server);
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    browser.open_row(&conversation);
    browser.sees(".messages", "Anything else?");
    let shown = browser.text(".messages");
    for text in [
        "My order has not come",
        "order_update",
        "Hello Maria, your order 1234",
        "Helper",
        "Bot",
        "bare_template",
        "Second value",
        "This is how the box looks",
        "box.jpg",
        "246 kB",
        "1280 × 960",
        "cdn.example.net",
        "Alternative text of the label",
        "receipt.pdf",
        "application/pdf",
        "held by the provider",
        "Document",
        "Voice message",
        "0:14",
        "Could you call me back",
        "Transcript",
        "Video",
        "1:03",
        "Listen to the noise",
        "Sticker",
        "Desk lamp, brass",
        "Shared post",
        "Mentioned in a story",
        "expired",
        "Main office",
        "Stephansplatz 1",
        "48.2082, 16.3738",
        "Jonas Weber",
        "Weber & Co.",
        "+43 1 555 0100",
        "jonas@example.net",
        "Thursday 10:00",
        "Pressed a button",
        "Chose from a list",
        "Arrives tomorrow",
        "Filled in a form",
        "Damaged",
        "Placed an order",
        "Desk lamp",
        "39.5",
        "Track my order",
        "Maria changed her number",
        "This kind of message cannot be shown",
        "Poll · 131051",
        "Message type unknown",
        "As it came",
        "Forwarded",
        "Answers a story",
        "The content is yet to come",
        "Details",
        "I live at number 21",
        "edited · 1 earlier",
        "Taken back",
        "Show what it said",
        "❤️",
        "Read",
        "Delivered",
        "Sent",
        "Failed",
        "Pending",
        "More than 24 hours have passed",
        "Try again",
        "Other app",
        "Phone app",
        "Regular customer",
        "Only the team sees this",
    ] {
        assert!(shown.contains(text), "{text:?} is not in {shown}");
    }
    assert!(!shown.contains("Sent by mistake") && !shown.contains("number 12\n"));
    // Links lead to what was sent, and the browser has loaded none of it.
    for (text, href) in [
        ("box.jpg", "https://cdn.example.net/box.jpg"),
        ("Desk lamp, brass", "https://shop.example.net/lamps/3"),
        (
            "https://shop.example.net/orders/1234",
            "https://shop.example.net/orders/1234",
        ),
        (
            "Main office",
            "https://www.openstreetmap.org/?mlat=48.2082&mlon=16.3738",
        ),
        ("jonas@example.net", "mailto:jonas@example.net"),
        ("Answers a story", "https://media.example.net/story/9"),
    ] {
        let found = format!(
            "[...document.querySelectorAll('.messages a')].filter(a => a.innerText.includes({text:?}) && a.href === {href:?} && a.rel === 'noopener noreferrer' && a.target === '_blank').length"
        );
        assert_eq!(browser.js(&found), 1, "{text}");
    }
    assert_eq!(
        browser.count(".thread img, .thread video, .thread audio, .thread iframe"),
        0
    );

    // The former version, and what was kept, on request.
    browser.js("void document.querySelector('.meta .text-button').click()");
    browser.sees(".versions", "I live at number 12");
    browser.js("void (document.querySelector('.kept').open = true)");
    browser.sees(".kept", "Kept for the record");
    // A quote leads to its message, and a failed one is tried again.
    browser.sees(".quote-text", "My order has not come");
    browser.js("void document.querySelector('.failure .text-button').click()");
    browser.sees(".messages", "2 tries");
    // The list says what the latest message is.
    seeds::receive(
        &server,
        "con_kinds",
        json!({"type": "audio", "attachments": [{"kind": "audio", "media_id": "x", "voice": true}]}),
    );
    browser.sees(".list-snippet", "Voice message");
    browser.end(&server);
}
