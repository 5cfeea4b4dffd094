//! `backup`: copies the whole store.

use std::fs;
use std::io::{self, IsTerminal as _, Stdout, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use convodb::{ErrorKind, Store};
use serde::Serialize;

use super::Tool;
use crate::failure::{Failure, WithSources};
use crate::interrupt;
use crate::opening;
use crate::place::Location;
use crate::progress;
use crate::texts::bytes;

/// What there is in place of it for a database.
const INSTEAD: &str = "pg_dump copies a database, and `export` what the API shows of a workspace";

/// Write a packed copy of the store to a new file
///
/// The copy contains everything, with events and consumers. After a crash the new
/// file is complete or does not exist. An existing file is not overwritten. Ctrl-C
/// is ignored once. With - the copy is written to standard output.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Backup {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: Location,

    /// The copy; it must not exist yet; - writes to standard output
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Document {
    file: String,
    bytes: u64,
}

impl Backup {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<(), Failure> {
        let store = opening::to_read(self.db.file("backup", INSTEAD)?, tool.wait)?;
        interrupt::watch()?;
        if self.file == Path::new("-") {
            return stream(&store);
        }
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

/// Writes the copy to standard output.
fn stream(store: &Store) -> Result<(), Failure> {
    let out = io::stdout();
    if out.is_terminal() {
        let message = "the copy is not text: redirect standard output";
        return Err(Failure::Usage(message.to_owned()));
    }
    let mut pipe = Pipe { out, failed: None };
    let copied = store.backup_to(&mut pipe);
    match pipe.failed {
        Some(failure) => Err(failure),
        None => Ok(copied.map(drop)?),
    }
}

/// Standard output, and why it takes no more.
struct Pipe {
    out: Stdout,
    failed: Option<Failure>,
}

impl Pipe {
    fn call<T>(&mut self, call: impl FnOnce(&mut Stdout) -> io::Result<T>) -> io::Result<T> {
        // The copy has no name from here on, and the reader may block for any time.
        let called = interrupt::end_at_once();
        let called = called.and_then(|()| call(&mut self.out).map_err(Failure::Output));
        called.map_err(|failure| {
            self.failed = Some(failure);
            io::ErrorKind::Other.into()
        })
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.call(|out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call(Stdout::flush)
    }
}
