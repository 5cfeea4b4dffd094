//! An object a line.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::measure::Record;

pub(crate) fn write(path: &Path, records: &[Record]) -> Result<()> {
    let line = |record: &Record| {
        let figure = &record.figure;
        // By hand, so that the fields keep their order.
        let [case, engine, unit] =
            [&record.case, record.engine, record.unit].map(|text| json!(text));
        let mut fields = vec![
            ("median", figure.median),
            ("min", figure.min),
            ("p99", figure.p99),
            ("p999", figure.p999),
            ("mean", figure.mean),
        ];
        if let Some(tail) = figure.tail {
            fields.extend([("max", tail.max), ("p50", tail.p50)]);
            fields.push(("slowest", tail.slowest));
            let written = tail.written.map(|written| ("written", written.all));
            let logged = tail.written.and_then(|written| written.logged);
            fields.extend(written);
            fields.extend(logged.map(|logged| ("logged", logged)));
        }
        let fields = fields.into_iter();
        let fields = fields.map(|(name, value)| format!(",\"{name}\":{}", rounded(value)));
        format!(
            "{{\"case\":{case},\"engine\":{engine},\"size\":{},\"unit\":{unit}{}}}\n",
            record.size,
            fields.collect::<String>(),
        )
    };
    let lines: String = records.iter().map(line).collect();
    fs::write(path, lines).with_context(|| format!("{} cannot be written", path.display()))
}

fn rounded(value: f64) -> Value {
    json!((value * 1_000.0).round() / 1_000.0)
}

/// A median of an earlier run.
pub(crate) struct Earlier {
    pub(crate) case: String,
    pub(crate) engine: String,
    pub(crate) size: u64,
    pub(crate) median: f64,
}

pub(crate) fn read(path: &Path) -> Result<Vec<Earlier>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let parse = |line: &str| {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |field: &str| value.get(field)?.as_str().map(str::to_owned);
        Some(Earlier {
            case: text("case")?,
            engine: text("engine")?,
            size: value.get("size")?.as_u64()?,
            median: value.get("median")?.as_f64()?,
        })
    };
    let parsed = text
        .lines()
        .map(|line| parse(line).context("a line that is no record"));
    parsed.collect()
}
