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

async fn take(browser: &Browser, name: &str) {
    // What is moving comes to rest.
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(name);
    browser.driver.screenshot(&path).await.unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    assert!(size < 200_000, "{name} has {size} bytes");
}

#[tokio::test]
#[ignore = "it writes the pictures of the README"]
async fn pictures() {
    let (_home, server) = seeds::server();
    let kinds = kinds::seed(&server);
    let conversation = seed(&server);
    let browser = Browser::signed_in(&server, ALICE).await.expect("chromium");
    let system =
        |scheme: &str| json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
    browser
        .cdp("Emulation.setEmulatedMedia", system("light"))
        .await;
    browser.open_row(&conversation).await;
    browser.sees(".messages", "That is very kind").await;
    browser
        .wait("!document.querySelector('.list-row.open .count')")
        .await;
    take(&browser, "inbox-light.png").await;
    browser
        .cdp("Emulation.setEmulatedMedia", system("dark"))
        .await;
    take(&browser, "inbox-dark.png").await;
    browser
        .cdp("Emulation.setEmulatedMedia", system("light"))
        .await;
    let size = json!({"width": 1440, "height": 2600, "deviceScaleFactor": 1, "mobile": false});
    browser
        .cdp("Emulation.setDeviceMetricsOverride", size)
        .await;
    browser
        .js(&format!("void (location.hash = '#{kinds}?status=open')"))
        .await;
    browser.sees(".messages", "Anything else?").await;
    browser
        .js("void (document.body.classList.add('hides-details'))")
        .await;
    take(&browser, "inbox-kinds.png").await;
    browser.driver.quit().await.unwrap();
}
