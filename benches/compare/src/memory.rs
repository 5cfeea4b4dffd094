//! Peak memory: a child process opens an engine's file, asks everything that is timed, and reports
//! the most that it ever held.
//!
//! Pages of a mapped file count where they are resident: LMDB and SQLite map theirs.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::data::Dataset;
use crate::engine::Kind;
use crate::plan::{Plan, Target};

const PASSES: usize = 3;

/// The most bytes that this process had resident; nothing where the system does not tell.
fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// What the child does.
pub(crate) fn child(kind: Kind, data: &Dataset, directory: &Path) -> Result<()> {
    let plan: Value = serde_json::from_slice(&fs::read(directory.join("plan.json"))?)?;
    let plan = Plan::from_json(&plan)?;
    let mut engine = kind.engine(data, directory);
    engine.open()?;
    engine.prepare(&plan)?;
    for _ in 0..PASSES {
        for probe in &plan.probes {
            for place in &probe.places {
                engine.page(probe.shape, place)?;
            }
        }
        engine.counts()?;
        for number in plan.threads.iter().flatten() {
            engine.thread(&Target::new(data.conversation(*number).id))?;
        }
    }
    println!("{}", peak_bytes().unwrap_or_default());
    Ok(())
}

/// The peak memory of an engine whose file is closed.
pub(crate) fn measure(
    kind: Kind,
    data: &Dataset,
    plan: &Plan,
    directory: &Path,
) -> Result<Option<u64>> {
    fs::write(directory.join("plan.json"), plan.to_json().to_string())?;
    let output = Command::new(std::env::current_exe()?)
        .args(["memory", "--engine", kind.name(), "--directory"])
        .arg(directory)
        .args([
            "--size",
            &data.size.to_string(),
            "--days",
            &data.days.to_string(),
        ])
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the child of {}: {errors}",
        kind.name()
    );
    let bytes: u64 = String::from_utf8(output.stdout)?
        .trim()
        .parse()
        .context("bytes")?;
    Ok((bytes > 0).then_some(bytes))
}
