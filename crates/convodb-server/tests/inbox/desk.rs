//! What one does with a conversation.

use serde_json::{Value, json};
use thirtyfour::Key;

use crate::browser::Browser;
use crate::seeds::{self, ALICE};
use crate::server::Server;

fn row(server: &Server, conversation: &str) -> Value {
    let path = format!("/v1/conversations/{conversation}?messages=false");
    server.get(&path).expect(200)
}

/// Chooses the option of a picker that begins like this.
async fn choose(browser: &Browser, text: &str) {
    browser
        .wait("!!document.querySelector('dialog[open] .picker-input')")
        .await;
    browser.press(text).await;
    browser.sees("dialog .options .active", text).await;
    browser.press_key(Key::Enter).await;
    browser.wait("!document.querySelector('dialog')").await;
}

#[tokio::test]
async fn a_conversation_is_assigned_snoozed_tagged_and_given_a_priority() {
    let (_home, server) = seeds::server();
    let conversation = seeds::text(&server, "con_1", "Hello");
    let Some(browser) = Browser::signed_in(&server, ALICE).await else {
        return;
    };
    browser.open_row(&conversation).await;
    browser.click("[data-do=claim]").await;
    browser.sees("#thread-assignee", "Alice Support (me)").await;
    browser.click("[data-do=assign]").await;
    choose(&browser, "Bob").await;
    browser.sees("#thread-assignee", "Bob Support").await;
    browser.click("[data-do=assign]").await;
    choose(&browser, "Billing").await;
    browser.sees("#thread-assignee", "Billing").await;
    browser.click("[data-do=unassign]").await;
    browser.sees("#thread-assignee", "Unassigned").await;

    browser.click("[data-do=snooze]").await;
    choose(&browser, "Tomorrow").await;
    browser.sees(".thread-facts", "Snoozed").await;
    assert!(row(&server, &conversation)["snoozed_until"].is_string());
    browser
        .sees("[data-folder=snoozed] .folder-count", "1")
        .await;
    browser.click("[data-do=snooze]").await;
    choose(&browser, "End the snooze").await;
    browser.sees(".thread-facts", "Open").await;

    browser.click(".details .chip.add").await;
    choose(&browser, "vip").await;
    browser.sees(".detail-tags", "vip").await;
    browser.click(".details .chip.add").await;
    choose(&browser, "refund").await;
    browser.sees(".detail-tags", "refund").await;
    assert_eq!(
        row(&server, &conversation)["tags"],
        json!(["refund", "vip"])
    );
    browser
        .click(".detail-tags .icon-button[aria-label='Remove the tag vip']")
        .await;
    browser.sees(".list-row .tag", "refund").await;
    browser.click("[aria-label='Change the priority']").await;
    choose(&browser, "High").await;
    browser.sees(".list-row .priority", "High").await;

    browser.click("[data-do=unread]").await;
    browser.sees(".list-row .count", "1").await;
    browser.sees("[data-do=unread]", "Mark read").await;
    browser.click("[data-do=unread]").await;
    browser.sees("[data-do=unread]", "Mark unread").await;
    browser.click("[data-do=resolve]").await;
    browser.sees("[data-do=resolve]", "Reopen").await;
    browser.sees(".messages", "Resolved by Alice Support").await;
    browser.click("[data-do=resolve]").await;
    browser.sees(".messages", "Reopened by Alice Support").await;
    browser.end(&server).await;
}

#[tokio::test]
async fn filters_and_saved_views_select_what_the_list_has() {
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
    let Some(browser) = Browser::signed_in(&server, ALICE).await else {
        return;
    };
    let choose = |label: &str, value: &str| {
        format!(
            "(() => {{ const select = [...document.querySelectorAll('.field')].find(f => f.innerText.startsWith({label:?})).querySelector('select'); select.value = {value:?}; select.dispatchEvent(new Event('change')); }})()"
        )
    };
    browser.press("f").await;
    browser
        .wait("!document.querySelector('.filter-panel').hidden")
        .await;
    browser.js(&choose("Tag", "vip")).await;
    browser.sees("#list-total", "3").await;
    browser.sees(".chips", "Tag vip").await;
    browser.js(&choose("Inbox", "instagram")).await;
    browser
        .sees(".list-message", "No conversations here.")
        .await;
    browser.js(&choose("Inbox", "whatsapp")).await;
    browser.sees("#list-total", "3").await;
    // The address has the filter, so that it can be kept and gone back from.
    browser.driver.refresh().await.unwrap();
    browser.sees("#list-total", "3").await;
    browser.driver.back().await.unwrap();
    browser
        .sees(".list-message", "No conversations here.")
        .await;
    browser.driver.forward().await.unwrap();
    browser.sees("#list-total", "3").await;

    browser.press("f").await;
    browser
        .js("void [...document.querySelectorAll('.panel-end button')][1].click()")
        .await;
    browser.wait("!!document.querySelector('#ask-input')").await;
    browser.fill("#ask-input", "Our VIPs").await;
    browser.press_key(Key::Enter).await;
    browser.sees("#list-title", "Our VIPs").await;
    browser.sees("#list-total", "3").await;
    let views = server.get("/v1/views").expect(200);
    assert_eq!(views["data"][0]["name"], "Our VIPs");
    let entry = format!(
        "[data-folder='{}']",
        views["data"][0]["id"].as_str().unwrap()
    );
    browser.sees(&format!("{entry} .folder-count"), "3").await;
    browser.click("[data-folder=open]").await;
    browser.sees("#list-total", "6").await;
    browser.click(&entry).await;
    browser.sees("#list-total", "3").await;
    browser.end(&server).await;
}
