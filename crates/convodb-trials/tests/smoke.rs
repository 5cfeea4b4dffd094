//! A run as its user makes it, but small: with the API server that is built beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use convodb_testkit::postgres::is_installed;
use serde_json::Value;
use tempfile::TempDir;

const LOAD: &str = env!("CARGO_BIN_EXE_api-load");
const PATIENCE: Duration = Duration::from_secs(120);
/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// The API server's program: `API_SERVER`, or what the same cargo builds into the same directory.
fn server() -> Result<&'static Path> {
    static SERVER: OnceLock<Result<PathBuf>> = OnceLock::new();
    let built = SERVER.get_or_init(|| {
        if let Some(given) = std::env::var_os("API_SERVER") {
            return Ok(given.into());
        }
        let built = Path::new(LOAD)
            .parent()
            .context("a program without a place")?;
        let target = built.parent().context("a build without a place")?;
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "convodb-server",
        ]);
        cargo.arg("--target-dir").arg(target);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        ensure!(cargo.status()?.success(), "the API server cannot be built");
        Ok(built.join(format!("api-server{}", std::env::consts::EXE_SUFFIX)))
    });
    built
        .as_deref()
        .map_err(|error| anyhow::anyhow!("{error:#}"))
}

/// A small run, whose files lie in the directory.
fn load(directory: &TempDir, server: &Path) -> Command {
    let mut command = Command::new(LOAD);
    command
        .args(["--size", "200", "--connections", "4", "--server"])
        .arg(server)
        .arg("--dir")
        .arg(directory.path());
    command
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn is_empty(directory: &TempDir) -> Result<bool> {
    Ok(fs::read_dir(directory.path())?.next().is_none())
}

#[test]
fn a_run_measures_every_case_on_all_servers_and_leaves_nothing_behind() -> Result<()> {
    let (files, results) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let [json, markdown, svg] =
        ["run.json", "run.md", "run.svg"].map(|name| results.path().join(name));
    let mut servers = vec!["convodb", "sqlite"];
    let mut run = load(&files, server()?);
    if is_installed() {
        servers.push("postgres");
        run.arg("--postgres");
    }
    let output = run
        .args(["--seconds", "0.2"])
        .arg("--json")
        .arg(&json)
        .arg("--markdown")
        .arg(&markdown)
        .arg("--svg")
        .arg(&svg)
        .output()?;
    assert!(output.status.success(), "{}", printed(&output));
    assert!(is_empty(&files)?);

    let lines = fs::read_to_string(json)?;
    let lines = lines.lines().map(serde_json::from_str::<Value>);
    let mut found = Vec::new();
    for line in lines {
        let line = line?;
        let number = |field| line[field].as_f64().unwrap_or_default();
        assert!(
            number("requests") > 0.0 && number("requests_per_second") > 0.0,
            "{line}"
        );
        assert!(
            0.0 < number("p50_us") && number("p50_us") <= number("p99_us"),
            "{line}"
        );
        assert_eq!(line["size"], 200);
        let [case, server] = ["case", "server"].map(|field| line[field].to_string());
        found.push(format!("{case} {} {server}", line["connections"]));
    }
    let mut cases: Vec<(&str, u32)> = ["list", "deep", "get", "receive", "mixed"]
        .into_iter()
        .flat_map(|case| [(case, 1), (case, 4)])
        .collect();
    cases.extend([("receive", 16), ("beside", 4)]);
    let of = |(case, connections)| {
        let servers = servers.iter();
        servers.map(move |server| format!("\"{case}\" {connections} \"{server}\""))
    };
    let mut expected: Vec<_> = cases.into_iter().flat_map(of).collect();
    expected.push("\"streams\" 4 \"convodb\"".to_owned());
    assert_eq!(found, expected);

    let table = fs::read_to_string(markdown)?;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), table.trim());
    assert_eq!(
        table.lines().filter(|line| line.starts_with("| `")).count(),
        13
    );
    let chart = fs::read_to_string(svg)?;
    assert!(chart.starts_with("<svg") && chart.contains("receive/4"));
    Ok(())
}

/// What runs with this in its command line.
#[cfg(target_os = "linux")]
fn processes(with: &Path) -> Result<usize> {
    let with = with.to_str().context("a path that is no text")?;
    let mut count = 0;
    for process in fs::read_dir("/proc")? {
        // It may be gone by now, or be no process.
        let line = fs::read(process?.path().join("cmdline")).unwrap_or_default();
        count += usize::from(String::from_utf8_lossy(&line).contains(with));
    }
    Ok(count)
}

#[test]
#[cfg(target_os = "linux")]
fn a_run_that_is_interrupted_stops_its_servers_and_removes_its_files() -> Result<()> {
    for signal in ["-INT", "-TERM"] {
        let files = tempfile::tempdir()?;
        let mut run = load(&files, server()?)
            .args(["--seconds", "600"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let begun = Instant::now();
        // Itself and two servers.
        while processes(files.path())? < 3 && begun.elapsed() < PATIENCE {
            ensure!(run.try_wait()?.is_none(), "it has ended by itself");
            thread::yield_now();
        }
        let killed = Command::new("kill")
            .args([signal, &run.id().to_string()])
            .status()?;
        ensure!(killed.success(), "kill");
        assert_eq!(run.wait()?.code(), Some(INTERRUPTED));
        assert_eq!(processes(files.path())?, 0);
        assert!(is_empty(&files)?);
    }
    Ok(())
}

#[test]
fn without_the_api_server_the_run_says_how_to_build_it() -> Result<()> {
    let files = tempfile::tempdir()?;
    let output = load(&files, Path::new("nowhere")).output()?;
    assert!(!output.status.success());
    let printed = printed(&output);
    assert!(
        printed.contains("cargo build --release -p convodb-server"),
        "{printed}"
    );
    assert!(is_empty(&files)?);
    Ok(())
}

#[test]
fn a_server_that_does_not_start_ends_the_run_with_its_own_words() -> Result<()> {
    let files = tempfile::tempdir()?;
    // It takes no such options, and says so.
    let output = load(&files, Path::new(LOAD)).output()?;
    assert!(!output.status.success());
    let printed = printed(&output);
    assert!(
        printed.contains("over convodb ended") && printed.contains("--cache"),
        "{printed}"
    );
    assert!(is_empty(&files)?);
    Ok(())
}
