//! Workspaces of the tests' PostgreSQL server.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use convodb_postgres::{PgOptions, PgStore, migrate};
use convodb_testkit::postgres;
use tokio::runtime::Runtime;

/// Whether the tests of the API run over PostgreSQL: with `CONVODB_TEST_DB=postgres`.
pub(crate) fn is_postgres() -> bool {
    match std::env::var("CONVODB_TEST_DB").as_deref() {
        Err(_) | Ok("" | "file") => false,
        Ok("postgres") => true,
        Ok(other) => panic!("CONVODB_TEST_DB is `{other}`: neither `file` nor `postgres`"),
    }
}

/// Whether the store is a file. Elsewhere a test that is about one is skipped, in a line that says why.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub(crate) fn is_file(why: &str) -> bool {
    if is_postgres() {
        eprintln!("skipped over PostgreSQL: {why}");
    }
    !is_postgres()
}

/// A workspace that no other test has.
pub(crate) struct Workspace {
    pub(crate) url: String,
    pub(crate) name: String,
}

/// Runs what is async.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(work)
}

impl Workspace {
    /// In the database that the tests share.
    pub(crate) fn new() -> Self {
        static URL: OnceLock<String> = OnceLock::new();
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let url = URL.get_or_init(|| {
            let server = postgres::shared();
            server.psql("postgres", "CREATE DATABASE api");
            let url = server.url("api");
            block_on(migrate(&PgOptions::new(&url).unwrap())).unwrap();
            url
        });
        Self {
            url: url.clone(),
            name: format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed)),
        }
    }

    pub(crate) fn execute<C: convodb::Command>(&self, commands: impl IntoIterator<Item = C>) {
        let options = PgOptions::new(&self.url).unwrap().workspace(&self.name);
        block_on(async {
            let store = PgStore::open(options).await.unwrap();
            for command in commands {
                store.execute(command).await.unwrap();
            }
            store.close();
        });
    }
}
