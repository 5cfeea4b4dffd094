//! Stores in PostgreSQL, as the commands use them: each call waits for its answer.

use std::env;
use std::future::Future;
use std::time::{Duration, Instant};

use convodb::{Error, ErrorKind};
use convodb_postgres::{PgOptions, PgStore};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::commands::Wait;
use crate::failure::Failure;
use crate::{interrupt, progress};

/// Where the password may be, so that it is in no list of processes.
const PASSWORD: &str = "PGPASSWORD";

/// How long an interruption goes unnoticed while a database is opened.
const STEP: Duration = Duration::from_millis(100);

/// A workspace of a database.
pub(crate) struct Database {
    options: PgOptions,
}

impl Database {
    pub(crate) fn new(url: &str, workspace: &str) -> Result<Self, Failure> {
        let options = PgOptions::new(url).map_err(|error| {
            let reason = error.reason().unwrap_or("must be a URL of PostgreSQL");
            Failure::Usage(format!("DB: {reason}"))
        })?;
        // Between its commands, a tool does nothing.
        let options = options
            .workspace(workspace)
            .connections(2)
            .background(false);
        Ok(Self {
            options: match env::var(PASSWORD) {
                Ok(password) => options.password(&password),
                Err(_) => options,
            },
        })
    }

    /// Opens a workspace that is there, on a standby too.
    pub(crate) fn to_read(&self, wait: Wait) -> Result<Remote, Failure> {
        self.open(
            self.options.clone().create(false).read_only(true),
            wait.to_read(),
        )
    }

    /// Opens a workspace that is there.
    pub(crate) fn to_write(&self, wait: Wait) -> Result<Remote, Failure> {
        self.open(self.options.clone().create(false), wait.to_read())
    }

    /// Opens a workspace, or creates it.
    pub(crate) fn or_new(&self, wait: Wait) -> Result<Remote, Failure> {
        self.open(self.options.clone(), wait.to_read())
    }

    fn open(&self, options: PgOptions, wait: Duration) -> Result<Remote, Failure> {
        let (runtime, store) = connected(wait, || PgStore::open(options.clone()))?;
        Ok(Remote { store, runtime })
    }

    /// Creates or updates the schema. Returns how many steps that took.
    pub(crate) fn migrate(&self, wait: Wait) -> Result<u32, Failure> {
        let (_, steps) = connected(wait.to_read(), || convodb_postgres::migrate(&self.options))?;
        Ok(steps)
    }
}

/// Runs what connects first, again and again within a time if the server cannot be reached.
fn connected<T, F: Future<Output = convodb::Result<T>>>(
    wait: Duration,
    connect: impl Fn() -> F,
) -> Result<(Runtime, T), Failure> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::Usage(format!("no threads can be started: {error}")))?;
    let until = Instant::now().checked_add(wait);
    let busy = progress::busy("connecting");
    let opened = loop {
        let opened = runtime.block_on(async {
            let interrupted = async {
                while !interrupt::is_requested() {
                    tokio::time::sleep(STEP).await;
                }
            };
            tokio::select! {
                opened = connect() => Some(opened),
                () = interrupted => None,
            }
        });
        let is_over = until.is_some_and(|until| Instant::now() >= until);
        match opened {
            None => break Err(Failure::Interrupted),
            Some(Err(error)) if error.kind() == ErrorKind::Unavailable && !is_over => {
                std::thread::sleep(STEP);
            }
            Some(Err(error)) if error.kind() == ErrorKind::NotFound => {
                let advice = "--workspace names another, and `import` creates it";
                break Err(Failure::Database { error, advice });
            }
            Some(opened) => break opened.map_err(failed),
        }
    };
    busy.finish_and_clear();
    Ok((runtime, opened?))
}

/// The failure of an error of a database.
pub(crate) fn failed(error: Error) -> Failure {
    match advice(error.kind()) {
        // Its message has that of its sources.
        Some(advice) => Failure::Database { error, advice },
        None => Failure::Store(error),
    }
}

/// What to do about an error whose message does not say it.
fn advice(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Unavailable => {
            "check that the server runs, and the host, the port and the password, which PGPASSWORD may have"
        }
        ErrorKind::NotPermitted => {
            "check the user and the password, which PGPASSWORD may have; `convodb migrate URL --app ROLE \
             --reader ROLE` prints the rights that roles need"
        }
        ErrorKind::NotADatabase => {
            "create it with `createdb`, then its schema with `convodb migrate URL`"
        }
        ErrorKind::UnsupportedVersion => "`convodb migrate URL` creates and updates the schema",
        ErrorKind::SnapshotExpired => {
            "the output was not read for a minute, or the server stopped: write to a file"
        }
        ErrorKind::ReadOnly | ErrorKind::CommitUnknown | ErrorKind::StorageFull => "",
        _ => return None,
    })
}

/// An open workspace.
pub(crate) struct Remote {
    pub(crate) store: PgStore,
    runtime: Runtime,
}

impl Remote {
    /// Waits for an answer of the database.
    pub(crate) fn answer<T>(
        &self,
        asked: impl Future<Output = convodb::Result<T>>,
    ) -> Result<T, Failure> {
        self.runtime.block_on(asked).map_err(failed)
    }

    /// The same, with the error of the command.
    pub(crate) fn outcome<T>(&self, asked: impl Future<Output = T>) -> T {
        self.runtime.block_on(asked)
    }

    /// The runtime, for what waits by itself.
    pub(crate) fn handle(&self) -> Handle {
        self.runtime.handle().clone()
    }
}
