//! A list of very many conversations: 20,000, or as many as `CONVODB_INBOX_MANY` says.

use std::io::Write as _;
use std::time::{Duration, Instant};

use thirtyfour::Key;

use crate::browser::Browser;
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
async fn shown(browser: &Browser, server: &Server, index: u64) -> Duration {
    let begun = Instant::now();
    let is_there = format!(
        "document.getElementById('row-{index}')?.dataset.id === {:?}",
        at(server, index)
    );
    browser.wait(&is_there).await;
    begun.elapsed()
}

#[tokio::test]
async fn the_middle_of_a_very_long_list_is_as_near_as_its_beginning() {
    let size = size();
    let home = Home::new();
    let begun = Instant::now();
    seeds::fill(&home, size);
    let filled = begun.elapsed();
    let server = home.start();
    let Some(browser) = Browser::start().await else {
        return;
    };
    browser.open(&server, "/inbox").await;
    let begun = Instant::now();
    browser.sign_in(crate::server::KEY, ALICE).await;
    browser
        .wait("!!document.querySelector('#row-0:not(.loading)')")
        .await;
    let opened = begun.elapsed();
    let grouped = size.to_string();
    let (thousands, rest) = grouped.split_at(grouped.len() - 3);
    browser
        .sees("#list-total", &format!("{thousands},{rest}"))
        .await;
    let pages = size.div_ceil(50);

    // The scroll bar is taken to the middle.
    let middle = "(l => { l.scrollTop = (l.scrollHeight - l.clientHeight) / 2; return true; })(document.querySelector('.list'))";
    let begun = Instant::now();
    browser.js(middle).await;
    browser.wait("[...document.querySelectorAll('.list-row')].length > 5 && !document.querySelector('.list-row.loading')").await;
    let scrolled = begun.elapsed();
    let index = browser
        .js("Number([...document.querySelectorAll('.list-row')].at(-1).dataset.index)")
        .await;
    let index = index.as_u64().unwrap();
    assert!(index.abs_diff(size / 2) < 60, "{index}");
    shown(&browser, &server, index).await;
    // A step of the wheel there is a step, in whichever direction, and rows stay one below the other.
    for step in [300, 300, -300] {
        let before = browser.js(FIRST).await;
        let wheel = format!("void (document.querySelector('.list').scrollTop += {step})");
        browser.js(&wheel).await;
        tokio::time::sleep(Duration::from_millis(350)).await;
        let place = browser.js(FIRST).await;
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
    browser.fill("#page", &page.to_string()).await;
    browser.press_key(Key::Enter).await;
    let turned = shown(&browser, &server, (page - 1) * 50)
        .await
        .max(begun.elapsed());
    browser
        .wait(&format!(
            "document.querySelector('#page').value === '{page}'"
        ))
        .await;
    // The end, by a key, and back.
    browser
        .js("void document.querySelector('.list').focus()")
        .await;
    browser.press_key(Key::End).await;
    let ended = shown(&browser, &server, size - 1).await;
    browser.press("k").await;
    browser
        .wait(&format!(
            "document.querySelector('.list').getAttribute('aria-activedescendant') === 'row-{}'",
            size - 2
        ))
        .await;
    browser.press_key(Key::Enter).await;
    browser.sees(".messages", "Where is my order 1?").await;
    browser.press_key(Key::Escape).await;
    browser.press_key(Key::Home).await;
    shown(&browser, &server, 0).await;
    // However far one goes, few rows are there.
    assert!(browser.count(".list-row").await < 60);
    let rest = "JSON.stringify(performance.getEntriesByType('resource').filter(r => r.name.includes('limit=50')).map(r => Math.round(r.duration)))";
    let requests = browser.js(rest).await;
    let _ = writeln!(
        std::io::stderr(),
        "{size} conversations: filled in {filled:.1?}, opened in {opened:.0?}, middle in {scrolled:.0?}, page {page} in {turned:.0?}, end in {ended:.0?}; pages in {requests} ms"
    );
    for took in [opened, scrolled, turned, ended] {
        assert!(took < SOON, "{took:?}");
    }
    browser.end(&server).await;
}
