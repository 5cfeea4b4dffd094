//! What a screen reader has of the page.

use crate::browser::Browser;
use crate::kinds;
use crate::seeds::{self, ALICE};

/// Controls without a name, and ids that are there twice.
const FAULTS: &str = "(() => { const name = (e) => e.getAttribute('aria-label') || e.textContent.trim() || \
    (e.labels && [...e.labels].map((l) => l.textContent.trim()).join('')); \
    const nameless = [...document.querySelectorAll('button, a, input, select, textarea, [role=listbox], [role=option], [role=tab], summary')] \
        .filter((e) => e.checkVisibility() && !name(e) && !e.closest('.loading')).map((e) => e.outerHTML.slice(0, 200)); \
    const ids = [...document.querySelectorAll('[id]')].map((e) => e.id); \
    const twice = ids.filter((id, at) => ids.indexOf(id) !== at); \
    const dangling = [...document.querySelectorAll('[aria-controls], [aria-labelledby], [aria-describedby], [aria-activedescendant]')] \
        .flatMap((e) => ['aria-controls', 'aria-labelledby', 'aria-describedby', 'aria-activedescendant'].map((a) => e.getAttribute(a)).filter(Boolean)) \
        .filter((id) => !document.getElementById(id)); \
    return [...nameless, ...twice, ...dangling]; })()";

#[test]
fn there_are_landmarks_and_every_control_has_a_name() {
    let (_home, server) = seeds::server();
    let conversation = kinds::seed(&server);
    let Some(browser) = Browser::start() else {
        return;
    };
    browser.open(&server, "/inbox");
    browser.wait("!!document.querySelector('#key')");
    assert_eq!(browser.js(FAULTS), serde_json::json!([]));
    browser.sign_in(crate::server::KEY, ALICE);
    browser.wait("!!document.querySelector('.list-row:not(.loading)')");
    browser.open_row(&conversation);
    browser.wait("document.querySelectorAll('.message').length > 10");
    browser.press("f");
    assert_eq!(browser.js(FAULTS), serde_json::json!([]));
    for landmark in [
        "nav[aria-label]",
        "main[aria-label]",
        "aside[aria-label]",
        "section[aria-labelledby]",
        "[aria-live=polite]",
        "h1",
        "h2",
    ] {
        assert!(browser.count(landmark) > 0, "{landmark}");
    }
    assert_eq!(browser.js("document.documentElement.lang"), "en");
    let option = "(o => [o.getAttribute('aria-setsize'), o.getAttribute('aria-posinset'), o.getAttribute('aria-selected')].join())(document.querySelector('.list-row'))";
    assert_eq!(browser.js(option), "1,1,true");
    browser.press_key(crate::driver::Key::Escape);
    browser.press("?");
    browser.wait("!!document.querySelector('dialog[open]')");
    assert_eq!(browser.js(FAULTS), serde_json::json!([]));
    browser.end(&server);
}
