//! The command line tool as its users run it: a process with arguments, two outputs and an exit
//! code.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

mod convert;
mod demo;
mod error_cases;
mod lines;
mod output;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(unix)]
mod server;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod terminal;
mod transfer;
mod upkeep;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use assert_cmd::assert::OutputAssertExt as _;
use convodb::Store;
use serde_json::Value;
use tempfile::TempDir;

fn convodb() -> Command {
    Command::new(env!("CARGO_BIN_EXE_convodb"))
}

/// A directory with stores, in which the commands run.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One with a generated store.
    fn with(size: u32, name: &str) -> Self {
        let desk = Self::new();
        desk.ok(&["generate", "--size", &size.to_string(), name]);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    fn open(&self, name: &str) -> Store {
        Store::open(self.path(name)).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = convodb();
        command.args(arguments).current_dir(self.0.path());
        command
    }

    /// The output of a command that succeeds. It prints nothing on standard error, as bars are for
    /// terminals.
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let assert = self.command(arguments).assert().success();
        let output = assert.get_output();
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
        text(&output.stdout)
    }

    /// The same with `--json`: one document.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&printed).unwrap()
    }

    /// The one line that a command prints when it fails.
    #[track_caller]
    fn failure(&self, code: i32, arguments: &[&str]) -> String {
        line(code, self.command(arguments).output().unwrap())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// One line on standard error, nothing on standard output, and the code.
#[track_caller]
fn line(code: i32, output: Output) -> String {
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert_eq!(text(&output.stdout), "");
    let (line, rest) = message.split_once('\n').unwrap();
    assert_eq!(rest, "");
    assert!(!line.contains("panicked"), "{line}");
    line.to_owned()
}

/// Waits for another process.
#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    const TIMEOUT: Duration = Duration::from_secs(60);
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < TIMEOUT, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn write(path: &Path, lines: &[&str]) {
    fs::write(path, lines.join("\n")).unwrap();
}
