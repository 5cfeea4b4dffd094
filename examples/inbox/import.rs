//! The import of an NDJSON file, one conversation a line: all of it or nothing.
//!
//! Invariant: a line is parsed when its turn comes and dropped when it is stored; the file is
//! never in memory as a whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use convodb::{Error, Import, Store};
use indicatif::{ProgressBar, ProgressStyle};

const SAMPLE_NAME: &str = "sample.ndjson";
const SAMPLE: &str = include_str!("sample.ndjson");

/// Why nothing was imported, and from where.
#[derive(Debug, thiserror::Error)]
#[error("{name}{cause}")]
pub(crate) struct ImportError {
    name: String,
    cause: LineError,
}

/// What went wrong, at which line where it was at one. It follows the name of the file.
#[derive(Debug, thiserror::Error)]
enum LineError {
    #[error(":{line}: {reason}; nothing of the file was stored")]
    Line { line: u64, reason: String },
    #[error(": {0}")]
    Unreadable(#[from] io::Error),
    #[error(": holds no conversation")]
    Empty,
    #[error(": {0}")]
    Store(#[from] Error),
}

/// What was imported.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    pub(crate) conversations: u64,
    pub(crate) messages: u64,
    pub(crate) notes: u64,
}

/// Where conversations come from.
pub(crate) struct Source {
    name: String,
    bytes: u64,
    input: Box<dyn Read>,
}

impl Source {
    /// A file, or the sample.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, ImportError> {
        let Some(path) = path else {
            return Ok(Self {
                name: SAMPLE_NAME.to_owned(),
                bytes: SAMPLE.len() as u64,
                input: Box::new(SAMPLE.as_bytes()),
            });
        };
        let name = path.display().to_string();
        match File::open(path).and_then(|file| Ok((file.metadata()?.len(), file))) {
            Ok((bytes, file)) => Ok(Self {
                name,
                bytes,
                input: Box::new(file),
            }),
            Err(error) => Err(ImportError {
                name,
                cause: error.into(),
            }),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Imports every conversation in one transaction.
    pub(crate) fn import_into(self, store: &Store) -> Result<Imported, ImportError> {
        let bar = progress_bar(self.bytes);
        let mut lines = Lines::new(BufReader::new(bar.wrap_read(self.input)));
        let imported = store.transaction(|tx| {
            let mut imported = Imported::default();
            while let Some(import) = lines.next()? {
                imported.conversations += 1;
                imported.messages += import.messages.len() as u64;
                imported.notes += import.notes.len() as u64;
                tx.import(import).map_err(|error| lines.refused(&error))?;
            }
            // An error, so that a mistaken file leaves no trace in the store.
            if imported.conversations == 0 {
                return Err(LineError::Empty);
            }
            Ok(imported)
        });
        bar.finish_and_clear();
        imported.map_err(|cause| ImportError {
            name: self.name,
            cause,
        })
    }
}

/// On standard error, and only where that is a terminal.
fn progress_bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    match ProgressStyle::with_template("importing {wide_bar:.cyan} {bytes} of {total_bytes} {eta}")
    {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The conversations of a file, and the number of the line that was read last, from 1.
struct Lines<R> {
    input: R,
    line: u64,
    bytes: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            bytes: Vec::new(),
        }
    }

    /// The next conversation; blank lines are skipped.
    fn next(&mut self) -> Result<Option<Import>, LineError> {
        loop {
            self.bytes.clear();
            if self.input.read_until(b'\n', &mut self.bytes)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if !self.bytes.trim_ascii().is_empty() {
                return serde_json::from_slice(&self.bytes)
                    .map(Some)
                    .map_err(|error| self.malformed(&error));
            }
        }
    }

    fn malformed(&self, error: &serde_json::Error) -> LineError {
        // To serde each line is line 1, which would contradict ours.
        let (full, column) = (error.to_string(), error.column());
        let place = format!(" at line {} column {column}", error.line());
        let reason = match full.strip_suffix(&place) {
            Some(reason) => format!("{reason} (column {column})"),
            None => full,
        };
        self.error(reason)
    }

    fn refused(&self, error: &Error) -> LineError {
        self.error(error.to_string())
    }

    fn error(&self, reason: String) -> LineError {
        LineError::Line {
            line: self.line,
            reason,
        }
    }
}
