//! The commands on a PostgreSQL database, on a server of the tests' own.

mod errors;
mod follow;
mod resume;
mod transfer;

use std::sync::atomic::{AtomicU64, Ordering};

use convodb_testkit::postgres::{Server, is_installed, shared};

use super::Desk;

/// A database of a test's own, with the schema.
pub(crate) struct Base {
    server: &'static Server,
    name: String,
    pub(crate) url: String,
}

impl Base {
    /// None where no server is installed.
    pub(crate) fn new() -> Option<Self> {
        let base = Self::empty()?;
        Desk::new().ok(&["migrate", &base.url]);
        Some(base)
    }

    /// One without the schema.
    fn empty() -> Option<Self> {
        static CREATED: AtomicU64 = AtomicU64::new(0);
        if !is_installed() {
            return None;
        }
        let name = format!("cli_{}", CREATED.fetch_add(1, Ordering::Relaxed));
        let server = shared();
        server.psql("postgres", &format!("CREATE DATABASE {name}"));
        let url = server.url(&name);
        Some(Self { server, name, url })
    }

    /// What the database answers to a statement.
    fn psql(&self, sql: &str) -> String {
        self.server.psql(&self.name, sql)
    }
}
