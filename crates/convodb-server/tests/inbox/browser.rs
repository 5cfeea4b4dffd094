//! A Chromium without a window, and what one does with it.

use std::fmt::Display;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{Request, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::error::{WebDriverError, WebDriverResult};
use thirtyfour::prelude::*;
use thirtyfour::session::http::{Body, HttpClient};
use thirtyfour::{Key, LoggingPrefsLogLevel};

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

/// A driver on a port of its own; dropped, it is killed.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    fn start() -> Self {
        let mut child = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let url = format!("http://127.0.0.1:{}", port.expect("the driver starts"));
        Self { child, url }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The requests to the driver, with the server's own client.
struct Client(ureq::Agent);

impl Client {
    fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build();
        Self(config.into())
    }
}

fn failed(error: impl Display) -> WebDriverError {
    WebDriverError::HttpError(error.to_string())
}

#[async_trait]
impl HttpClient for Client {
    async fn send(&self, request: Request<Body<'_>>) -> WebDriverResult<Response<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = match body {
            Body::Empty => Vec::new(),
            Body::Json(json) => serde_json::to_vec(json)?,
        };
        let request = Request::from_parts(parts, body);
        let agent = self.0.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let (parts, mut body) = agent.run(request).map_err(failed)?.into_parts();
            let body = body.with_config().limit(64 << 20).read_to_vec();
            Ok(Response::from_parts(
                parts,
                Bytes::from(body.map_err(failed)?),
            ))
        });
        asked.await.map_err(failed)?
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(Self::new())
    }
}

/// A browser with a profile of its own. It ends with [`Browser::end`], which looks at what it logged.
pub(crate) struct Browser {
    pub(crate) driver: WebDriver,
    /// Answers of these statuses, which a browser logs as errors, are meant.
    expected: Vec<u16>,
    _driver: Driver,
    _profile: TempDir,
}

/// The size of a window that has all three columns.
const WINDOW: (u32, u32) = (1440, 900);

impl Browser {
    pub(crate) async fn start() -> Option<Self> {
        if !is_there() {
            return None;
        }
        let profile = TempDir::new().unwrap();
        let process = Driver::start();
        let mut capabilities = DesiredCapabilities::chrome();
        let (width, height) = WINDOW;
        for argument in [
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
            &format!("--window-size={width},{height}"),
            &format!("--user-data-dir={}", profile.path().display()),
        ] {
            capabilities.add_arg(argument).unwrap();
        }
        for log in ["browser", "performance"] {
            capabilities
                .set_logging_prefs(log, LoggingPrefsLogLevel::All)
                .unwrap();
        }
        // A dialog that a text of a contact opened would stay, and fail what comes next.
        capabilities
            .set("unhandledPromptBehavior", json!("ignore"))
            .unwrap();
        let driver = WebDriver::builder(&process.url, capabilities).client(Client::new());
        let browser = Self {
            driver: driver.await.unwrap(),
            expected: vec![401],
            _driver: process,
            _profile: profile,
        };
        // Headless, the size of the window is not that of the page.
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        browser
            .cdp("Emulation.setDeviceMetricsOverride", size)
            .await;
        Some(browser)
    }

    /// A browser that shows the inbox to a user.
    pub(crate) async fn signed_in(server: &Server, user: &str) -> Option<Self> {
        let browser = Self::start().await?;
        browser.open(server, "/inbox").await;
        browser.sign_in(KEY, user).await;
        browser.wait("!!document.querySelector('.list-row:not(.loading)') || document.querySelector('.list-message')?.hidden === false").await;
        browser.wait("!!document.querySelector('.live-live')").await;
        Some(browser)
    }

    pub(crate) async fn open(&self, server: &Server, path: &str) {
        let url = format!("{}{path}", server.url);
        self.driver.goto(url).await.unwrap();
    }

    pub(crate) async fn sign_in(&self, key: &str, user: &str) {
        self.wait("!!document.querySelector('#key')").await;
        self.fill("#key", key).await;
        self.fill("#actor", user).await;
        self.click(".sign-in .primary").await;
    }

    pub(crate) async fn cdp(&self, method: &str, parameters: Value) -> Value {
        let answer = self.driver.cdp().send_raw(method, parameters).await;
        answer.unwrap()
    }

    /// What an expression is in the page.
    pub(crate) async fn js(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        let value = self.driver.execute(script, Vec::new()).await;
        value
            .unwrap_or_else(|error| panic!("{expression}: {error}"))
            .json()
            .clone()
    }

    /// Waits until an expression is true in the page, and answers how long it took.
    pub(crate) async fn wait(&self, expression: &str) -> Duration {
        let begun = Instant::now();
        while self.js(expression).await != true {
            if begun.elapsed() > PATIENCE / 2 {
                let page = self.js("document.body.innerText").await;
                let page = page.as_str().unwrap_or_default().to_owned();
                let logs = self.errors().await;
                panic!("it does not come: {expression}\n{page}\n{logs:?}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        begun.elapsed()
    }

    /// The text of the first such element.
    pub(crate) async fn text(&self, css: &str) -> String {
        let text = format!("document.querySelector({css:?})?.innerText");
        self.js(&text).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text of an element contains this.
    pub(crate) async fn sees(&self, css: &str, text: &str) -> Duration {
        let has = format!("(document.querySelector({css:?})?.innerText ?? '').includes({text:?})");
        self.wait(&has).await
    }

    pub(crate) async fn count(&self, css: &str) -> u64 {
        let count = format!("document.querySelectorAll({css:?}).length");
        self.js(&count).await.as_u64().unwrap()
    }

    pub(crate) async fn click(&self, css: &str) {
        self.wait(&format!("!!document.querySelector({css:?})"))
            .await;
        // A row that is drawn anew in this moment is another element.
        let begun = Instant::now();
        loop {
            let element = self.driver.find(By::Css(css)).await;
            let clicked = match &element {
                Ok(element) => element.click().await,
                Err(error) => Err(failed(error)),
            };
            match clicked {
                Ok(()) => return,
                Err(_) if begun.elapsed() < PATIENCE / 6 => {}
                Err(error) => panic!("{css}: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.driver.find(By::Css(css)).await.unwrap();
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    /// Presses these keys, one after another, wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let keys = self.driver.action_chain().send_keys(keys);
        keys.perform().await.unwrap();
    }

    pub(crate) async fn press_key(&self, key: Key) {
        let keys = self.driver.action_chain().send_keys(key);
        keys.perform().await.unwrap();
    }

    pub(crate) async fn press_with_control(&self, key: Key) {
        let chain = self.driver.action_chain().key_down(Key::Control);
        let chain = chain.send_keys(key).key_up(Key::Control);
        chain.perform().await.unwrap();
    }

    /// Opens a conversation of the list by a click.
    pub(crate) async fn open_row(&self, conversation: &str) {
        let row = format!(".list-row[data-id='{conversation}']");
        self.click(&row).await;
        self.wait("document.querySelector('.thread').getAttribute('aria-busy') !== 'true'")
            .await;
    }

    /// From now on answers of this status are no errors.
    pub(crate) fn expect(&mut self, status: u16) {
        self.expected.push(status);
    }

    /// The errors of the console.
    async fn errors(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.unwrap();
        let is_expected = |message: &str| {
            let status = |status: &u16| message.contains(&format!("a status of {status} "));
            message.contains("Failed to load resource") && self.expected.iter().any(status)
        };
        log.into_iter()
            .filter(|entry| entry.level != "INFO" && entry.level != "DEBUG")
            .map(|entry| entry.message)
            .filter(|message| !is_expected(message))
            .collect()
    }

    /// The addresses of all requests.
    pub(crate) async fn requests(&self) -> Vec<String> {
        let log = self.driver.get_log("performance").await.unwrap();
        log.iter()
            .filter_map(|entry| {
                let entry: Value = serde_json::from_str(&entry.message).ok()?;
                let message = &entry["message"];
                let is_request = message["method"] == "Network.requestWillBeSent";
                let url = message["params"]["request"]["url"].as_str();
                // The browser's own first page is there before the inbox.
                let url = url.filter(|url| is_request && !url.starts_with("chrome://"));
                url.map(str::to_owned)
            })
            .collect()
    }

    /// Ends it. Its console has no errors, and it asked no other server for anything.
    pub(crate) async fn end(self, server: &Server) {
        let errors = self.errors().await;
        assert!(errors.is_empty(), "{errors:#?}");
        let requests = self.requests().await;
        assert!(!requests.is_empty());
        for url in requests {
            let is_own = url.starts_with(&format!("{}/", server.url)) || url.starts_with("data:");
            assert!(is_own, "{url}");
        }
        self.driver.quit().await.unwrap();
    }
}
