//! `compact`: rewrites the file without free space.

use clap::Args;
use serde::{Deserialize, Serialize};

use std::path::Path;

use super::{Tool, Wait};
use crate::failure::Failure;
use crate::interrupt;
use crate::opening;
use crate::place::{Location, Place};
use crate::progress;
use crate::texts::bytes;

/// What there is in place of it for a database.
const INSTEAD: &str = "autovacuum keeps the tables of PostgreSQL small";

/// Replace the file by a packed copy
///
/// This removes deleted data from the disk. The new file has the permissions and the
/// owner of the old one. After a crash the path has the one or the other. Ctrl-C is
/// ignored once; the second ends it, and the next command that writes to the store
/// removes what is left.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Compact {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: Option<Location>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    bytes_before: u64,
    bytes: u64,
}

impl Compact {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let document = match tool.file(self.db.as_ref(), "compact", INSTEAD)? {
            Place::Server(server) => {
                let busy = progress::busy("compacting");
                let compacted = server.post("/v1/admin/compact", tool.wait);
                busy.finish_and_clear();
                compacted?
            }
            Place::File(path) => of_file(path, tool.wait)?,
            #[cfg(feature = "postgres")]
            Place::Postgres(_) => {
                return Err(Failure::FileOnly {
                    command: "compact",
                    instead: INSTEAD,
                });
            }
        };
        tool.output.print(&document, |_| {
            let Document {
                bytes_before: before,
                bytes: after,
            } = document;
            format!("compacted from {} to {}", bytes(before), bytes(after))
        })
    }
}

fn of_file(path: &Path, wait: Wait) -> Result<Document, Failure> {
    let store = opening::to_write(path, wait)?;
    interrupt::watch()?;
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
    Ok(document)
}
