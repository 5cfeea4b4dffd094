//! Signing in and out.

use thirtyfour::common::cookie::SameSite;

use crate::browser::Browser;
use crate::seeds::{self, ALICE};
use crate::server::KEY;

#[tokio::test]
async fn a_key_becomes_a_cookie_that_no_script_reads_until_one_signs_out() {
    let (_home, server) = seeds::server();
    seeds::text(&server, "con_1", "Hello");
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    browser.expect(422);
    browser.open(&server, "/inbox").await;
    browser.sign_in("a-wrong-key", ALICE).await;
    browser
        .sees("#sign-in-error", "This key is not valid.")
        .await;
    browser.sign_in(KEY, "usr_nowhere").await;
    browser.sees("#sign-in-error", "not in the directory").await;
    assert!(browser.driver.get_all_cookies().await.unwrap().is_empty());
    browser.sign_in(KEY, ALICE).await;
    browser.sees(".list-row .list-snippet", "Hello").await;
    assert_eq!(browser.text("#account-name").await, "Alice Support");

    let cookies = browser.driver.get_all_cookies().await.unwrap();
    let [cookie] = &cookies[..] else {
        panic!("{cookies:?}");
    };
    assert_eq!(cookie.http_only, Some(true));
    assert_eq!(cookie.same_site, Some(SameSite::Strict));
    assert!(!cookie.value.contains(KEY));
    // What a script of the page could reach.
    assert_eq!(browser.js("document.cookie").await, "");
    let stored = "JSON.stringify([{...localStorage}, {...sessionStorage}, location.href, document.documentElement.outerHTML])";
    let stored = browser.js(stored).await;
    assert!(!stored.as_str().unwrap().contains(KEY));

    // The session outlives the page, and ends when one signs out.
    browser.driver.refresh().await.unwrap();
    browser.sees(".list-row .list-snippet", "Hello").await;
    browser.click("#sign-out").await;
    browser.wait("!!document.querySelector('#key')").await;
    assert!(browser.driver.get_all_cookies().await.unwrap().is_empty());
    browser.driver.refresh().await.unwrap();
    browser.wait("!!document.querySelector('#key')").await;
    assert_eq!(browser.count(".list-row").await, 0);
    browser.end(&server).await;
}

#[tokio::test]
async fn a_session_that_ended_elsewhere_leads_to_the_form() {
    let (_home, server) = seeds::server();
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(browser) = Browser::signed_in(&server, ALICE).await else {
        return;
    };
    browser.driver.delete_all_cookies().await.unwrap();
    browser
        .click(&format!(".list-row[data-id='{conversation}']"))
        .await;
    browser
        .sees("#sign-in-error", "The session has ended.")
        .await;
    browser.end(&server).await;
}
