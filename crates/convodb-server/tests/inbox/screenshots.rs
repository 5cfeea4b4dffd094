//! The pictures of the README, made by `cargo test -p convodb-server --test inbox -- --ignored`.

use std::path::Path;

use serde_json::json;

use crate::browser::Browser;
use crate::kinds;
use crate::seeds::{self, ALICE, BOB};
use crate::server::Server;

/// People who wrote, where, what, and what was made of it.
const PEOPLE: [(&str, &str, &str, &str, &str); 14] = [
    (
        "Ingrid Sørensen",
        "webchat",
        "Can I still change the address of my order?",
        "",
        "",
    ),
    (
        "Tomás Herrera",
        "instagram",
        "Is the oak desk back in stock?",
        "sales",
        "",
    ),
    (
        "Aiko Tanaka",
        "whatsapp",
        "Thank you, that solved it!",
        "",
        "resolved",
    ),
    (
        "ليلى حداد",
        "whatsapp",
        "مرحبا، متى يصل طلبي؟",
        "delivery",
        "",
    ),
    (
        "Peter Novak",
        "messenger",
        "The invoice has the wrong company name.",
        "invoice",
        "bob",
    ),
    (
        "Grace Okafor",
        "whatsapp",
        "The lamp flickers since yesterday, see the video.",
        "warranty",
        "urgent",
    ),
    ("דנה לוי", "instagram", "האם אתם שולחים לחיפה?", "", ""),
    (
        "Luca Bianchi",
        "webchat",
        "I was charged twice for order 88213.",
        "refund",
        "high",
    ),
    (
        "Hannah Schmidt",
        "messenger",
        "Could you call me back this afternoon?",
        "",
        "alice",
    ),
    (
        "Kwame Mensah",
        "whatsapp",
        "Which bulb fits the floor lamp?",
        "sales",
        "",
    ),
    (
        "Sofia Petrova",
        "instagram",
        "I love the new collection 😍",
        "",
        "bob",
    ),
    (
        "Daniel Kim",
        "whatsapp",
        "The parcel is at the wrong pick-up point.",
        "delivery",
        "alice",
    ),
    (
        "Marta Kowalska",
        "webchat",
        "Do you offer a discount for schools?",
        "sales",
        "",
    ),
    (
        "Noah Williams",
        "whatsapp",
        "Where is my order 90112?",
        "delivery",
        "",
    ),
];

fn seed(server: &Server) -> String {
    for (number, (name, channel, content, tag, state)) in PEOPLE.iter().enumerate().rev() {
        let contact = format!("con_{number}");
        let message = seeds::receive(
            server,
            &contact,
            json!({"content": content, "channel": channel}),
        );
        seeds::name(server, &contact, name);
        let path = format!(
            "/v1/conversations/{}",
            message["conversation_id"].as_str().unwrap()
        );
        if !tag.is_empty() {
            server
                .patch(&path, &json!({"tags": [tag]}).to_string())
                .expect(200);
        }
        match *state {
            "resolved" => drop(server.post(&format!("{path}/resolve"), "").expect(200)),
            "urgent" | "high" => {
                let priority = json!({"priority": state}).to_string();
                server.patch(&path, &priority).expect(200);
            }
            "alice" | "bob" => {
                let user = if *state == "bob" { BOB } else { ALICE };
                let assignment = json!({"user_id": user}).to_string();
                server
                    .post(&format!("{path}/assign"), &assignment)
                    .expect(200);
                server.post(&format!("{path}/read"), "").expect(200);
            }
            _ => {}
        }
    }
    for (id, name, filter) in [
        (
            "view_vip",
            "VIP, waiting",
            json!({"status": "open", "tag": {"any": ["vip"]}}),
        ),
        (
            "view_delivery",
            "Delivery",
            json!({"status": "open", "tag": {"any": ["delivery"]}}),
        ),
    ] {
        let view = json!({"name": name, "filter": filter, "sort": "-updated_at"}).to_string();
        server.put(&format!("/v1/views/{id}"), &view).expect(201);
    }
    // One that is shown.
    let contact = "con_5";
    let identities =
        json!({"contact_id": contact, "channel": "whatsapp", "identities": ["+44 20 7946 0123"]});
    server
        .post("/v1/contacts/identify", &identities.to_string())
        .expect(200);
    let send = |content: &str| {
        let fields = json!({"content": content, "status": "pending", "author": {"type": "user", "id": ALICE}});
        let message = seeds::send(server, contact, fields);
        let status = json!({"status": "read"});
        server
            .post("/v1/messages/status", &seeds::about(&message, status))
            .expect(200);
        message
    };
    let video = json!({"type": "video", "attachments": [{"kind": "video", "url": "https://cdn.example.net/lamp.mp4", "file_name": "lamp.mp4", "duration_ms": 21_000, "size": 4_300_000}]});
    let video = seeds::receive(server, contact, video);
    send("Oh, that is not how it should be. I am sorry! Is the bulb the one that came with it?");
    let answer =
        json!({"content": "Yes, I have changed nothing.", "reply_to": {"message_id": video["id"]}});
    seeds::receive(server, contact, answer);
    let last = send("Then we send you a new one today, and you keep the old one.");
    let react = json!({"by": {"type": "contact"}, "emoji": "🙏"});
    server
        .post("/v1/messages/react", &seeds::about(&last, react))
        .expect(200);
    let conversation = last["conversation_id"].as_str().unwrap().to_owned();
    seeds::note(
        server,
        &conversation,
        "Second lamp of batch 2207 with a loose contact. The warehouse knows.",
    );
    let path = format!("/v1/conversations/{conversation}");
    let assignment = json!({"user_id": ALICE}).to_string();
    server
        .post(&format!("{path}/assign"), &assignment)
        .expect(200);
    seeds::receive(
        server,
        contact,
        json!({"content": "That is very kind, thank you!"}),
    );
    conversation
}

fn take(browser: &Browser, name: &str, part: Option<&str>) {
    // What is moving comes to rest.
    std::thread::sleep(std::time::Duration::from_millis(700));
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    std::fs::write(&path, browser.picture(part)).unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < 200_000, "{name} has {size} bytes");
}

#[test]
#[ignore = "it writes the pictures of the README"]
fn pictures() {
    let (_home, server) = seeds::server();
    let kinds = kinds::seed(&server);
    let conversation = seed(&server);
    let browser = Browser::signed_in(&server, ALICE).expect("chromium");
    browser.resize(1380, 780);
    browser.prefer("light");
    browser.open_row(&conversation);
    browser.sees(".messages", "That is very kind");
    browser.wait("!document.querySelector('.list-row.open .count')");
    take(&browser, "inbox-light.png", None);
    browser.prefer("dark");
    take(&browser, "inbox-dark.png", None);
    browser.prefer("light");
    browser.resize(1260, 1800);
    browser.js(&format!("void (location.hash = '#{kinds}?status=open')"));
    browser.sees(".messages", "Anything else?");
    browser.js("void document.querySelector('.meta .text-button').click()");
    browser.sees(".versions", "I live at number 12");
    for (place, name) in [("0", "inbox-kinds.png"), ("1e9", "inbox-kinds-more.png")] {
        let scroll = format!("void (document.querySelector('.thread-scroll').scrollTop = {place})");
        browser.js(&scroll);
        take(&browser, name, Some(".thread"));
    }
}
