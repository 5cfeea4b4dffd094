//! The inbox without a pointer.

use crate::browser::Browser;
use crate::driver::Key;
use crate::seeds::{self, ALICE};

const FOCUS_IS_SEEN: &str = "(() => { const at = document.activeElement; if (!at.matches(':focus-visible')) return false; \
    const marked = at.matches('.list') ? at.querySelector('.active') ?? at : at; const style = getComputedStyle(marked); \
    return style.outlineStyle !== 'none' || style.boxShadow !== 'none'; })()";

#[test]
fn one_opens_replies_notes_and_resolves_by_keys_alone() {
    let (_home, server) = seeds::server();
    for number in 1..=3 {
        seeds::text(
            &server,
            &format!("con_{number}"),
            &format!("Question {number}"),
        );
    }
    seeds::name(&server, "con_1", "Maria Silva");
    let Some(browser) = Browser::start() else {
        return;
    };
    browser.open(&server, "/inbox");
    browser.wait("document.activeElement.id === 'key'");
    browser.press(crate::server::KEY);
    browser.press_key(Key::Tab);
    browser.press(ALICE);
    browser.press_key(Key::Enter);
    browser.sees("#row-0", "Question 3");

    browser.press("jj");
    browser
        .wait("document.querySelector('.list').getAttribute('aria-activedescendant') === 'row-1'");
    browser.wait(FOCUS_IS_SEEN);
    browser.press("jk");
    browser.press("j");
    browser.press_key(Key::Enter);
    browser.sees(".messages", "Question 1");
    browser.sees("#thread-name", "Maria Silva");

    browser.press("r");
    browser.wait("document.activeElement.id === 'composer-text'");
    browser.wait(FOCUS_IS_SEEN);
    // Keys are letters here.
    browser.press("We are jerking no one around: e?");
    browser.press_with_control(Key::Enter);
    browser.sees(".message.out", "We are jerking no one around: e?");
    browser.press_key(Key::Escape);
    browser.press("n");
    browser.wait("document.querySelector('.composer').classList.contains('is-note') && document.activeElement.id === 'composer-text'");
    browser.press("A good customer");
    browser.press_with_control(Key::Enter);
    browser.sees(".message.note", "A good customer");
    browser.sees(".message.note .author", "Alice Support");
    browser.press_key(Key::Escape);
    browser.press("c");
    browser.sees("#thread-assignee", "Alice Support (me)");
    browser.press("a");
    browser.wait("document.activeElement.className === 'picker-input'");
    browser.press("bob");
    browser.press_key(Key::Enter);
    browser.sees("#thread-assignee", "Bob Support");
    browser.press("e");
    browser.sees(".thread-facts", "Resolved");
    browser.press("u");
    browser.sees("[data-do=unread]", "Mark read");

    browser.press("?");
    browser.sees("dialog .help", "Resolve or reopen");
    browser.press_key(Key::Escape);
    browser.wait("!document.querySelector('dialog')");
    browser.press_key(Key::Escape);
    browser.wait("!document.querySelector('.no-thread').hidden && document.activeElement.classList.contains('list')");

    browser.press("/");
    browser.wait("document.activeElement.id === 'search'");
    browser.press("maria");
    browser.sees("#search-results .active", "Maria Silva");
    browser.press_key(Key::Enter);
    browser.sees("#row-0", "Maria Silva");
    browser.sees("#list-total", "1");

    // Every stop of the tabulator is seen, and there is a way round.
    let mut stops = std::collections::BTreeSet::new();
    for _ in 0..60 {
        browser.press_key(Key::Tab);
        let place = browser.js("(() => { const at = document.activeElement; return at === document.body ? 'body' : at.id || at.getAttribute('aria-label') || at.textContent; })()");
        let place = place.as_str().unwrap().to_owned();
        if place != "body" {
            assert_eq!(browser.js(FOCUS_IS_SEEN), true, "{place}");
        }
        if !stops.insert(place) && stops.len() > 15 {
            break;
        }
    }
    assert!(
        stops.contains("sign-out") && stops.contains("search"),
        "{stops:?}"
    );
    browser.end(&server);
}
