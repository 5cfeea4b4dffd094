//! The part of [WebDriver](https://www.w3.org/TR/webdriver2/) that the tests use, over the client that the server has
//! anyway.
//!
//! The libraries for this bring dozens of packages, and `serde_json`'s `preserve_order` or a second version of what is
//! there. Cargo would build the server under test with these, and no other.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::server::PATIENCE;

/// A key that is no character, as WebDriver writes it.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Tab,
    Enter,
    Control,
    Escape,
    End,
    Home,
}

impl Key {
    const fn character(self) -> char {
        match self {
            Self::Tab => '\u{e004}',
            Self::Enter => '\u{e007}',
            Self::Control => '\u{e009}',
            Self::Escape => '\u{e00c}',
            Self::End => '\u{e010}',
            Self::Home => '\u{e011}',
        }
    }
}

/// A step of the keyboard.
pub(crate) enum Stroke {
    Down(char),
    Up(char),
}

impl Stroke {
    /// A character is pressed and released.
    pub(crate) fn of(character: char) -> [Self; 2] {
        [Self::Down(character), Self::Up(character)]
    }

    pub(crate) fn key(key: Key) -> [Self; 2] {
        Self::of(key.character())
    }

    pub(crate) fn with_control(key: Key) -> Vec<Self> {
        let control = Key::Control.character();
        let mut strokes = vec![Self::Down(control)];
        strokes.extend(Self::key(key));
        strokes.push(Self::Up(control));
        strokes
    }
}

/// What the driver answered instead of a value.
pub(crate) struct Refusal(String);

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an answer names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A driver with one session; dropped, both end.
pub(crate) struct Driver {
    child: Child,
    agent: ureq::Agent,
    session: String,
}

impl Driver {
    /// Starts the driver on a port of its own, and a browser with these capabilities. What they leave behind is in the
    /// directory.
    pub(crate) fn start(capabilities: &Value, directory: &Path) -> Self {
        let mut child = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .env("TMPDIR", directory)
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
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build();
        let mut driver = Self {
            child,
            agent: config.into(),
            session: format!(
                "http://127.0.0.1:{}/session",
                port.expect("the driver starts")
            ),
        };
        let body = json!({"capabilities": {"alwaysMatch": capabilities}});
        let made = driver.post("", body).unwrap();
        driver.session = format!("{}/{}", driver.session, made["sessionId"].as_str().unwrap());
        driver
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Result<Value, Refusal> {
        let url = format!("{}{path}", self.session);
        self.value(self.agent.post(&url).send(body.to_string()))
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, Refusal> {
        let url = format!("{}{path}", self.session);
        self.value(self.agent.get(&url).call())
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Value, Refusal> {
        let url = format!("{}{path}", self.session);
        self.value(self.agent.delete(&url).call())
    }

    #[expect(clippy::unused_self, reason = "it belongs to the requests")]
    fn value(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, Refusal> {
        let answer = answer.map_err(|error| Refusal(error.to_string()))?;
        let is_done = answer.status().is_success();
        let mut body = answer.into_body();
        let text = body.with_config().limit(64 << 20).read_to_string();
        let text = text.map_err(|error| Refusal(error.to_string()))?;
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        let value = answer["value"].take();
        match is_done {
            true => Ok(value),
            false => Err(Refusal(format!("{}: {}", value["error"], value["message"]))),
        }
    }

    /// The path of the first element that fits.
    pub(crate) fn find(&self, css: &str) -> Result<String, Refusal> {
        let body = json!({"using": "css selector", "value": css});
        let found = self.post("/element", body)?;
        Ok(format!("/element/{}", found[ELEMENT].as_str().unwrap()))
    }

    pub(crate) fn type_keys(&self, strokes: impl IntoIterator<Item = Stroke>) {
        let actions: Vec<_> = strokes
            .into_iter()
            .map(|stroke| match stroke {
                Stroke::Down(key) => json!({"type": "keyDown", "value": key}),
                Stroke::Up(key) => json!({"type": "keyUp", "value": key}),
            })
            .collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.post("/actions", json!({"actions": [keyboard]}))
            .unwrap();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // This ends the browser too.
        let _ = self.delete("");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
