//! `compact`: rewrites the file without free space.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Tool;
use crate::failure::Failure;
use crate::progress;
use crate::texts::bytes;

/// Replace the file by a packed copy
///
/// This removes deleted data from the disk. If it is interrupted, the path has the
/// old file or the new one.
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
        tool.output.print(&document, |_| {
            let Document {
                bytes_before: before,
                bytes: after,
            } = document;
            format!("compacted from {} to {}", bytes(before), bytes(after))
        })
    }
}
