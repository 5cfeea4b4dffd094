//! A test, or a program of trials, that runs a part of itself in a process of its own.
//!
//! The process is this very binary, with the same test as its argument; the test finds its [`role`] and
//! does the child's part. A program does so before it looks at its arguments.

use std::env;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

const ROLE: &str = "CONVODB_TEST_ROLE";

/// What each line begins with that a child says: the test harness prints too.
const SAYS: &str = "child says ";

/// The role of this process, if a test started it.
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// Says a line to the parent, at once.
pub fn say(line: &str) {
    // The harness may have begun a line of its own.
    let said = format!("\n{SAYS}{line}\n");
    let mut out = std::io::stdout().lock();
    out.write_all(said.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Goes on when the parent says so, or has gone.
pub fn wait_for_parent() {
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

/// A process that a test has started; it does not outlive the test.
pub struct Child {
    process: std::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Runs the test of this name, in the module of the caller's `module_path!()`.
    pub fn start(module: &str, test: &str, role: &str) -> Self {
        Self::start_in(Path::new("."), module, test, role)
    }

    /// The same in another directory.
    pub fn start_in(directory: &Path, module: &str, test: &str, role: &str) -> Self {
        let within = module.split_once("::").map_or(module, |(_, within)| within);
        let arguments = [&format!("{within}::{test}"), "--exact", "--nocapture"];
        Self::spawn(directory, &arguments, role)
    }

    /// Runs this very program, which looks for its role before its arguments.
    pub fn start_program(role: &str) -> Self {
        Self::spawn(Path::new("."), &[], role)
    }

    fn spawn(directory: &Path, arguments: &[&str], role: &str) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(arguments)
            .env(ROLE, role)
            .current_dir(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next line that it says; nothing when it has ended.
    pub fn hear(&mut self) -> Option<String> {
        self.lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix(SAYS).map(str::to_owned))
    }

    /// Lets it go on.
    pub fn tell(&mut self) {
        let input = self.process.stdin.as_mut().unwrap();
        input.write_all(b"\n").unwrap();
    }

    /// Kills it, without a chance to clean up.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until it has ended, and well.
    pub fn end(&mut self) {
        assert!(self.process.wait().unwrap().success(), "the child failed");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // One that has ended is not there to be killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
