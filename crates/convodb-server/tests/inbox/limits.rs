//! More requests than the key may make.

use crate::browser::Browser;
use crate::seeds::{self, ALICE};
use crate::server::{Home, KEY, Server};

const NOTICE: &str = "Too many requests; trying again in 1 s";

/// Uses what the key has left of its minute.
fn exhaust(server: &Server) {
    while server.ask_often(50) == 50 {}
}

#[test]
fn after_too_many_requests_the_page_says_so_and_tries_again() {
    let home = Home::new();
    let server = home.start_with(&["--rate-limit", "120"]);
    seeds::staff(&server);
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.expect(429);
    browser.open(&server, "/inbox");
    exhaust(&server);
    // The request to sign in waits too.
    browser.sign_in(KEY, ALICE);
    browser.sees(".toast-notice", NOTICE);
    browser.sees(".list-row .list-snippet", "Hello");

    exhaust(&server);
    browser.refresh();
    browser.sees(".toast-notice", NOTICE);
    browser.sees(".list-row .list-snippet", "Hello");
    browser.wait("!!document.querySelector('.live-live')");
    browser.sees("[data-folder=open] .folder-count", "1");
    browser.wait("!document.querySelector('.toast')");

    // Later: what one does is done when it may be.
    browser.open_row(&conversation);
    browser.wait("!!document.querySelector('[data-do=claim]')");
    exhaust(&server);
    browser.click("[data-do=claim]");
    browser.sees(".toast-notice", NOTICE);
    browser.sees("#thread-assignee", "Alice Support (me)");
    browser.wait("!document.querySelector('.toast')");
    browser.end(&server);
}
