//! Opening stores: existing ones, and for three commands also new ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use convodb::prelude::*;
use convodb::{Check, CommitSeq, Durability, ErrorKind, Options};

use crate::failure::Failure;
use crate::progress;

pub(crate) struct Opening {
    no_check: bool,
    durability: Durability,
}

impl Opening {
    pub(crate) fn new(no_check: bool) -> Self {
        Self {
            no_check,
            // A command has one transaction: a journal beside the file would gain nothing.
            durability: Durability::Direct,
        }
    }

    /// The same, with the durability of a service.
    pub(crate) fn journaled(&self) -> Self {
        Self {
            no_check: self.no_check,
            durability: Durability::default(),
        }
    }

    fn options(&self, check: Check) -> Options {
        Options::new()
            // An export takes any time, and nothing writes meanwhile.
            .snapshot_ttl(Duration::MAX)
            .durability(self.durability)
            .check(if self.no_check { Check::Never } else { check })
    }

    /// Opens an existing store.
    pub(crate) fn existing(&self, path: &Path) -> Result<Store, Failure> {
        self.checked(path, Check::Auto)
    }

    /// The same, checked whatever its size.
    pub(crate) fn thorough(&self, path: &Path) -> Result<Store, Failure> {
        self.checked(path, Check::Always)
    }

    fn checked(&self, path: &Path, check: Check) -> Result<Store, Failure> {
        let busy = progress::busy("opening");
        let opened = self.options(check).create(false).open(path);
        busy.finish_and_clear();
        opened.map_err(|error| match error.kind() {
            ErrorKind::NotFound => missing(path, "the file does not exist"),
            _ => error.into(),
        })
    }

    /// Opens an existing store, or creates one.
    pub(crate) fn or_new(&self, path: &Path) -> Result<Opened, Failure> {
        match self.existing(path) {
            Ok(store) => Ok(Opened {
                store,
                created_at: None,
            }),
            Err(Failure::File { .. }) => {
                let created = self.options(Check::Auto).open(path);
                let store = created.map_err(|error| match error.kind() {
                    ErrorKind::NotFound => missing(path, "its directory does not exist"),
                    _ => error.into(),
                })?;
                Ok(Opened {
                    store,
                    created_at: Some(path.to_owned()),
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
    /// The path of a new file.
    created_at: Option<PathBuf>,
}

impl Opened {
    /// Closes the store. If the command failed, a file that was created for it is removed.
    pub(crate) fn leave<T>(self, done: Result<T, Failure>) -> Result<T, Failure> {
        if done.is_err()
            && let Some(path) = self.created_at
            // Another process may have created it just before, and used it.
            && self.store.commit_seq().is_ok_and(|commits| commits == CommitSeq::ZERO)
        {
            // Before the store is closed, so that no other process can have opened it.
            let _ = fs::remove_file(path);
        }
        let closed = self.store.close();
        let value = done?;
        closed?;
        Ok(value)
    }
}
