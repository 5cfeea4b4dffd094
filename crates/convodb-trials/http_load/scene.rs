//! What a run would leave behind, child processes and files, and how it is cleared on every way
//! out: the end, an error, a panic, Ctrl-C, SIGTERM.

use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use compare::workdir;
use convodb_testkit::postgres;
use tempfile::TempDir;

/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

#[derive(Debug)]
struct Props {
    children: Vec<Child>,
    postgres: Option<postgres::Server>,
    directory: Option<TempDir>,
}

/// One of a process, as signals are.
static PROPS: Mutex<Props> = Mutex::new(Props {
    children: Vec::new(),
    postgres: None,
    directory: None,
});

fn props() -> MutexGuard<'static, Props> {
    // Clearing up is right in whatever state.
    PROPS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Props {
    fn clear(&mut self) {
        for mut child in self.children.drain(..) {
            // Neither fails but for one that has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.postgres = None;
        self.directory = None;
    }
}

/// Clears up when it is dropped.
#[derive(Debug)]
pub(crate) struct Scene {
    directory: PathBuf,
}

impl Scene {
    pub(crate) fn set(parent: Option<&Path>) -> Result<Self> {
        ctrlc::set_handler(|| {
            // Held until the end, so that nothing is added meanwhile.
            let mut props = props();
            props.clear();
            eprintln!("interrupted");
            std::process::exit(INTERRUPTED);
        })?;
        let directory = workdir::temporary("api-load-", parent)?;
        let path = directory.path().to_owned();
        props().directory = Some(directory);
        Ok(Self { directory: path })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Starts a PostgreSQL server that ends with the scene, and gives the URL of its database.
    pub(crate) fn start_postgres(&self, settings: &[&str]) -> String {
        let server = postgres::Server::start_with(settings);
        let url = server.url("postgres");
        props().postgres = Some(server);
        url
    }

    /// Starts a child that ends with the scene, and gives what it prints.
    pub(crate) fn start(&self, command: &mut Command) -> Result<ChildStdout> {
        let mut props = props();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        let printed = child.stdout.take().context("a child without an output");
        props.children.push(child);
        printed
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        props().clear();
    }
}
