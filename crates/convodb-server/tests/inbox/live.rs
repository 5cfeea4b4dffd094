//! What happens while the page is open.

use serde_json::json;

use crate::browser::Browser;
use crate::seeds::{self, ALICE};

#[test]
fn what_comes_appears_without_a_reload_and_the_list_and_the_counts_follow() {
    let (_home, server) = seeds::server();
    let first = seeds::text(&server, "con_1", "The first");
    seeds::name(&server, "con_1", "Maria Silva");
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    browser.js("(window.isTheSamePage = true)");
    browser.sees("[data-folder=open] .folder-count", "1");
    browser.open_row(&first);
    browser.sees(".messages", "The first");

    // In the open conversation.
    let second = seeds::receive(&server, "con_1", json!({"content": "The second"}));
    let took = browser.sees(".messages", "The second");
    assert!(took.as_secs() < 3, "{took:?}");
    browser.sees("#live-region", "New message from Maria Silva: The second");
    browser.sees(".list-row .list-snippet", "The second");
    // It is in sight, so it is read.
    browser.wait("!document.querySelector('.list-row .count')");
    // In another one, which comes before it.
    seeds::text(&server, "con_2", "From another one");
    browser.sees("#row-0", "From another one");
    browser.sees("#row-0 .count", "1");
    browser.sees("[data-folder=open] .folder-count", "2");
    browser.sees("[data-folder=unread] .folder-count", "1");
    browser.sees("#list-total", "2");

    // Changes of what is there.
    let react = seeds::about(&second, json!({"by": {"type": "contact"}, "emoji": "👍"}));
    server.post("/v1/messages/react", &react).expect(200);
    browser.sees(".reactions", "👍");
    let edit = seeds::about(
        &second,
        json!({"type": "text", "content": "The second, better"}),
    );
    server.post("/v1/messages/edit", &edit).expect(200);
    browser.sees(".messages", "The second, better");
    let reply = seeds::send(
        &server,
        "con_1",
        json!({"content": "An answer", "status": "pending"}),
    );
    browser.sees(".message.out .status", "Pending");
    for (status, shown) in [("delivered", "Delivered"), ("read", "Read")] {
        let status = seeds::about(&reply, json!({"status": status}));
        server.post("/v1/messages/status", &status).expect(200);
        browser.sees(".message.out .status", shown);
    }
    seeds::note(&server, &first, "A note from elsewhere");
    browser.sees(".note", "A note from elsewhere");
    let revoke = seeds::about(&second, json!({}));
    server.post("/v1/messages/revoke", &revoke).expect(200);
    browser.sees(".messages", "Taken back");
    assert!(!browser.text(".messages").contains("better"));
    server
        .post(&format!("/v1/conversations/{first}/resolve"), "")
        .expect(200);
    browser.sees(".thread-facts", "Resolved");
    browser.sees("[data-folder=resolved] .folder-count", "1");
    browser.sees("[data-folder=open] .folder-count", "1");
    assert_eq!(browser.js("window.isTheSamePage"), true);
    browser.end(&server);
}

#[test]
fn what_is_merged_into_the_open_conversation_appears_in_it() {
    let (_home, server) = seeds::server();
    seeds::text(&server, "con_2", "Of the same person");
    let open = seeds::text(&server, "con_1", "Hello");
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    browser.open_row(&open);
    browser.sees(".messages", "Hello");
    browser.wait("!!document.querySelector('.live-live')");
    let merge = json!({"from": "con_2", "into": "con_1"});
    server
        .post("/v1/contacts/merge", &merge.to_string())
        .expect(200);
    browser.sees(".messages", "Of the same person");
}
