//! Dark and light.

use serde_json::json;

use crate::browser::Browser;
use crate::kinds;
use crate::seeds::{self, ALICE};

/// How light the background of an element is, from 0 to 255.
const LIGHTNESS: &str = "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])";

/// Texts whose contrast with what is behind them is too low to read.
const FAINT: &str = "(() => { \
    const parse = (c) => { const n = c.match(/[\\d.]+/g).map(Number); return { rgb: n.slice(0, 3), a: n[3] ?? 1 }; }; \
    const lum = (rgb) => { const [r, g, b] = rgb.map((v) => { const s = v / 255; return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
    const behind = (e) => { for (let at = e; at; at = at.parentElement) { const c = parse(getComputedStyle(at).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; }; \
    const faint = []; \
    for (const e of document.querySelectorAll('#app *')) { \
        if (!e.checkVisibility() || e.closest('.hidden-text, svg, option') || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue; \
        const one = lum(parse(getComputedStyle(e).color).rgb), other = lum(behind(e)); \
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05); \
        if (contrast < 4.5) faint.push(`${contrast.toFixed(2)} ${e.className} ${e.textContent.slice(0, 30)}`); \
    } return faint; })()";

#[test]
fn the_colours_follow_the_system_until_one_chooses() {
    let (_home, server) = seeds::server();
    let conversation = kinds::seed(&server);
    let Some(browser) = Browser::signed_in(&server, ALICE) else {
        return;
    };
    browser.open_row(&conversation);
    browser.wait("document.querySelectorAll('.message').length > 10");
    browser.prefer("light");
    browser.wait(&format!("{LIGHTNESS} > 200"));
    assert_eq!(browser.js(FAINT), json!([]));
    browser.prefer("dark");
    browser.wait(&format!("{LIGHTNESS} < 60"));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(browser.js(FAINT), json!([]));
    browser.click("#theme");
    browser.wait(&format!("{LIGHTNESS} > 200"));
    browser.refresh();
    browser.wait("!!document.querySelector('#theme')");
    assert!(browser.js(LIGHTNESS).as_f64().unwrap() > 200.0);
    browser.press("d");
    browser.wait(&format!("{LIGHTNESS} < 60"));
    browser.end(&server);
}
