//! `backup`: copies the whole store.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use convodb::ErrorKind;
use serde::Serialize;

use super::Tool;
use crate::failure::{Failure, WithSources};
use crate::progress;
use crate::texts::bytes;

/// Write a packed copy of the store to a new file
///
/// The copy contains everything, with events and consumers. After a crash the new
/// file is complete or does not exist. An existing file is not overwritten.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Backup {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,

    /// The copy; it must not exist yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Document {
    file: String,
    bytes: u64,
}

impl Backup {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let store = tool.opening.existing(&self.db)?;
        let busy = progress::busy("copying");
        let copied = store.backup(&self.file);
        busy.finish_and_clear();
        let failed = |reason| Failure::File {
            path: self.file.clone(),
            reason,
        };
        copied.map_err(|error| {
            failed(match error.kind() {
                ErrorKind::AlreadyExists => "exists already".to_owned(),
                ErrorKind::NotFound => "its directory does not exist".to_owned(),
                _ => WithSources(&error).to_string(),
            })
        })?;
        let copy = fs::metadata(&self.file).map_err(|error| failed(error.to_string()))?;
        let document = Document {
            file: self.file.display().to_string(),
            bytes: copy.len(),
        };
        tool.output.print(&document, |_| {
            format!("copied to {}, {}", document.file, bytes(document.bytes))
        })
    }
}
