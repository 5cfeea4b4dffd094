//! Signing in and out.

use crate::browser::Browser;
use crate::seeds::{self, ALICE, BOB};
use crate::server::{KEY, Server};

#[test]
fn a_key_becomes_a_cookie_that_no_script_reads_until_one_signs_out() {
    let (_home, server) = seeds::server();
    seeds::text(&server, "con_1", "Hello");
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.expect(422);
    browser.open(&server, "/inbox");
    browser.sign_in("a-wrong-key", ALICE);
    browser.sees("#sign-in-error", "This key is not valid.");
    browser.sign_in(KEY, "usr_nowhere");
    browser.sees("#sign-in-error", "not in the directory");
    assert!(browser.cookies().is_empty());
    browser.sign_in(KEY, ALICE);
    browser.sees(".list-row .list-snippet", "Hello");
    assert_eq!(browser.text("#account-name"), "Alice Support");

    let cookies = browser.cookies();
    let [cookie] = &cookies[..] else {
        panic!("{cookies:?}");
    };
    assert_eq!(cookie["httpOnly"], true);
    assert_eq!(cookie["sameSite"], "Strict");
    assert!(!cookie["value"].as_str().unwrap().contains(KEY));
    // What a script of the page could reach.
    assert_eq!(browser.js("document.cookie"), "");
    let stored = "JSON.stringify([{...localStorage}, {...sessionStorage}, location.href, document.documentElement.outerHTML])";
    let stored = browser.js(stored);
    assert!(!stored.as_str().unwrap().contains(KEY));

    // The session outlives the page, and ends when one signs out.
    browser.refresh();
    browser.sees(".list-row .list-snippet", "Hello");
    browser.click("#sign-out");
    browser.wait("!!document.querySelector('#key')");
    assert!(browser.cookies().is_empty());
    browser.refresh();
    browser.wait("!!document.querySelector('#key')");
    assert_eq!(browser.count(".list-row"), 0);
    browser.end(&server);
}

#[test]
fn a_session_that_ended_elsewhere_leads_to_the_form() {
    let (_home, server) = seeds::server();
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    // Only the click asks for something.
    browser.sees("[data-folder=open] .folder-count", "1");
    browser.forget_cookies();
    browser.click(&format!(".list-row[data-id='{conversation}']"));
    browser.sees("#sign-in-error", "The session has ended.");
    browser.end(&server);
}

/// The text that one has begun.
const DRAFT: &str = "document.querySelector('#composer-text').value";

#[test]
fn after_a_restart_the_form_comes_with_the_user_and_the_draft_is_kept() {
    let (home, server) = seeds::server();
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(mut browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    browser.expect_breaks();
    browser.open_row(&conversation);
    browser.sees("[data-do=unread]", "Mark unread");
    browser.fill("#composer-text", "We are on it.");
    let address = server.address().to_owned();
    server.stop();
    let server = Server::start(home.command(&["--listen", &address, "--api-key", KEY]));

    // The page is left alone.
    browser.sees("#sign-in-error", "The session has ended.");
    assert_eq!(browser.js("document.querySelector('#actor').value"), ALICE);
    assert_eq!(browser.js("document.activeElement.id"), "key");
    assert_eq!(browser.count(".toast"), 0);
    browser.fill("#key", KEY);
    browser.click(".sign-in .primary");
    browser.sees(".messages", "Hello");
    assert_eq!(browser.js(DRAFT), "We are on it.");
    browser.wait("!!document.querySelector('.live-live')");

    // The draft is not shown to another user.
    browser.click("#sign-out");
    browser.sign_in(KEY, BOB);
    browser.open_row(&conversation);
    assert_eq!(browser.js(DRAFT), "");
    browser.end(&server);
}

#[test]
fn a_session_that_ends_while_nothing_is_asked_leads_to_the_form() {
    let (_home, server) = seeds::server();
    seeds::text(&server, "con_1", "Hello");
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    // What the page asks at its beginning is answered.
    browser.sees("[data-folder=open] .folder-count", "1");
    let cookie = &browser.cookies()[0];
    let cookie = format!(
        "Cookie: convodb_session={}",
        cookie["value"].as_str().unwrap()
    );
    let csrf = "X-Convodb-Csrf: 1";
    let arguments = ["--request", "DELETE", "--header", &cookie, "--header", csrf];
    let ended = server.curl_as_it_is("/v1/session", &arguments);
    assert_eq!(ended.status, 204, "{ended:?}");
    // The stream learns of it at the next heartbeat.
    browser.sees("#sign-in-error", "The session has ended.");
    browser.end(&server);
}

#[test]
fn a_user_is_optional_and_one_that_is_refused_leaves_the_key() {
    let (_home, server) = seeds::server();
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.expect(422);
    browser.open(&server, "/inbox");
    browser.sees("label[for=actor]", "(optional)");
    browser.sign_in("a-wrong-key", ALICE);
    browser.sees("#sign-in-error", "This key is not valid.");
    assert_eq!(browser.js("document.querySelector('#key').value"), "");
    browser.sign_in(KEY, "usr_nowhere");
    browser.sees("#sign-in-error", "not in the directory");
    assert_eq!(browser.js("document.querySelector('#key').value"), KEY);
    assert_eq!(browser.js("document.activeElement.id"), "actor");
    browser.fill("#actor", "");
    browser.click(".sign-in .primary");
    browser.sees(".list-row .list-snippet", "Hello");

    browser.open_row(&conversation);
    browser.sees("#thread-assignee", "Unassigned");
    browser.press("c");
    browser.sees("#toasts", "Claiming needs a user id");
    assert_eq!(browser.text("#thread-assignee"), "Unassigned");
    browser.end(&server);
}
