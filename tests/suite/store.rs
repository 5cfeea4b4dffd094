//! What tests of the rules are about: here a store of this crate.
//!
//! The suite of `convodb-postgres` has a module with the same names, for a workspace, and includes the same files
//! of tests. So these import from here what a backend has of its own, and the attribute `test`: that of the other
//! suite skips them where no server is installed.

pub(crate) use std::prelude::v1::test;

pub(crate) use convodb::testing::{contact_of, reassign_now};
pub(crate) use convodb::{Options, Read, Stats, Store, Transaction};
pub(crate) use convodb_testkit::fixture::options;
use tempfile::TempDir;

/// Long tests do so many times less than in memory.
pub(crate) const SLOWER: u32 = 1;

/// Where a store is while it is closed.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn open(&self, options: Options) -> Store {
        let path = self.0.path().join("inbox.redb");
        options.open(path).expect("a store in a file")
    }
}
