//! Opening stores: existing ones, and for three commands also new ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use convodb::prelude::*;
use convodb::{CommitSeq, ErrorKind, Options};

use crate::commands::Wait;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress;

fn options() -> Options {
    Options::new()
        // An export takes any time, and nothing writes meanwhile.
        .snapshot_ttl(Duration::MAX)
}

/// Opens an existing store for commands that only read.
pub(crate) fn to_read(path: &Path, wait: Wait) -> Result<Store, Failure> {
    existing(path, options().read_only(true), wait.to_read())
}

/// Opens an existing store.
pub(crate) fn to_write(path: &Path, wait: Wait) -> Result<Store, Failure> {
    existing(path, options(), wait.to_write())
}

fn existing(path: &Path, options: Options, wait: Duration) -> Result<Store, Failure> {
    let options = options.create(false);
    open(path, wait, "the file does not exist", |timeout| {
        options.clone().lock_timeout(timeout).open(path)
    })
}

/// How long an interruption goes unnoticed.
const STEP: Duration = Duration::from_millis(100);

/// Opens a file as soon as no other process has it open, within a time.
pub(crate) fn open<T>(
    path: &Path,
    wait: Duration,
    if_missing: &str,
    open: impl Fn(Duration) -> convodb::Result<T>,
) -> Result<T, Failure> {
    let until = Instant::now().checked_add(wait);
    let busy = progress::busy("opening");
    let opened = loop {
        let left = until.map_or(STEP, |until| {
            until.saturating_duration_since(Instant::now())
        });
        match open(left.min(STEP)) {
            Err(error) if error.kind() == ErrorKind::Locked && !left.is_zero() => {
                interrupt::check()?;
            }
            opened => break opened,
        }
    };
    busy.finish_and_clear();
    opened.map_err(|error| match error.kind() {
        ErrorKind::NotFound => missing(path, if_missing),
        _ => error.into(),
    })
}

/// Opens an existing store, or creates one.
pub(crate) fn or_new(path: &Path, wait: Wait) -> Result<Opened, Failure> {
    let (store, created_at) = match to_write(path, wait) {
        Err(Failure::File { .. }) => {
            let created = open(
                path,
                wait.to_write(),
                "its directory does not exist",
                |timeout| options().lock_timeout(timeout).open(path),
            );
            (created?, Some(path.to_owned()))
        }
        opened => (opened?, None),
    };
    Ok(Opened { store, created_at })
}

fn missing(path: &Path, reason: &str) -> Failure {
    Failure::File {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

/// A store to write to.
pub(crate) struct Opened {
    pub(crate) store: Store,
    /// The path of a new file.
    created_at: Option<PathBuf>,
}

impl Opened {
    /// Closes the store. If the command failed, a file that was created for it is removed.
    pub(crate) fn leave<T>(self, done: Result<T, Failure>) -> Result<T, Failure> {
        self.leave_if(done, |_| true)
    }

    /// The same, also if the command succeeded and nothing was stored.
    pub(crate) fn leave_if<T>(
        self,
        done: Result<T, Failure>,
        is_stored: impl FnOnce(&T) -> bool,
    ) -> Result<T, Failure> {
        let mut is_removed = false;
        if !done.as_ref().is_ok_and(is_stored)
            && let Some(path) = self.created_at
            // Another process may have created it just before, and used it.
            && self.store.commit_seq().is_ok_and(|commits| commits == CommitSeq::ZERO)
        {
            // Before the store is closed, so that no other process can have opened it.
            is_removed = fs::remove_file(path).is_ok();
        }
        let closed = self.store.close();
        let value = done?;
        // A store whose file is gone cannot be closed in order.
        if !is_removed {
            closed?;
        }
        Ok(value)
    }
}
