//! How commands come to their store: most to one that is there, two to a new one as well.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use convodb::{Check, Durability, ErrorKind, Options, Store};

use crate::failure::Failure;
use crate::progress;

pub(crate) struct Opening {
    no_check: bool,
}

impl Opening {
    pub(crate) fn new(no_check: bool) -> Self {
        Self { no_check }
    }

    fn options(&self, check: Check) -> Options {
        Options::new()
            // An export takes as long as it takes, and nobody writes meanwhile.
            .snapshot_age(Duration::MAX)
            // One transaction, and then an end: a journal beside the file would gain nothing.
            .durability(Durability::Direct)
            .check(if self.no_check { Check::Never } else { check })
    }

    /// A store that is there.
    pub(crate) fn existing(&self, path: &Path) -> Result<Store, Failure> {
        self.checked(path, Check::Auto)
    }

    /// The same, checked however large it is.
    pub(crate) fn thorough(&self, path: &Path) -> Result<Store, Failure> {
        self.checked(path, Check::Always)
    }

    fn checked(&self, path: &Path, check: Check) -> Result<Store, Failure> {
        let busy = progress::busy("opening");
        let opened = self.options(check).create(false).open(path);
        busy.finish_and_clear();
        opened.map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(path, "there is no such file"),
            _ => error.into(),
        })
    }

    /// A store that is there, or a new one.
    pub(crate) fn or_new(&self, path: &Path) -> Result<Opened, Failure> {
        match self.existing(path) {
            Ok(store) => Ok(Opened {
                store,
                made_at: None,
            }),
            Err(Failure::File { .. }) => {
                let made = self.options(Check::Auto).open(path);
                let store = made.map_err(|error| match error.kind() {
                    ErrorKind::NotFound => missing(path, "its directory is not there"),
                    _ => error.into(),
                })?;
                Ok(Opened {
                    store,
                    made_at: Some(path.to_owned()),
                })
            }
            Err(failure) => Err(failure),
        }
    }
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
    /// Set where the file is new.
    made_at: Option<PathBuf>,
}

impl Opened {
    /// Closes the store; a file that was made for what then failed goes again.
    pub(crate) fn leave<T>(self, done: Result<T, Failure>) -> Result<T, Failure> {
        if done.is_err()
            && let Some(path) = self.made_at
            // Another process may have made it just before us, and used it.
            && self.store.sequence().is_ok_and(|commits| commits == 0)
        {
            // Before the file is let go of, so that nobody can have opened it.
            let _ = fs::remove_file(path);
        }
        let closed = self.store.close();
        let value = done?;
        closed?;
        Ok(value)
    }
}
