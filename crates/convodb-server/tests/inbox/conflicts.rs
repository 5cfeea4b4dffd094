//! Two people at one conversation.

use serde_json::json;

use crate::browser::Browser;
use crate::seeds::{self, ALICE, BOB};
use crate::server::{JSON, Server};

#[tokio::test]
async fn of_two_claims_at_once_one_wins_and_the_other_sees_who_has_it() {
    let (_home, server) = seeds::server();
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(mut alice) = Browser::signed_in(&server, ALICE).await else {
        return;
    };
    let mut bob = Browser::signed_in(&server, BOB).await.unwrap();
    alice.expect(412);
    bob.expect(412);
    alice.open_row(&conversation).await;
    bob.open_row(&conversation).await;
    for browser in [&alice, &bob] {
        browser
            .wait("!!document.querySelector('[data-do=claim]')")
            .await;
    }
    let click = "document.querySelector('[data-do=claim]')?.click() ?? true";
    tokio::join!(alice.js(click), bob.js(click));
    let path = format!("/v1/conversations/{conversation}?messages=false");
    let winner = crate::server::until(|| {
        let conversation = server.get(&path).expect(200);
        Some(conversation["assigned_to"]["id"].as_str()?.to_owned())
    });
    let (won, lost, name) = match winner.as_str() {
        ALICE => (&alice, &bob, "Alice Support"),
        _ => (&bob, &alice, "Bob Support"),
    };
    won.sees("#thread-assignee", &format!("{name} (me)")).await;
    lost.sees(".banner", &format!("{name} has taken it.")).await;
    lost.sees("#thread-assignee", name).await;
    assert_eq!(
        won.js("document.querySelector('.banner').hidden").await,
        true
    );
    assert_eq!(lost.count("[data-do=claim]").await, 0);
    alice.end(&server).await;
    bob.end(&server).await;
}

/// A browser that learns nothing of what others do, until it asks.
async fn without_events(server: &Server, conversation: &str) -> Option<Browser> {
    let mut browser = Browser::start().await?;
    browser.expect(412);
    browser.open(server, "/inbox").await;
    browser
        .js("EventSource.prototype.constructor && (window.EventSource = class { static CLOSED = 2; addEventListener() {} close() {} })")
        .await;
    browser.sign_in(crate::server::KEY, ALICE).await;
    browser
        .wait("!!document.querySelector('.list-row:not(.loading)')")
        .await;
    browser.open_row(conversation).await;
    browser
        .wait("!!document.querySelector('[data-do=resolve]')")
        .await;
    Some(browser)
}

/// What Bob does, by the API.
fn bob_does(server: &Server, path: &str, body: &str) {
    let actor = format!("X-Convodb-Actor: {BOB}");
    let arguments = ["--header", JSON, "--header", &actor, "--data-binary", body];
    server.curl(path, &arguments).expect(200);
}

#[tokio::test]
async fn what_another_one_did_first_is_said_and_nothing_is_overwritten() {
    let (_home, server) = seeds::server();
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(alice) = without_events(&server, &conversation).await else {
        return;
    };
    let path = format!("/v1/conversations/{conversation}");
    bob_does(&server, &format!("{path}/claim"), "{}");
    alice.click("[data-do=claim]").await;
    alice.sees(".banner", "Bob Support has taken it.").await;
    alice.sees("#thread-assignee", "Bob Support").await;

    // Now she knows. Then he resolves it, and her change is not made over his.
    bob_does(&server, &format!("{path}/resolve"), "");
    alice.click("[data-do=unassign]").await;
    alice.sees(".banner", "Bob Support has resolved it.").await;
    alice.sees(".thread-facts", "Resolved").await;
    alice.click(".banner .icon-button").await;

    // A reply is kept until she says that it is to be sent all the same.
    let given = json!({"user_id": BOB}).to_string();
    bob_does(&server, &format!("{path}/reopen"), "");
    bob_does(&server, &format!("{path}/assign"), &given);
    alice.fill("#composer-text", "We are on it.").await;
    alice.click(".composer .primary").await;
    alice.sees(".conflict", "Nothing was sent.").await;
    let count = || {
        let messages = server.get(&format!("{path}/messages")).expect(200);
        messages["data"].as_array().unwrap().len()
    };
    assert_eq!(count(), 1);
    assert_eq!(
        alice
            .js("document.querySelector('#composer-text').value")
            .await,
        "We are on it."
    );
    alice.click(".conflict .quiet-button").await;
    alice.sees(".message.out", "We are on it.").await;
    assert_eq!(count(), 2);
    alice.end(&server).await;
}
