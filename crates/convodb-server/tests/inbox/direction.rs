//! Text from right to left.

use serde_json::json;

use crate::browser::Browser;
use crate::seeds::{self, ALICE};

#[test]
fn texts_have_their_own_direction_and_the_page_keeps_its_own() {
    let (_home, server) = seeds::server();
    let arabic = seeds::text(&server, "con_arabic", "مرحبا، أين طلبي رقم 1234؟");
    seeds::name(&server, "con_arabic", "ليلى حداد");
    seeds::send(
        &server,
        "con_arabic",
        json!({"content": "שלום, ההזמנה בדרך."}),
    );
    seeds::receive(
        &server,
        "con_arabic",
        json!({"content": "An English line\nوسطر بالعربية"}),
    );
    seeds::note(&server, &arabic, "تتكلم العربية");
    seeds::text(&server, "con_override", "Hello");
    seeds::name(&server, "con_override", "Eve \u{202e}gnp.exe");
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    browser.open_row(&arabic);
    browser.sees(".note", "تتكلم");
    let direction = |css: &str, index: usize| {
        format!("getComputedStyle(document.querySelectorAll({css:?})[{index}]).direction")
    };
    for (css, index, expected) in [
        ("#thread-name bdi", 0, "rtl"),
        (".message.in .prose", 0, "rtl"),
        (".message.out .prose", 0, "rtl"),
        (".note .prose", 0, "rtl"),
        (".message.in .prose", 1, "ltr"),
        (".thread-head", 0, "ltr"),
        (".bubble", 0, "ltr"),
    ] {
        let shown = browser.js(&direction(css, index));
        assert_eq!(shown, expected, "{css} {index}");
    }
    // Each line of a text has its own.
    let plaintext =
        "getComputedStyle(document.querySelectorAll('.message.in .prose')[1]).unicodeBidi";
    assert_eq!(browser.js(plaintext), "plaintext");
    // What one writes turns as one writes it.
    browser.press("r");
    browser.press("שלום");
    assert_eq!(browser.js(&direction("#composer-text", 0)), "rtl");
    // A name does not reorder what is around it.
    let names =
        "[...document.querySelectorAll('.list-name')].map(name => name.textContent).join('|')";
    let names = browser.js(names);
    assert!(!names.as_str().unwrap().contains('\u{202e}'), "{names}");
    assert!(names.as_str().unwrap().contains("gnp.exe"), "{names}");
    browser.end(&server);
}
