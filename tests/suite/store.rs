//! What tests of the rules are about: here a store of this crate.
//!
//! The suite of `convodb-postgres` has a module with the same names, for a workspace, and includes the same files
//! of tests. So these import from here what a backend has of its own, and the attribute `test`: that of the other
//! suite skips them where no server is installed.

pub(crate) use std::prelude::v1::test;

pub(crate) use convodb::testing::reassign_now;
pub(crate) use convodb::{Options, Read, Stats, Store, Transaction};
use tempfile::TempDir;

/// How many random commands go between two checks of everything.
pub(crate) const BETWEEN_CHECKS: u64 = 8;

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
