//! A PostgreSQL server of the tests' own, on a socket in a directory of its own.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use convodb_testkit_macros::test;

/// The Debian package that has the server.
const PACKAGE: &str = "postgresql-15";

/// Where the programs of the server are.
pub fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

/// Whether the tests that need a server run. Where none is installed they say so in one line and pass, unless
/// `CONVODB_REQUIRE_POSTGRES` is set.
pub fn is_installed() -> bool {
    let is_installed = programs().is_some();
    if !is_installed {
        assert!(
            env::var_os("CONVODB_REQUIRE_POSTGRES").is_none(),
            "no PostgreSQL server is installed: install the package {PACKAGE}"
        );
        static TOLD: OnceLock<()> = OnceLock::new();
        TOLD.get_or_init(|| {
            eprintln!("skipped: no PostgreSQL server is installed (Debian's package {PACKAGE})");
        });
    }
    is_installed
}

/// A server that stops when it is dropped, and when this process ends.
#[derive(Debug)]
pub struct Server {
    dir: PathBuf,
    child: Option<Child>,
    /// The server stops when this closes.
    stdin: Option<ChildStdin>,
}

/// A command as the user of the server: it refuses to run as root.
pub fn as_server(program: &Path) -> Command {
    let is_root = Command::new("id").arg("-u").output();
    let is_root = is_root.is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

fn run(command: &mut Command) {
    let output = command.current_dir("/").output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

impl Server {
    /// Makes a cluster, and starts it: without syncs, which tests do not need.
    pub fn start() -> Self {
        Self::start_with(&[
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
        ])
    }

    /// Makes a cluster with settings, and starts it.
    pub fn start_with(settings: &[&str]) -> Self {
        let mut server = Self::new();
        let bin = programs().expect("a server is installed");
        run(as_server(&bin.join("initdb"))
            .arg("-D")
            .arg(server.dir.join("data"))
            .args([
                "-A",
                "trust",
                "-U",
                "convodb",
                "--no-sync",
                "-E",
                "UTF8",
                "--locale=C",
            ]));
        server.launch(settings);
        server
    }

    /// Starts a standby that has and follows what this server commits.
    pub fn start_standby(&self, settings: &[&str]) -> Self {
        let mut standby = Self::new();
        let bin = programs().expect("a server is installed");
        run(as_server(&bin.join("pg_basebackup"))
            .args([
                "-U",
                "convodb",
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
                "--no-sync",
                "-h",
            ])
            .arg(&self.dir)
            .arg("-D")
            .arg(standby.dir.join("data")));
        standby.launch(settings);
        standby
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        let bin = programs().expect("a server is installed");
        run(as_server(&bin.join("pg_ctl"))
            .args(["promote", "-w", "-D"])
            .arg(self.dir.join("data")));
    }

    /// A directory for a cluster.
    fn new() -> Self {
        static STARTED: AtomicU64 = AtomicU64::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("convodb-postgres-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        run(Command::new("chmod").arg("777").arg(&dir));
        Self {
            dir,
            child: None,
            stdin: None,
        }
    }

    /// Starts the server on the cluster.
    pub fn launch(&mut self, settings: &[&str]) {
        let bin = programs().expect("a server is installed");
        let (data, socket) = (self.dir.join("data"), self.dir.display());
        let mut postgres = format!(
            "{}/postgres -D {} -c listen_addresses= -c unix_socket_directories={socket} -c max_connections=200 \
             -c unix_socket_permissions=0777",
            bin.display(),
            data.display()
        );
        for setting in settings {
            postgres.push_str(&format!(" -c {setting}"));
        }
        // The server ends with the input of the shell, which closes when this process ends, however it does.
        let script = format!(
            "{postgres} >> {socket}/log 2>&1 & pid=$!; echo $pid; cat > /dev/null; kill -INT $pid; wait $pid"
        );
        let mut command = as_server(Path::new("sh"));
        let mut child = command
            .args(["-c", &script])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut pid).unwrap();
        self.stdin = child.stdin.take();
        self.child = Some(child);
        self.await_ready();
    }

    fn await_ready(&self) {
        let bin = programs().expect("a server is installed");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            let ready = Command::new(bin.join("pg_isready"))
                .args(["-q", "-h"])
                .arg(&self.dir)
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the server does not start: see {}/log", self.dir.display());
    }

    /// The directory of its socket and its log.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The process of the server.
    pub fn pid(&self) -> u32 {
        let file = fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap_or_default();
        let first = file.lines().next().and_then(|line| line.parse().ok());
        first.expect("the server runs")
    }

    /// Kills the server with all its processes at once, as when its machine loses power.
    pub fn kill(&mut self) {
        self.signal("-9");
        self.stdin = None;
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
        let _ = fs::remove_file(self.dir.join("data/postmaster.pid"));
    }

    /// Sends a signal to the server and all its processes.
    fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        // It starts no other one meanwhile.
        let _ = Command::new("kill").args(["-STOP", &pid]).status();
        let children = Command::new("pgrep").args(["-P", &pid]).output().unwrap();
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        let all = children.lines().map(str::to_owned).chain([pid]);
        let _ = Command::new("kill").arg(signal).args(all).status();
    }

    /// Suspends the server, as when its machine is cut off, until [`resume`](Self::resume).
    pub fn suspend(&self) {
        self.signal("-STOP");
    }

    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// Stops the server in order.
    pub fn stop(&mut self) {
        self.stdin = None;
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    /// A string that leads to one of its databases, as its owner.
    pub fn url(&self, database: &str) -> String {
        self.url_as("convodb", database)
    }

    /// The same as another role.
    pub fn url_as(&self, role: &str, database: &str) -> String {
        format!("host={} user={role} dbname={database}", self.dir.display())
    }

    /// Runs statements as its owner, and returns what they print.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let output = Command::new("psql")
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "convodb",
                "-d",
                database,
            ])
            .arg("-h")
            .arg(&self.dir)
            .args(["-c", sql])
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {error}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = as_server(Path::new("rm"))
            .arg("-rf")
            .arg(self.dir.join("data"))
            .status();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The server that the tests of this process share.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| {
        let server = Server::start();
        // A value of this kind is never dropped: what it leaves goes when this process ends.
        let dir = server.dir.display();
        let script = format!("cat > /dev/null; sleep 5; rm -rf {dir}");
        let remover = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        std::mem::forget(remover);
        server
    })
}
