//! Tabs: a browser has six connections to a server, and each stream is one of them.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::browser::Browser;
use crate::seeds::{self, ALICE};
use crate::server::Home;

/// Longer than a hidden tab keeps its connection, on a busy machine.
const SOON: Duration = Duration::from_secs(20);
const IS_SHOWN: &str = "!!document.querySelector('.list-row:not(.loading)')";
const IS_LIVE: &str = "!!document.querySelector('.live-live')";

#[test]
fn many_tabs_leave_connections_to_one_another() {
    let (_home, server) = seeds::server();
    seeds::text(&server, "con_1", "Hello");
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    for _ in 0..8 {
        let begun = Instant::now();
        browser.new_tab();
        browser.open(&server, "/inbox");
        browser.wait(IS_SHOWN);
        browser.wait(IS_LIVE);
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
    browser.end(&server);
}

#[test]
fn a_tab_that_is_hidden_has_no_stream_and_misses_nothing() {
    let home = Home::new();
    let server = home.start_with(&["--max-streams", "1"]);
    seeds::staff(&server);
    let conversation = seeds::text(&server, "con_1", "The first");
    let edited = seeds::receive(&server, "con_1", json!({"content": "The second"}));
    for number in 0..60 {
        seeds::text(&server, "con_1", &format!("Number {number}"));
    }
    let Some(mut browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    browser.expect(503);
    browser.open_row(&conversation);
    browser.sees(".messages", "Number 59");
    browser.js("void (document.querySelector('.thread-scroll').scrollTop = 0)");
    browser.sees(".messages", "The second");
    let first = browser.tab();
    browser.new_tab();
    // The only stream is that of the tab that is shown.
    browser.open(&server, "/inbox");
    browser.wait(IS_SHOWN);
    browser.wait(IS_LIVE);
    let edit = seeds::about(
        &edited,
        json!({"type": "text", "content": "The second, better"}),
    );
    server.post("/v1/messages/edit", &edit).expect(200);
    seeds::text(&server, "con_1", "While it was hidden");
    seeds::text(&server, "con_2", "From another one");
    browser.sees("#row-0", "From another one");
    let second = browser.tab();

    browser.show_tab(&first);
    browser.sees(".messages", "While it was hidden");
    browser.sees(".messages", "The second, better");
    browser.sees("#row-0", "From another one");
    browser.sees("[data-folder=open] .folder-count", "2");
    browser.wait(IS_LIVE);
    seeds::text(&server, "con_3", "Once more");
    browser.sees("#row-0", "Once more");

    // This one goes on after the last event that it has.
    browser.show_tab(&second);
    browser.sees("#row-0", "Once more");
    browser.wait(IS_LIVE);
    let from = "performance.getEntriesByType('resource').some((entry) => entry.name.includes('events/stream?after='))";
    browser.wait(from);
    browser.end(&server);
}

#[test]
fn a_tab_that_was_not_shown_yet_has_no_stream() {
    let (_home, server) = seeds::server();
    seeds::text(&server, "con_1", "The first");
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    // As one that is opened behind another.
    browser.run_first(
        "Object.defineProperty(Document.prototype, 'hidden', { get: () => !window.isInSight })",
    );
    browser.run_first("window.EventSource = class extends EventSource { constructor(from) { super(from); window.streams = (window.streams ?? 0) + 1; } }");
    browser.refresh();
    browser.wait(IS_SHOWN);
    browser.sees("[data-folder=open] .folder-count", "1");
    seeds::text(&server, "con_2", "The second");
    assert_eq!(browser.js("window.streams ?? 0"), 0);
    browser.js("(window.isInSight = true, document.dispatchEvent(new Event('visibilitychange')))");
    browser.sees("#row-0", "The second");
    browser.wait(IS_LIVE);
    assert_eq!(browser.js("window.streams"), 1);
    browser.end(&server);
}
