//! Signing in and out.

use crate::browser::Browser;
use crate::seeds::{self, ALICE};
use crate::server::KEY;

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
    browser.forget_cookies();
    browser.click(&format!(".list-row[data-id='{conversation}']"));
    browser.sees("#sign-in-error", "The session has ended.");
    browser.end(&server);
}
