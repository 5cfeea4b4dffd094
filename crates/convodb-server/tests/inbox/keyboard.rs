//! The inbox without a pointer.

use thirtyfour::Key;

use crate::browser::Browser;
use crate::seeds::{self, ALICE};

const FOCUS_IS_SEEN: &str = "(() => { const at = document.activeElement; if (!at.matches(':focus-visible')) return false; \
    const marked = at.matches('.list') ? at.querySelector('.active') ?? at : at; const style = getComputedStyle(marked); \
    return style.outlineStyle !== 'none' || style.boxShadow !== 'none'; })()";

#[tokio::test]
async fn one_opens_replies_notes_and_resolves_by_keys_alone() {
    let (_home, server) = seeds::server();
    for number in 1..=3 {
        seeds::text(
            &server,
            &format!("con_{number}"),
            &format!("Question {number}"),
        );
    }
    seeds::name(&server, "con_1", "Maria Silva");
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.open(&server, "/inbox").await;
    browser.wait("document.activeElement.id === 'key'").await;
    browser.press(crate::server::KEY).await;
    browser.press_key(Key::Tab).await;
    browser.press(ALICE).await;
    browser.press_key(Key::Enter).await;
    browser.sees("#row-0", "Question 3").await;

    browser.press("jj").await;
    browser
        .wait("document.querySelector('.list').getAttribute('aria-activedescendant') === 'row-1'")
        .await;
    browser.wait(FOCUS_IS_SEEN).await;
    browser.press("jk").await;
    browser.press("j").await;
    browser.press_key(Key::Enter).await;
    browser.sees(".messages", "Question 1").await;
    browser.sees("#thread-name", "Maria Silva").await;

    browser.press("r").await;
    browser
        .wait("document.activeElement.id === 'composer-text'")
        .await;
    browser.wait(FOCUS_IS_SEEN).await;
    // Keys are letters here.
    browser.press("We are jerking no one around: e?").await;
    browser.press_with_control(Key::Enter).await;
    browser
        .sees(".message.out", "We are jerking no one around: e?")
        .await;
    browser.press_key(Key::Escape).await;
    browser.press("n").await;
    browser.wait("document.querySelector('.composer').classList.contains('is-note') && document.activeElement.id === 'composer-text'").await;
    browser.press("A good customer").await;
    browser.press_with_control(Key::Enter).await;
    browser.sees(".message.note", "A good customer").await;
    browser.sees(".message.note .author", "Alice Support").await;
    browser.press_key(Key::Escape).await;
    browser.press("c").await;
    browser.sees("#thread-assignee", "Alice Support (me)").await;
    browser.press("a").await;
    browser
        .wait("document.activeElement.className === 'picker-input'")
        .await;
    browser.press("bob").await;
    browser.press_key(Key::Enter).await;
    browser.sees("#thread-assignee", "Bob Support").await;
    browser.press("e").await;
    browser.sees(".thread-facts", "Resolved").await;
    browser.press("u").await;
    browser.sees("[data-do=unread]", "Mark read").await;

    browser.press("?").await;
    browser.sees("dialog .help", "Resolve or reopen").await;
    browser.press_key(Key::Escape).await;
    browser.wait("!document.querySelector('dialog')").await;
    browser.press_key(Key::Escape).await;
    browser.wait("!document.querySelector('.no-thread').hidden && document.activeElement.classList.contains('list')").await;

    browser.press("/").await;
    browser.wait("document.activeElement.id === 'search'").await;
    browser.press("maria").await;
    browser.sees("#search-results .active", "Maria Silva").await;
    browser.press_key(Key::Enter).await;
    browser.sees("#row-0", "Maria Silva").await;
    browser.sees("#list-total", "1").await;

    // Every stop of the tabulator is seen, and there is a way round.
    let mut stops = std::collections::BTreeSet::new();
    for _ in 0..60 {
        browser.press_key(Key::Tab).await;
        let place = browser.js("(() => { const at = document.activeElement; return at === document.body ? 'body' : at.id || at.getAttribute('aria-label') || at.textContent; })()").await;
        let place = place.as_str().unwrap().to_owned();
        if place != "body" {
            assert_eq!(browser.js(FOCUS_IS_SEEN).await, true, "{place}");
        }
        if !stops.insert(place) && stops.len() > 15 {
            break;
        }
    }
    assert!(
        stops.contains("sign-out") && stops.contains("search"),
        "{stops:?}"
    );
    browser.end(&server).await;
}
