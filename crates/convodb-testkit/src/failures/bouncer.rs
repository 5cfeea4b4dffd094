//! A pooler that gives each transaction another connection.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::load::{Load, Plan, block_on, database, report};
use crate::harness::report::Report;
use crate::postgres::{Server, as_server};

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// Whether Debian's package `pgbouncer` is installed. Where not, that is printed, or it fails as with the server.
pub fn is_installed() -> bool {
    let is_installed = Path::new(PROGRAM).exists();
    if !is_installed {
        assert!(
            std::env::var_os("CONVODB_REQUIRE_POSTGRES").is_none(),
            "no pooler is installed: install the package pgbouncer"
        );
        eprintln!("skipped: no pooler is installed (Debian's package pgbouncer)");
    }
    is_installed
}

/// pgbouncer in front of a server, in transaction mode, on a socket in a directory of its own.
#[derive(Debug)]
pub struct Bouncer {
    directory: String,
    process: Child,
}

impl Bouncer {
    pub fn start(server: &Server, connections: u64) -> Self {
        static STARTED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = STARTED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let directory = format!("{}/bouncer{number}", server.dir().display());
        fs::create_dir_all(&directory).unwrap();
        let status = Command::new("chmod").args(["777", &directory]).status();
        assert!(status.unwrap().success());
        let file = format!("{directory}/pgbouncer.ini");
        let server = server.dir().display();
        let settings = format!(
            "[databases]\n* = host={server} user=convodb\n[pgbouncer]\nunix_socket_dir = {directory}\n\
             listen_port = 6432\nauth_type = any\npool_mode = transaction\nmax_client_conn = 200\n\
             default_pool_size = {connections}\nlogfile = {directory}/log\n"
        );
        fs::write(&file, settings).unwrap();
        let mut command = as_server(Path::new(PROGRAM));
        let process = command
            .args(["-q", &file])
            .current_dir("/")
            .stdin(Stdio::null());
        let process = process
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        // The socket is there a moment before it accepts.
        while UnixStream::connect(format!("{directory}/.s.PGSQL.6432")).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "the pooler does not start"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { directory, process }
    }

    pub fn url(&self, database: &str) -> String {
        format!(
            "host={} port=6432 user=convodb dbname={database}",
            self.directory
        )
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        // It passes the signal on to what it runs.
        let _ = Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        let _ = self.process.wait();
    }
}

/// Writers behind a pooler.
pub fn pooled(plan: Plan, server: &Server) -> Report {
    let bouncer = Bouncer::start(server, 6);
    let url = bouncer.url(&database(server));
    let mut report = report();
    block_on(async {
        let options = || plan.options(&url, "main").unnamed_statements();
        let load = Load::start(plan, (0..plan.stores).map(|_| options()).collect()).await;
        tokio::time::sleep(plan.time).await;
        load.end(options(), &mut report).await;
    });
    report
}
