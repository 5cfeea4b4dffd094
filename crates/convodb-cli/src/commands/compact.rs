//! `compact`: the file without what it holds no longer.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Tool;
use crate::failure::Failure;
use crate::progress;
use crate::words::bytes;

/// Put a packed copy in the place of the file
///
/// What was deleted is gone from the disk then. Cut short, it leaves the old file
/// or the new one.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Compact {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: PathBuf,
}

#[derive(Serialize)]
struct Document {
    bytes_before: u64,
    bytes: u64,
}

impl Compact {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let store = tool.opening.existing(&self.db)?;
        let bytes_before = store.stats()?.file_bytes;
        let busy = progress::busy("compacting");
        let compacted = store.compact();
        busy.finish_and_clear();
        compacted?;
        let document = Document {
            bytes_before,
            bytes: store.stats()?.file_bytes,
        };
        store.close()?;
        tool.output.answer(&document, |_| {
            let Document {
                bytes_before: before,
                bytes: after,
            } = document;
            format!("compacted from {} to {}", bytes(before), bytes(after))
        })
    }
}
