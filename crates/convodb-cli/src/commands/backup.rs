//! `backup`: copies the whole store.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Stdout, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use convodb::{ErrorKind, MAGIC, Store};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::{Tool, Wait};
use crate::failure::{Failure, WithSources};
use crate::interrupt;
use crate::opening;
use crate::place::{Location, Place};
use crate::progress;
use crate::server::{Server, cut};
use crate::texts::bytes;

/// What there is in place of it for a database.
const INSTEAD: &str = "pg_dump copies a database, and `export` what the API shows of a workspace";

/// Write a packed copy of the store to a new file
///
/// The copy contains everything, with events and consumers. After a crash the new
/// file is complete or does not exist. An existing file is not overwritten. Ctrl-C
/// is ignored once. With - the copy is written to standard output.
#[derive(Args)]
#[command(verbatim_doc_comment, allow_missing_positional = true)]
pub(crate) struct Backup {
    /// The store
    #[arg(value_name = "DB")]
    pub(crate) db: Option<Location>,

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
        let place = tool.file(self.db.as_ref(), "backup", INSTEAD)?;
        let is_stream = self.file == Path::new("-");
        if is_stream && io::stdout().is_terminal() {
            let message = "the copy is not text: redirect standard output";
            return Err(Failure::Usage(message.to_owned()));
        }
        let bytes_copied = match (place, is_stream) {
            (Place::File(path), true) => return stream(&opening::to_read(path, tool.wait)?),
            (Place::File(path), false) => self.copy(path, tool.wait)?,
            #[cfg(feature = "postgres")]
            (Place::Postgres(_), _) => {
                let command = "backup";
                let instead = INSTEAD;
                return Err(Failure::FileOnly { command, instead });
            }
            (Place::Server(server), true) => {
                let copied = receive(&server, tool.wait, &mut io::stdout().lock());
                return copied?.map(drop).map_err(Failure::Output);
            }
            (Place::Server(server), false) => self.fetch(&server, tool.wait)?,
        };
        let document = Document {
            file: self.file.display().to_string(),
            bytes: bytes_copied,
        };
        tool.output.print(&document, |_| {
            format!("copied to {}, {}", document.file, bytes(document.bytes))
        })
    }

    fn failed(&self, reason: impl Display) -> Failure {
        Failure::File {
            path: self.file.clone(),
            reason: reason.to_string(),
        }
    }

    /// Copies a file. Returns the length of the copy.
    fn copy(&self, path: &Path, wait: Wait) -> Result<u64, Failure> {
        let store = opening::to_read(path, wait)?;
        interrupt::watch()?;
        let busy = progress::busy("copying");
        let copied = store.backup(&self.file);
        busy.finish_and_clear();
        copied.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => self.failed(EXISTS),
            ErrorKind::NotFound => self.failed(NO_DIRECTORY),
            _ => self.failed(WithSources(&error)),
        })?;
        let copy = fs::metadata(&self.file).map_err(|error| self.failed(error))?;
        Ok(copy.len())
    }

    /// Receives the copy of a server under another name, which it gives up when it is whole.
    fn fetch(&self, server: &Server, wait: Wait) -> Result<u64, Failure> {
        if self.file.exists() {
            return Err(self.failed(EXISTS));
        }
        let directory = self
            .file
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        interrupt::watch()?;
        let mut copy = NamedTempFile::new_in(directory).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.failed(NO_DIRECTORY),
            _ => self.failed(error),
        })?;
        let received = receive(server, wait, copy.as_file_mut())?;
        let received = received.map_err(|error| self.failed(error))?;
        copy.as_file()
            .sync_all()
            .map_err(|error| self.failed(error))?;
        copy.persist_noclobber(&self.file)
            .map_err(|failed| match failed.error.kind() {
                io::ErrorKind::AlreadyExists => self.failed(EXISTS),
                _ => self.failed(failed.error),
            })?;
        let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| self.failed(error))?;
        Ok(received)
    }
}

const EXISTS: &str = "exists already";
const NO_DIRECTORY: &str = "its directory does not exist";

/// Writes the copy of a server, and returns its length. The inner error is that of the output.
fn receive(server: &Server, wait: Wait, out: &mut impl Write) -> Result<io::Result<u64>, Failure> {
    let busy = progress::busy("copying");
    let copy = server.bytes("/v1/admin/backup", wait);
    busy.finish_and_clear();
    let bar = progress::bytes("receiving", None);
    let mut copy = bar.wrap_read(copy?);
    let mut begin = Vec::new();
    let read = (&mut copy).take(MAGIC.len() as u64).read_to_end(&mut begin);
    read.map_err(|error| cut(&error))?;
    if begin != MAGIC {
        let reason = "the answer is no store file, as that of a convodb server is";
        return Err(Failure::Server(reason.to_owned()));
    }
    let mut copy = MAGIC.as_slice().chain(copy);
    let mut buffer = vec![0; 1 << 16];
    let mut received = 0;
    let done = loop {
        interrupt::check()?;
        let read = match copy.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| cut(&error))?,
        };
        match buffer.get(..read) {
            Some(bytes) if read > 0 => {
                if let Err(error) = out.write_all(bytes) {
                    break Err(error);
                }
                received += read as u64;
            }
            _ => break out.flush().map(|()| received),
        }
    };
    bar.finish_and_clear();
    Ok(done)
}

/// Writes the copy to standard output.
fn stream(store: &Store) -> Result<(), Failure> {
    interrupt::watch()?;
    let mut pipe = Pipe {
        out: io::stdout(),
        failed: None,
    };
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
