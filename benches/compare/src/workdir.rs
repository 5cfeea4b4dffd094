//! Where the files lie while something is measured.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

/// A directory that is removed with the value: there, or on the disk of the build, which a
/// directory for temporary files need not be.
pub fn temporary(prefix: &str, parent: Option<&Path>) -> Result<TempDir> {
    let beside = |program: PathBuf| program.ancestors().nth(2).map(Path::to_owned);
    let parent = match parent {
        Some(parent) => parent.to_owned(),
        None => beside(std::env::current_exe()?).context("a program without a place")?,
    };
    std::fs::create_dir_all(&parent)?;
    Ok(tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?)
}
