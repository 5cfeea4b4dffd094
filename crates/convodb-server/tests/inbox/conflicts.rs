//! Two people at one conversation.

use serde_json::json;

use crate::browser::Browser;
use crate::seeds::{self, ALICE, BOB};
use crate::server::{JSON, Server};

#[test]
fn of_two_claims_at_once_one_wins_and_the_other_sees_who_has_it() {
    let (_home, server) = seeds::server();
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(mut alice) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    let mut bob = Browser::signed_in(&server, BOB).unwrap();
    alice.expect(412);
    bob.expect(412);
    alice.open_row(&conversation);
    bob.open_row(&conversation);
    for browser in [&alice, &bob] {
        browser.wait("!!document.querySelector('[data-do=claim]')");
    }
    let click = "document.querySelector('[data-do=claim]')?.click() ?? true";
    std::thread::scope(|scope| {
        scope.spawn(|| alice.js(click));
        bob.js(click);
    });
    let path = format!("/v1/conversations/{conversation}?messages=false");
    let winner = crate::server::until(|| {
        let conversation = server.get(&path).expect(200);
        Some(conversation["assigned_to"]["id"].as_str()?.to_owned())
    });
    let (won, lost, name) = match winner.as_str() {
        ALICE => (&alice, &bob, "Alice Support"),
        _ => (&bob, &alice, "Bob Support"),
    };
    won.sees("#thread-assignee", &format!("{name} (me)"));
    lost.sees(".banner", &format!("{name} has taken it."));
    lost.sees("#thread-assignee", name);
    assert_eq!(won.js("document.querySelector('.banner').hidden"), true);
    assert_eq!(lost.count("[data-do=claim]"), 0);
    alice.end(&server);
    bob.end(&server);
}

/// A browser that learns nothing of what others do, until it asks.
fn without_events(server: &Server, conversation: &str) -> Option<Browser> {
    let mut browser = Browser::start()?;
    browser.expect(412);
    browser.open(server, "/inbox");
    browser
        .js("EventSource.prototype.constructor && (window.EventSource = class { static CLOSED = 2; addEventListener() {} close() {} })");
    browser.sign_in(crate::server::KEY, ALICE);
    browser.wait("!!document.querySelector('.list-row:not(.loading)')");
    browser.open_row(conversation);
    // Once it is marked as read, she learns of nothing any more.
    browser.sees("[data-do=unread]", "Mark unread");
    Some(browser)
}

/// What Bob does, by the API.
fn bob_does(server: &Server, path: &str, body: &str) {
    let actor = format!("X-Convodb-Actor: {BOB}");
    let arguments = ["--header", JSON, "--header", &actor, "--data-binary", body];
    server.curl(path, &arguments).expect(200);
}

#[test]
fn what_another_one_did_first_is_said_and_nothing_is_overwritten() {
    let (_home, server) = seeds::server();
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(alice) = without_events(&server, &conversation) else {
        return;
    };
    let path = format!("/v1/conversations/{conversation}");
    bob_does(&server, &format!("{path}/claim"), "{}");
    alice.click("[data-do=claim]");
    alice.sees(".banner", "Bob Support has taken it.");
    alice.sees("#thread-assignee", "Bob Support");

    // Now she knows. Then he resolves it, and her change is not made over his.
    bob_does(&server, &format!("{path}/resolve"), "");
    alice.click("[data-do=unassign]");
    alice.sees(".banner", "Bob Support has resolved it.");
    alice.sees(".thread-facts", "Resolved");
    alice.click(".banner .icon-button");

    // A reply is kept until she says that it is to be sent all the same.
    let given = json!({"user_id": BOB}).to_string();
    bob_does(&server, &format!("{path}/reopen"), "");
    bob_does(&server, &format!("{path}/assign"), &given);
    alice.fill("#composer-text", "We are on it.");
    alice.click(".composer .primary");
    alice.sees(".conflict", "Nothing was sent.");
    let count = || {
        let messages = server.get(&format!("{path}/messages")).expect(200);
        messages["data"].as_array().unwrap().len()
    };
    assert_eq!(count(), 1);
    assert_eq!(
        alice.js("document.querySelector('#composer-text').value"),
        "We are on it."
    );
    alice.click(".conflict .quiet-button");
    alice.sees(".message.out", "We are on it.");
    assert_eq!(count(), 2);
    alice.end(&server);
}
