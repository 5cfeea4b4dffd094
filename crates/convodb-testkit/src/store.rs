//! What the tests that several backends share are about: here a store of `convodb`.
//!
//! The suite of `convodb-postgres` has a module with the same names, for a workspace, and includes the same files
//! of tests. So these import from `crate::store` what a backend has of its own, and the attribute `test`: that of the
//! other suite skips them where no server is installed.

pub use std::prelude::v1::test;

pub use convodb::testing::{contact_of, reassign_now};
pub use convodb::{Options, Read, Stats, Store, Transaction};
use tempfile::TempDir;

pub use crate::fixture::options;

/// Long tests do so many times less than in memory.
pub const SLOWER: u32 = 1;

/// Where a store is while it is closed.
#[derive(Debug)]
pub struct Place(TempDir);

impl Place {
    #[expect(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub fn open(&self, options: Options) -> Store {
        let path = self.0.path().join("inbox.redb");
        options.open(path).expect("a store in a file")
    }
}
