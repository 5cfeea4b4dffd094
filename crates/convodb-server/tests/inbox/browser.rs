//! A Chromium without a window, and what one does with it.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::driver::{Driver, Key, Stroke};
use crate::server::{KEY, PATIENCE, Server};

const PACKAGES: &str = "Debian's packages `chromium` and `chromium-driver`";

/// Whether there is a Chromium with its driver. If not, a line says so once, or the test fails.
fn is_there() -> bool {
    static SAID: Once = Once::new();
    let runs = |program: &str| {
        let mut command = Command::new(program);
        let command = command.arg("--version").stderr(Stdio::null());
        command.output().is_ok_and(|output| output.status.success())
    };
    if runs("chromedriver") && runs("chromium") {
        return true;
    }
    let required = std::env::var("CONVODB_REQUIRE_CHROMIUM").is_ok_and(|value| value == "1");
    assert!(!required, "the tests of the inbox need {PACKAGES}");
    SAID.call_once(|| {
        // Past the capture of the test harness, so that it is seen.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: the tests of the inbox need {PACKAGES}"
        );
    });
    false
}

/// A browser with a profile of its own. It ends with [`Browser::end`], which looks at what it logged.
pub(crate) struct Browser {
    driver: Driver,
    /// Answers of these statuses, which a browser logs as errors, are meant.
    expected: Vec<u16>,
    /// Connections that break are meant too.
    expects_breaks: bool,
    _profile: TempDir,
}

/// The size of a page that has all columns.
const PAGE: (u32, u32) = (1440, 900);

impl Browser {
    pub(crate) fn start() -> Option<Self> {
        if !is_there() {
            return None;
        }
        let profile = TempDir::new().unwrap();
        let user_data = format!("--user-data-dir={}", profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--lang=en-GB",
            &user_data,
        ];
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            // A dialog that a text of a contact opened would stay, and fail what comes next.
            "unhandledPromptBehavior": "ignore",
        });
        let browser = Self {
            driver: Driver::start(&capabilities, profile.path()),
            expected: vec![401],
            expects_breaks: false,
            _profile: profile,
        };
        browser.resize(PAGE.0, PAGE.1);
        Some(browser)
    }

    /// Headless, the size of the window is not that of the page.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.cdp("Emulation.setDeviceMetricsOverride", size);
    }

    /// Says which colours the system prefers: `light` or `dark`.
    pub(crate) fn prefer(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.cdp("Emulation.setEmulatedMedia", json!({"features": [feature]}));
    }

    /// A browser that shows the inbox to a user.
    pub(crate) fn signed_in(server: &Server, user: &str) -> Option<Self> {
        let browser = Self::start()?;
        browser.open(server, "/inbox");
        browser.sign_in(KEY, user);
        browser.wait("!!document.querySelector('.list-row:not(.loading)') || document.querySelector('.list-message')?.hidden === false");
        browser.wait("!!document.querySelector('.live-live')");
        Some(browser)
    }

    pub(crate) fn open(&self, server: &Server, path: &str) {
        let url = format!("{}{path}", server.url);
        self.driver.post("/url", json!({"url": url})).unwrap();
    }

    pub(crate) fn refresh(&self) {
        self.driver.post("/refresh", json!({})).unwrap();
    }

    pub(crate) fn back(&self) {
        self.driver.post("/back", json!({})).unwrap();
    }

    pub(crate) fn forward(&self) {
        self.driver.post("/forward", json!({})).unwrap();
    }

    pub(crate) fn cookies(&self) -> Vec<Value> {
        let cookies = self.driver.get("/cookie").unwrap();
        cookies.as_array().unwrap().clone()
    }

    pub(crate) fn forget_cookies(&self) {
        self.driver.delete("/cookie").unwrap();
    }

    /// Whether a dialog such as that of `alert` is open.
    pub(crate) fn has_dialog(&self) -> bool {
        self.driver.get("/alert/text").is_ok()
    }

    /// A picture of the page, or of an element, as PNG.
    pub(crate) fn picture(&self, part: Option<&str>) -> Vec<u8> {
        let place = part.map(|css| self.driver.find(css).unwrap());
        let path = format!("{}/screenshot", place.unwrap_or_default());
        let base64 = self.driver.get(&path).unwrap();
        decode(base64.as_str().unwrap())
    }

    pub(crate) fn sign_in(&self, key: &str, user: &str) {
        self.wait("!!document.querySelector('#key')");
        self.fill("#key", key);
        self.fill("#actor", user);
        self.click(".sign-in .primary");
    }

    fn cdp(&self, method: &str, parameters: Value) {
        let body = json!({"cmd": method, "params": parameters});
        self.driver.post("/goog/cdp/execute", body).unwrap();
    }

    /// What an expression is in the page.
    #[track_caller]
    pub(crate) fn js(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        let body = json!({"script": script, "args": []});
        let value = self.driver.post("/execute/sync", body);
        value.unwrap_or_else(|refusal| panic!("{expression}: {refusal:?}"))
    }

    /// Waits until an expression is true in the page, and answers how long it took.
    pub(crate) fn wait(&self, expression: &str) -> Duration {
        let begun = Instant::now();
        while self.js(expression) != true {
            if begun.elapsed() > PATIENCE / 2 {
                let page = self.js("document.body.innerText");
                let page = page.as_str().unwrap_or_default().to_owned();
                let logs = self.errors();
                panic!("it does not come: {expression}\n{page}\n{logs:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        begun.elapsed()
    }

    /// The text of the first such element.
    pub(crate) fn text(&self, css: &str) -> String {
        let text = format!("document.querySelector({css:?})?.innerText");
        self.js(&text).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text of an element contains this.
    pub(crate) fn sees(&self, css: &str, text: &str) -> Duration {
        let has = format!("(document.querySelector({css:?})?.innerText ?? '').includes({text:?})");
        self.wait(&has)
    }

    pub(crate) fn count(&self, css: &str) -> u64 {
        let count = format!("document.querySelectorAll({css:?}).length");
        self.js(&count).as_u64().unwrap()
    }

    pub(crate) fn click(&self, css: &str) {
        self.wait(&format!("!!document.querySelector({css:?})"));
        // A row that is drawn anew in this moment is another element.
        let begun = Instant::now();
        while let Err(refusal) = self
            .driver
            .find(css)
            .and_then(|element| self.driver.post(&format!("{element}/click"), json!({})))
        {
            assert!(begun.elapsed() < PATIENCE / 6, "{css}: {refusal:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Puts a text in place of that of a field.
    pub(crate) fn fill(&self, css: &str, text: &str) {
        let element = self.driver.find(css).unwrap();
        for (path, body) in [("clear", json!({})), ("value", json!({"text": text}))] {
            let path = format!("{element}/{path}");
            self.driver.post(&path, body).unwrap();
        }
    }

    /// Presses these keys, one after another, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        self.driver.type_keys(keys.chars().flat_map(Stroke::of));
    }

    pub(crate) fn press_key(&self, key: Key) {
        self.driver.type_keys(Stroke::key(key));
    }

    pub(crate) fn press_with_control(&self, key: Key) {
        self.driver.type_keys(Stroke::with_control(key));
    }

    /// Opens a conversation of the list by a click.
    pub(crate) fn open_row(&self, conversation: &str) {
        let row = format!(".list-row[data-id='{conversation}']");
        self.click(&row);
        self.wait("document.querySelector('.thread').getAttribute('aria-busy') !== 'true'");
    }

    /// From now on answers of this status are no errors.
    pub(crate) fn expect(&mut self, status: u16) {
        self.expected.push(status);
    }

    /// From now on connections that break are no errors.
    pub(crate) fn expect_breaks(&mut self) {
        self.expects_breaks = true;
    }

    /// The tab that is shown.
    pub(crate) fn tab(&self) -> Value {
        self.driver.get("/window").unwrap()
    }

    /// Opens a tab before the one that is shown, and shows it.
    pub(crate) fn new_tab(&self) {
        let opened = self.driver.post("/window/new", json!({"type": "tab"}));
        self.show_tab(&opened.unwrap()["handle"]);
    }

    /// Runs this before the scripts of each page that is opened from now on.
    pub(crate) fn run_first(&self, script: &str) {
        let source = json!({"source": script});
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source);
    }

    /// Shows a tab, which hides the others.
    pub(crate) fn show_tab(&self, tab: &Value) {
        self.driver.post("/window", json!({"handle": tab})).unwrap();
        self.cdp("Page.bringToFront", json!({}));
    }

    /// What it logged since it was asked last.
    fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.driver.post("/se/log", json!({"type": kind})).unwrap();
        log.as_array().unwrap().clone()
    }

    /// The errors of the console.
    fn errors(&self) -> Vec<String> {
        let is_expected = |message: &str| {
            let status = |status: &u16| message.contains(&format!("a status of {status} "));
            let is_break = self.expects_breaks && message.contains("net::ERR_");
            message.contains("Failed to load resource")
                && (is_break || self.expected.iter().any(status))
        };
        let log = self.log("browser").into_iter();
        log.filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG")
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .filter(|message| !is_expected(message))
            .collect()
    }

    /// The addresses of all requests.
    fn requests(&self) -> Vec<String> {
        let log = self.log("performance").into_iter();
        log.filter_map(|entry| {
            let entry: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &entry["message"];
            let is_request = message["method"] == "Network.requestWillBeSent";
            // The browser's own first page, `chrome://` and `chrome-untrusted://`, is there before the inbox.
            let document = message["params"]["documentURL"]
                .as_str()
                .unwrap_or_default();
            let url = message["params"]["request"]["url"].as_str();
            let url = url.filter(|_| is_request && !document.starts_with("chrome"));
            url.map(str::to_owned)
        })
        .collect()
    }

    /// Ends it. Its console has no errors, and it asked no other server for anything.
    pub(crate) fn end(self, server: &Server) {
        let errors = self.errors();
        assert!(errors.is_empty(), "{errors:#?}");
        let requests = self.requests();
        assert!(!requests.is_empty());
        for url in requests {
            let is_own = url.starts_with(&format!("{}/", server.url)) || url.starts_with("data:");
            assert!(is_own, "{url}");
        }
    }
}

/// The bytes of base64.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for digit in text.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}
