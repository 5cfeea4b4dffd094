//! An object a line.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Figure, Load};

#[derive(Serialize)]
struct Line {
    case: &'static str,
    connections: usize,
    server: &'static str,
    size: u32,
    requests: usize,
    requests_per_second: f64,
    p50_us: f64,
    p99_us: f64,
}

pub(crate) fn write(path: &Path, load: &Load) -> Result<()> {
    let tenths = |value: f64| (value * 10.0).round() / 10.0;
    let line = |figure: &Figure| {
        let line = Line {
            case: figure.case.work.name(),
            connections: figure.case.connections,
            server: figure.server.as_str(),
            size: load.size,
            requests: figure.requests,
            requests_per_second: tenths(figure.rate),
            p50_us: tenths(figure.p50_us),
            p99_us: tenths(figure.p99_us),
        };
        Ok(serde_json::to_string(&line)? + "\n")
    };
    let lines = load.figures.iter().map(line).collect::<Result<String>>()?;
    fs::write(path, lines).with_context(|| format!("{} cannot be written", path.display()))
}
