//! A started server, and what one asks it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::workspace::{Workspace, is_postgres};

pub(crate) const KEY: &str = "a-key-of-the-tests";

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A store, which outlives the servers that are started on it: a file in a directory, or a workspace of the tests'
/// PostgreSQL server.
pub(crate) struct Home {
    dir: TempDir,
    workspace: Option<Workspace>,
}

impl Home {
    /// Where `CONVODB_TEST_DB` says.
    pub(crate) fn new() -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            workspace: is_postgres().then(Workspace::new),
        }
    }

    /// A workspace of PostgreSQL, whatever `CONVODB_TEST_DB` says.
    pub(crate) fn on(workspace: Workspace) -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            workspace: Some(workspace),
        }
    }

    /// Whether its store is a file.
    pub(crate) const fn is_file(&self) -> bool {
        self.workspace.is_none()
    }

    /// The directory of the store, or an empty one.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The store's file.
    pub(crate) fn db(&self) -> PathBuf {
        self.dir.path().join("inbox.redb")
    }

    /// The server on this store, with these arguments beside; not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_api-server"));
        match &self.workspace {
            Some(workspace) => {
                command.args(["--db", &workspace.url, "--workspace", &workspace.name])
            }
            None => command.arg("--db").arg(self.db()),
        };
        command.args(arguments);
        clean(&mut command);
        command
    }

    pub(crate) fn start(&self) -> Server {
        self.start_with(&[])
    }

    pub(crate) fn start_with(&self, arguments: &[&str]) -> Server {
        let mut all = vec!["--listen", "127.0.0.1:0", "--api-key", KEY];
        all.extend(arguments);
        Server::start(self.command(&all))
    }

    /// Gives the store commands while no server runs on it.
    pub(crate) fn execute<C: convodb::Command>(&self, commands: impl IntoIterator<Item = C>) {
        if let Some(workspace) = &self.workspace {
            return workspace.execute(commands);
        }
        let store = convodb::Store::open(self.db()).unwrap();
        for command in commands {
            store.submit(command).wait().unwrap();
        }
        store.close().unwrap();
    }
}

/// Without what the machine would add: keys, log levels, proxies.
fn clean(command: &mut Command) {
    for name in [
        "CONVODB_API_KEY",
        "CONVODB_CONFIG",
        "CONVODB_DB",
        "CONVODB_WEBHOOK_SECRET",
        "CONVODB_META_APP_SECRET",
        "CONVODB_META_VERIFY_TOKEN",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
}

/// A started server; dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    output: Option<BufReader<std::process::ChildStdout>>,
    log: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(command: Command) -> Self {
        let mut server = Self::start_unread(command);
        server.read_log();
        server
    }

    /// A server whose log is not read.
    pub(crate) fn start_unread(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let mut server = Self {
            url: String::new(),
            child,
            output: Some(output),
            log: Arc::default(),
            reading: None,
        };
        match line.trim_end().strip_prefix("listening on ") {
            Some(url) => url.clone_into(&mut server.url),
            None => {
                server.read_log();
                server.reading.take().unwrap().join().unwrap();
                panic!("{line:?}, {}", server.log());
            }
        }
        server
    }

    fn read_log(&mut self) {
        let errors = BufReader::new(self.child.stderr.take().unwrap());
        let log = Arc::clone(&self.log);
        self.reading = Some(std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        }));
    }

    pub(crate) fn address(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log contains this.
    pub(crate) fn await_log(&self, text: &str) {
        until(|| self.log().contains(text).then_some(()));
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success());
    }

    /// Sends it a signal, and waits for its end: how it ended, how long it took, what it said on
    /// standard output behind the first line, and its log.
    pub(crate) fn end(mut self, signal: &str) -> End {
        let started = Instant::now();
        self.signal(signal);
        let status = self.child.wait().unwrap();
        let took = started.elapsed();
        let mut output = String::new();
        let mut rest = self.output.take().unwrap();
        rest.read_to_string(&mut output).unwrap();
        if let Some(reading) = self.reading.take() {
            reading.join().unwrap();
        }
        End {
            status,
            took,
            output,
            log: self.log(),
        }
    }

    /// Stops it as an operator does.
    #[track_caller]
    pub(crate) fn stop(self) {
        let end = self.end("TERM");
        assert!(end.status.success(), "{:?}: {}", end.status, end.log);
    }

    /// Asks with curl and the key.
    pub(crate) fn curl(&self, path: &str, arguments: &[&str]) -> Answer {
        let authorization = format!("Authorization: Bearer {KEY}");
        let mut all = vec!["--header", &authorization];
        all.extend(arguments);
        self.curl_as_it_is(path, &all)
    }

    pub(crate) fn curl_as_it_is(&self, path: &str, arguments: &[&str]) -> Answer {
        let mut curl = Command::new("curl");
        curl.args(CURL)
            .args(arguments)
            .arg(format!("{}{path}", self.url));
        Answer::of(curl)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.curl(path, &[])
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.curl(path, &["--header", JSON, "--data-binary", body])
    }

    pub(crate) fn put(&self, path: &str, body: &str) -> Answer {
        let put = ["--request", "PUT", "--header", JSON, "--data-binary", body];
        self.curl(path, &put)
    }

    pub(crate) fn patch(&self, path: &str, body: &str) -> Answer {
        let patch = [
            "--request",
            "PATCH",
            "--header",
            JSON,
            "--data-binary",
            body,
        ];
        self.curl(path, &patch)
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.curl(path, &["--request", "DELETE"])
    }

    /// Asks for so many pages of the list, with one curl: how many of the answers were of 200.
    pub(crate) fn ask_often(&self, times: usize) -> usize {
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--noproxy",
            "*",
            "--max-time",
            "60",
            "--fail-early",
        ]);
        curl.args(["--write-out", "%{http_code}\n", "--header"]);
        curl.arg(format!("Authorization: Bearer {KEY}"));
        curl.arg(format!("{}/v1/conversations?page=[1-{times}]", self.url));
        let output = curl.output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .matches("}200\n")
            .count()
    }

    /// Receives a text from a contact on whatsapp, and answers the conversation's id.
    pub(crate) fn conversation(&self, contact: &str) -> String {
        let answer = self.post("/v1/messages/receive", &text_from(contact, "Hello"));
        answer.expect(201)["conversation_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a server ended.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) took: Duration,
    pub(crate) output: String,
    pub(crate) log: String,
}

pub(crate) const JSON: &str = "Content-Type: application/json";

/// What every curl is given. Not of it is what a request would say.
pub(crate) const CURL: [&str; 7] = [
    "--silent",
    "--show-error",
    "--include",
    "--noproxy",
    "*",
    "--max-time",
    "60",
];

pub(crate) fn text_from(contact: &str, text: &str) -> String {
    format!(r#"{{"contact_id":"{contact}","channel":"whatsapp","type":"text","content":"{text}"}}"#)
}

/// What curl was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn of(mut curl: Command) -> Self {
        let output = curl.output().expect("curl is there");
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{curl:?}: {text}{errors}");
        Self::parse(&text)
    }

    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        if status == 100 {
            return Self::parse(body);
        }
        Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body of an answer of this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_str(&self.body).unwrap()
    }

    /// An error has the one shape of all, and its message names what is at fault.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str, names: &str) {
        let body = self.expect(status);
        let error = body["error"].as_object().unwrap();
        let keys: Vec<_> = error.keys().collect();
        assert_eq!(keys, ["code", "message"]);
        assert_eq!(body.as_object().unwrap().len(), 1);
        assert_eq!(error["code"], code, "{self:?}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(names),
            "{message:?} does not name {names:?}"
        );
    }
}

/// Asks again and again until there is something.
#[track_caller]
pub(crate) fn until<T>(mut something: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = something() {
            return found;
        }
        assert!(Instant::now() < deadline, "it does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}
