//! The servers: child processes on loopback, each on a port that it picks itself.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::scene::Scene;

pub(crate) const KEY: &str = "key-of-the-load";
/// Opening checks the whole file, which takes seconds at ten million conversations.
const READY: Duration = Duration::from_secs(120);
/// What every connection to SQLite may have.
const CACHE_MIB: &str = "256";
const LISTENING: &str = "listening on http://";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Convodb,
    Sqlite,
    Postgres,
}

impl Name {
    pub(crate) const ALL: [Self; 3] = [Self::Convodb, Self::Sqlite, Self::Postgres];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Convodb => "convodb",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Server {
    pub(crate) name: Name,
    pub(crate) address: SocketAddr,
}

/// The API server's program: the one that is given, or the one that was built with this one.
pub(crate) fn program(given: Option<&Path>) -> Result<PathBuf> {
    let path = match given {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()?
            .with_file_name(format!("api-server{}", std::env::consts::EXE_SUFFIX)),
    };
    if !path.is_file() {
        bail!(
            "there is no {}: `cargo build --release -p convodb-server` builds it, and `--server PATH` \
             names another",
            path.display()
        );
    }
    Ok(path)
}

/// The server of a name, over a file or a database, listening.
pub(crate) fn start(scene: &Scene, name: Name, program: &Path, db: &OsStr) -> Result<Server> {
    let mut command = match name {
        Name::Convodb => {
            let mut command = Command::new(program);
            command.args(["--cache", CACHE_MIB]);
            command
        }
        Name::Sqlite | Name::Postgres => {
            let mut command = Command::new(std::env::current_exe()?);
            command.arg(name.as_str());
            command
        }
    };
    let log = scene.directory().join(name.as_str()).with_extension("log");
    command
        .args(["--listen", "127.0.0.1:0", "--db"])
        .arg(db)
        .env("CONVODB_API_KEY", KEY)
        // A line for each request would be measured with it.
        .env("RUST_LOG", "warn")
        .stderr(File::create(&log)?);
    let printed = scene.start(&mut command)?;
    let (sender, lines) = mpsc::channel();
    // To the end, so that the child never writes into a pipe without a reader.
    thread::spawn(move || {
        for line in BufReader::new(printed).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    match lines.recv_timeout(READY) {
        Ok(line) => {
            let address = line.strip_prefix(LISTENING).and_then(|at| at.parse().ok());
            let address = address
                .with_context(|| format!("the server over {} said `{line}`", name.as_str()))?;
            Ok(Server { name, address })
        }
        Err(RecvTimeoutError::Timeout) => bail!("the server over {} is not ready", name.as_str()),
        Err(RecvTimeoutError::Disconnected) => {
            let log = fs::read_to_string(&log).unwrap_or_default();
            bail!("the server over {} ended: {}", name.as_str(), log.trim())
        }
    }
}
