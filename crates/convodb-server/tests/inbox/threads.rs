//! Long threads.

use serde_json::json;

use crate::browser::Browser;
use crate::seeds::{self, ALICE};

#[test]
fn a_long_thread_begins_with_its_end_and_is_read_page_by_page() {
    let (_home, server) = seeds::server();
    let mut messages = Vec::new();
    for number in 0..170 {
        messages.push(seeds::receive(
            &server,
            "con_1",
            json!({"content": format!("Number {number}."), "provider_id": format!("m{number}")}),
        ));
    }
    let answers = json!({"content": "As you said.", "reply_to": {"message_id": messages[3]["id"]}});
    let last = seeds::receive(&server, "con_1", answers);
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    let conversation = last["conversation_id"].as_str().unwrap();
    browser.open_row(conversation);
    browser.sees(".messages", "As you said.");
    assert_eq!(browser.count(".message"), 50);
    let is_at_end = "(s => s.scrollHeight - s.scrollTop - s.clientHeight < 2)(document.querySelector('.thread-scroll'))";
    browser.wait(is_at_end);
    // The page before comes when one gets there, and what was in sight stays.
    let seen = "document.querySelectorAll('.message')[2].id";
    let seen = browser.js(seen);
    let seen = seen.as_str().unwrap();
    browser.js("void (document.querySelector('.thread-scroll').scrollTop = 150)");
    let top = format!("document.getElementById({seen:?}).getBoundingClientRect().top");
    browser.wait("document.querySelectorAll('.message').length >= 100");
    let now = browser.js(&top).as_f64().unwrap();
    assert!((-200.0..700.0).contains(&now), "{now}");
    // What was answered is found, however far back it is.
    browser.js("void (document.querySelector('.thread-scroll').scrollTop = 1e9)");
    let quote = format!("[id='{}'] .quote", last["id"].as_str().unwrap());
    browser.sees(&quote, "Answers an earlier message");
    for _ in 0..4 {
        browser.js("void (document.querySelector('.thread-scroll').scrollTop = 0)");
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    browser
        .wait("document.querySelectorAll('.message').length === 171 && document.querySelector('.earlier').hidden");
    browser.sees(&quote, "Number 3.");
    browser.click(&quote);
    let target = messages[3]["id"].as_str().unwrap();
    browser.wait(&format!("document.activeElement.id === {target:?}"));
    browser.end(&server);
}
