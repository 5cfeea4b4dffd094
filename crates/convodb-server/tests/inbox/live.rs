//! What happens while the page is open.

use serde_json::json;

use crate::browser::Browser;
use crate::seeds::{self, ALICE};

#[tokio::test]
async fn what_comes_appears_without_a_reload_and_the_list_and_the_counts_follow() {
    let (_home, server) = seeds::server();
    let first = seeds::text(&server, "con_1", "The first");
    seeds::name(&server, "con_1", "Maria Silva");
    let Some(browser) = Browser::signed_in(&server, ALICE).await else {
        return;
    };
    browser.js("(window.isTheSamePage = true)").await;
    browser.sees("[data-folder=open] .folder-count", "1").await;
    browser.open_row(&first).await;
    browser.sees(".messages", "The first").await;

    // In the open conversation.
    let second = seeds::receive(&server, "con_1", json!({"content": "The second"}));
    let took = browser.sees(".messages", "The second").await;
    assert!(took.as_secs() < 3, "{took:?}");
    browser
        .sees("#live-region", "New message from Maria Silva: The second")
        .await;
    browser.sees(".list-row .list-snippet", "The second").await;
    // It is in sight, so it is read.
    browser
        .wait("!document.querySelector('.list-row .count')")
        .await;
    // In another one, which comes before it.
    seeds::text(&server, "con_2", "From another one");
    browser.sees("#row-0", "From another one").await;
    browser.sees("#row-0 .count", "1").await;
    browser.sees("[data-folder=open] .folder-count", "2").await;
    browser
        .sees("[data-folder=unread] .folder-count", "1")
        .await;
    browser.sees("#list-total", "2").await;

    // Changes of what is there.
    let react = seeds::about(&second, json!({"by": {"type": "contact"}, "emoji": "👍"}));
    server.post("/v1/messages/react", &react).expect(200);
    browser.sees(".reactions", "👍").await;
    let edit = seeds::about(
        &second,
        json!({"type": "text", "content": "The second, better"}),
    );
    server.post("/v1/messages/edit", &edit).expect(200);
    browser.sees(".messages", "The second, better").await;
    let reply = seeds::send(
        &server,
        "con_1",
        json!({"content": "An answer", "status": "pending"}),
    );
    browser.sees(".message.out .status", "Pending").await;
    for (status, shown) in [("delivered", "Delivered"), ("read", "Read")] {
        let status = seeds::about(&reply, json!({"status": status}));
        server.post("/v1/messages/status", &status).expect(200);
        browser.sees(".message.out .status", shown).await;
    }
    seeds::note(&server, &first, "A note from elsewhere");
    browser.sees(".note", "A note from elsewhere").await;
    let revoke = seeds::about(&second, json!({}));
    server.post("/v1/messages/revoke", &revoke).expect(200);
    browser.sees(".messages", "Taken back").await;
    assert!(!browser.text(".messages").await.contains("better"));
    server
        .post(&format!("/v1/conversations/{first}/resolve"), "")
        .expect(200);
    browser.sees(".thread-facts", "Resolved").await;
    browser
        .sees("[data-folder=resolved] .folder-count", "1")
        .await;
    browser.sees("[data-folder=open] .folder-count", "1").await;
    assert_eq!(browser.js("window.isTheSamePage").await, true);
    browser.end(&server).await;
}
