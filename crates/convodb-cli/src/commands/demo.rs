//! `demo`: imports conversations and runs queries and commands on them, each with its time.

mod steps;
mod tables;

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use convodb::prelude::*;
use tempfile::TempDir;

use super::import::lines::Lines;
use super::import::{Imported, Importer};
use super::{Tool, Verdict};
use crate::failure::Failure;
use crate::opening;
use crate::output::Output;
use crate::place::Location;

const SAMPLE_NAME: &str = "sample.ndjson";
const SAMPLE: &str = include_str!("demo/sample.ndjson");

/// What there is in place of it for a database.
const INSTEAD: &str = "it shows the engine that the file has";

/// Demonstrate a store on a sample or on a file of conversations
///
/// It imports the conversations and prints, with the time of each call: the open
/// inbox, counts by view, every page of the inbox, one conversation, and commands
/// that change it. At the end it verifies the store.
///
/// With --json it prints the specified JSON, one document per line: page 1 of the
/// open inbox as it was imported, the other pages, one conversation with its
/// messages, its notes, and the value that each command returned.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Demo {
    /// Import this file, as `import` does [default: a sample]
    #[arg(value_name = "FILE.ndjson")]
    file: Option<PathBuf>,

    /// Keep the store in this file; a missing file is created
    ///
    /// The demo assigns, resolves and answers one of its conversations. Without a
    /// path, the store is in a temporary directory, which is removed at the end.
    #[arg(long, value_name = "PATH", verbatim_doc_comment)]
    pub(crate) db: Option<Location>,
}

impl Demo {
    pub(crate) fn run(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        match self.show(tool) {
            // The reader has seen enough, as `head` has.
            Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Ok(Verdict::Success)
            }
            done => done,
        }
    }

    fn show(self, tool: &mut Tool) -> Result<Verdict, Failure> {
        // Before the store is opened: a mistyped name must not create one.
        let lines = match &self.file {
            Some(file) => Lines::open(file)?,
            None => Lines::read(
                SAMPLE_NAME.to_owned(),
                Some(SAMPLE.len() as u64),
                SAMPLE.as_bytes(),
            ),
        };
        let name = lines.name().to_owned();
        let place = Place::new(self.db.as_ref())?;
        let path = place.path();
        let opened = opening::or_new(&path, tool.wait)?;
        let import = || import(&opened.store, lines, Path::new(&name));
        let imported = match steps::timed(import) {
            Ok(imported) => imported,
            Err(failure) => return opened.leave(Err(failure)),
        };
        let output = &mut tool.output;
        output.print_text(|screen| tables::imported(screen, &name, &imported))?;
        let verdict = steps(&opened.store, output)?;

        let stats = opened.store.stats()?;
        opened.leave(Ok(()))?;
        let kept = place.leave()?;
        output.print_text(|_| tables::ending(&path, kept, &stats))?;
        Ok(verdict)
    }
}

fn import(store: &Store, lines: Lines, name: &Path) -> Result<Imported, Failure> {
    store.transaction(|tx| {
        let imported = Importer::new(lines).store_in(tx)?;
        // A failure, so that nothing of a wrong file is stored.
        match imported.conversations {
            0 => Err(Failure::File {
                path: name.to_owned(),
                reason: "has no conversation".to_owned(),
            }),
            _ => Ok(imported),
        }
    })
}

fn steps(store: &Store, output: &mut Output) -> Result<Verdict, Failure> {
    // One snapshot, so that all pages are of one commit.
    let before = store.snapshot()?;
    let first = steps::inbox(&before, output)?;
    steps::views(&before, output)?;
    steps::pages(&before, &first, output)?;
    if let Some(id) = steps::subject(&before, &first.value)? {
        steps::conversation(&before, id, output)?;
        // A snapshot keeps its pages: it is dropped before the writes.
        drop(before);
        steps::commands(store, id, output)?;
    }
    steps::verify(store, output)
}

/// The path of the store.
enum Place {
    Given(PathBuf),
    Temporary(TempDir),
}

impl Place {
    fn new(given: Option<&Location>) -> Result<Self, Failure> {
        match given {
            Some(given) => Ok(Self::Given(given.file("demo", INSTEAD)?.to_owned())),
            None => tempfile::tempdir()
                .map(Self::Temporary)
                .map_err(|error| temporary(&error)),
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::Given(path) => path.clone(),
            Self::Temporary(directory) => directory.path().join("inbox.redb"),
        }
    }

    /// Removes a temporary directory. Returns whether the store is kept.
    fn leave(self) -> Result<bool, Failure> {
        match self {
            Self::Given(_) => Ok(true),
            Self::Temporary(directory) => match directory.close() {
                Ok(()) => Ok(false),
                Err(error) => Err(temporary(&error)),
            },
        }
    }
}

fn temporary(error: &io::Error) -> Failure {
    Failure::File {
        path: std::env::temp_dir(),
        reason: error.to_string(),
    }
}
