//! A list of very many conversations: 20,000, or as many as `CONVODB_INBOX_MANY` says.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::browser::Browser;
use crate::driver::Key;
use crate::seeds::{self, ALICE};
use crate::server::{Home, Server};

/// What one waits for without noticing it as a pause, on a busy machine.
const SOON: Duration = Duration::from_secs(3);

/// The place of the first row that is there.
const FIRST: &str = "Number(document.querySelector('.list-row').id.slice('row-'.length))";

fn size() -> u64 {
    let size = std::env::var("CONVODB_INBOX_MANY").ok();
    size.map_or(20_000, |size| size.parse().expect("a number"))
}

/// The conversation at a place of the list, by the API.
fn at(server: &Server, index: u64) -> String {
    let path = format!(
        "/v1/conversations?status=open&snoozed=false&limit=1&page={}",
        index + 1
    );
    server.get(&path).expect(200)["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Waits until the row at this place is shown with its content.
fn shown(browser: &Browser, server: &Server, index: u64) -> Duration {
    let begun = Instant::now();
    let is_there = format!(
        "document.getElementById('row-{index}')?.dataset.id === {:?}",
        at(server, index)
    );
    browser.wait(&is_there);
    begun.elapsed()
}

#[test]
fn the_middle_of_a_very_long_list_is_as_near_as_its_beginning() {
    let size = size();
    let home = Home::new();
    let begun = Instant::now();
    seeds::fill(&home, size);
    let filled = begun.elapsed();
    let server = home.start();
    let Some(browser) = Browser::start() else {
        return;
    };
    browser.open(&server, "/inbox");
    let begun = Instant::now();
    browser.sign_in(crate::server::KEY, ALICE);
    browser.wait("!!document.querySelector('#row-0:not(.loading)')");
    let opened = begun.elapsed();
    let grouped = size.to_string();
    let (thousands, rest) = grouped.split_at(grouped.len() - 3);
    browser.sees("#list-total", &format!("{thousands},{rest}"));
    let pages = size.div_ceil(50);

    // The scroll bar is taken to the middle.
    let middle = "(l => { l.scrollTop = (l.scrollHeight - l.clientHeight) / 2; return true; })(document.querySelector('.list'))";
    let begun = Instant::now();
    browser.js(middle);
    let quarter = size / 4;
    browser.wait(&format!(
        "{FIRST} > {quarter} && !document.querySelector('.list-row.loading')"
    ));
    let scrolled = begun.elapsed();
    let index =
        browser.js("Number([...document.querySelectorAll('.list-row')].at(-1).dataset.index)");
    let index = index.as_u64().unwrap();
    assert!(index.abs_diff(size / 2) < 60, "{index}");
    shown(&browser, &server, index);
    // A step of the wheel there is a step, in whichever direction, and rows stay one below the other.
    for step in [300, 300, -300] {
        let before = browser.js(FIRST);
        let wheel = format!("void (document.querySelector('.list').scrollTop += {step})");
        browser.js(&wheel);
        browser.wait(&format!("{FIRST} !== {before}"));
        // The scroll bar comes to rest, which moves no row.
        std::thread::sleep(Duration::from_millis(350));
        let place = browser.js(FIRST);
        let [before, place] = [before, place].map(|at| at.as_i64().unwrap());
        assert!(
            (1..=6).contains(&(place - before).abs()),
            "{before} to {place}"
        );
        assert_eq!((place - before).signum(), i64::from(step).signum());
    }

    // Any page by its number.
    let page = pages * 2 / 3;
    let begun = Instant::now();
    browser.fill("#page", &page.to_string());
    browser.press_key(Key::Enter);
    let turned = shown(&browser, &server, (page - 1) * 50).max(begun.elapsed());
    browser.wait(&format!(
        "document.querySelector('#page').value === '{page}'"
    ));
    // The end, by a key, and back.
    browser.js("void document.querySelector('.list').focus()");
    browser.press_key(Key::End);
    let ended = shown(&browser, &server, size - 1);
    browser.press("k");
    browser.wait(&format!(
        "document.querySelector('.list').getAttribute('aria-activedescendant') === 'row-{}'",
        size - 2
    ));
    browser.press_key(Key::Enter);
    browser.sees(".messages", "Where is my order 1?");
    browser.press_key(Key::Escape);
    browser.press_key(Key::Home);
    shown(&browser, &server, 0);
    // However far one goes, few rows are there.
    assert!(browser.count(".list-row") < 60);
    let rest = "JSON.stringify(performance.getEntriesByType('resource').filter(r => r.name.includes('limit=50')).map(r => Math.round(r.duration)))";
    let requests = browser.js(rest);
    let _ = writeln!(
        std::io::stderr(),
        "{size} conversations: filled in {filled:.1?}, opened in {opened:.0?}, middle in {scrolled:.0?}, page {page} in {turned:.0?}, end in {ended:.0?}; pages in {requests} ms"
    );
    for took in [opened, scrolled, turned, ended] {
        assert!(took < SOON, "{took:?}");
    }
    browser.end(&server);
}
