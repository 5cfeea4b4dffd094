//! What one does with a conversation.

use crate::browser::Browser;
use crate::driver::Key;
use crate::seeds::{self, ALICE};
use crate::server::Server;
use serde_json::{Value, json};

fn row(server: &Server, conversation: &str) -> Value {
    let path = format!("/v1/conversations/{conversation}?messages=false");
    server.get(&path).expect(200)
}

/// Chooses the option of a picker that begins like this.
fn choose(browser: &Browser, text: &str) {
    browser.wait("!!document.querySelector('dialog[open] .picker-input')");
    browser.press(text);
    browser.sees("dialog .options .active", text);
    browser.press_key(Key::Enter);
    browser.wait("!document.querySelector('dialog')");
}

#[test]
fn a_conversation_is_assigned_snoozed_tagged_and_given_a_priority() {
    let (_home, server) = seeds::server();
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    browser.open_row(&conversation);
    browser.click("[data-do=claim]");
    browser.sees("#thread-assignee", "Alice Support (me)");
    browser.click("[data-do=assign]");
    choose(&browser, "Bob");
    browser.sees("#thread-assignee", "Bob Support");
    browser.click("[data-do=assign]");
    choose(&browser, "Billing");
    browser.sees("#thread-assignee", "Billing");
    browser.click("[data-do=unassign]");
    browser.sees("#thread-assignee", "Unassigned");

    browser.click("[data-do=snooze]");
    choose(&browser, "Tomorrow");
    browser.sees(".thread-facts", "Snoozed");
    assert!(row(&server, &conversation)["snoozed_until"].is_string());
    browser.sees("[data-folder=snoozed] .folder-count", "1");
    browser.click("[data-do=snooze]");
    choose(&browser, "End the snooze");
    browser.sees(".thread-facts", "Open");

    browser.click(".details .chip.add");
    choose(&browser, "vip");
    browser.sees(".detail-tags", "vip");
    browser.click(".details .chip.add");
    choose(&browser, "refund");
    browser.sees(".detail-tags", "refund");
    assert_eq!(
        row(&server, &conversation)["tags"],
        json!(["refund", "vip"])
    );
    browser.click(".detail-tags .icon-button[aria-label='Remove the tag vip']");
    browser.sees(".list-row .tag", "refund");
    browser.click("[aria-label='Change the priority']");
    choose(&browser, "High");
    browser.sees(".list-row .priority", "High");

    browser.click("[data-do=unread]");
    browser.sees(".list-row .count", "1");
    browser.sees("[data-do=unread]", "Mark read");
    browser.click("[data-do=unread]");
    browser.sees("[data-do=unread]", "Mark unread");
    browser.click("[data-do=resolve]");
    browser.sees("[data-do=resolve]", "Reopen");
    browser.sees(".messages", "Resolved by Alice Support");
    browser.click("[data-do=resolve]");
    browser.sees(".messages", "Reopened by Alice Support");
    browser.end(&server);
}

#[test]
fn filters_and_saved_views_select_what_the_list_has() {
    let (_home, server) = seeds::server();
    for number in 0..6 {
        let conversation = seeds::text(
            &server,
            &format!("con_{number}"),
            &format!("Question {number}"),
        );
        let tags = match number % 2 {
            0 => json!(["vip"]),
            _ => json!(["other"]),
        };
        let path = format!("/v1/conversations/{conversation}");
        server
            .patch(&path, &json!({"tags": tags}).to_string())
            .expect(200);
    }
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    let choose = |label: &str, value: &str| {
        format!(
            "(() => {{ const select = [...document.querySelectorAll('.field')].find(f => f.innerText.startsWith({label:?})).querySelector('select'); select.value = {value:?}; select.dispatchEvent(new Event('change')); }})()"
        )
    };
    browser.press("f");
    browser.wait("!document.querySelector('.filter-panel').hidden");
    browser.js(&choose("Tag", "vip"));
    browser.sees("#list-total", "3");
    browser.sees(".chips", "Tag vip");
    browser.js(&choose("Inbox", "instagram"));
    browser.sees(".list-message", "No conversations here.");
    browser.js(&choose("Inbox", "whatsapp"));
    browser.sees("#list-total", "3");
    // The address has the filter, so that it can be kept and gone back from.
    browser.refresh();
    browser.sees("#list-total", "3");
    browser.back();
    browser.sees(".list-message", "No conversations here.");
    browser.forward();
    browser.sees("#list-total", "3");

    browser.press("f");
    browser.js("void [...document.querySelectorAll('.panel-end button')][1].click()");
    browser.wait("!!document.querySelector('#ask-input')");
    browser.fill("#ask-input", "Our VIPs");
    browser.press_key(Key::Enter);
    browser.sees("#list-title", "Our VIPs");
    browser.sees("#list-total", "3");
    let views = server.get("/v1/views").expect(200);
    assert_eq!(views["data"][0]["name"], "Our VIPs");
    let entry = format!(
        "[data-folder='{}']",
        views["data"][0]["id"].as_str().unwrap()
    );
    browser.sees(&format!("{entry} .folder-count"), "3");
    browser.click("[data-folder=open]");
    browser.sees("#list-total", "6");
    browser.click(&entry);
    browser.sees("#list-total", "3");
    browser.end(&server);
}
