//! A shared inbox at work: imports conversations into a store, and shows what the store does with
//! them and how long each call takes.
//!
//! `cargo run --release --example inbox -- --help` tells of its arguments.

mod import;
mod output;
mod show;
mod tables;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use convodb::Store;
use tempfile::TempDir;

use import::{ImportError, Source};
use output::{Output, timed};

/// Imports conversations into a convodb store and shows the store at work: the
/// open inbox, counts by view, every page with its time, one conversation, and
/// the commands that change it.
#[derive(Parser)]
#[command(name = "inbox", version, verbatim_doc_comment, after_help = EXAMPLES)]
struct Arguments {
    /// Import this file: one conversation a line, in the specification's JSON
    ///
    /// A message may have a `provider_id`, a conversation `notes`, and both
    /// whatever else the store's own JSON writes; blank lines are skipped. A line
    /// that is malformed or refused stops the import, and nothing of the file is
    /// stored. Without a file, the sample that the example ships is imported.
    #[arg(value_name = "FILE.ndjson", verbatim_doc_comment)]
    file: Option<PathBuf>,

    /// Keep the store in this file, which is created where it is missing
    ///
    /// The show assigns, resolves and answers one conversation of it. Without a
    /// path, the store lies in a temporary directory and is gone at the end.
    #[arg(long, value_name = "PATH", verbatim_doc_comment)]
    db: Option<PathBuf>,

    /// Print the specification's JSON, one document a line, in place of tables
    ///
    /// The first document is page 1 of the open inbox as it was imported. The
    /// other pages follow, then one conversation with its messages, its notes, and
    /// what each command answered.
    #[arg(long, verbatim_doc_comment)]
    json: bool,
}

const EXAMPLES: &str = "Examples:
  inbox                             show the sample
  inbox conversations.ndjson        show conversations of your own
  inbox --db inbox.redb             keep the store
  inbox --json | head -1 | jq       page 1 of the open inbox";

/// What ends the show early.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error("{}: {error}", path.display())]
    Open {
        path: PathBuf,
        error: convodb::Error,
    },
    #[error("the temporary directory: {0}")]
    Temporary(io::Error),
    #[error(transparent)]
    Store(#[from] convodb::Error),
    #[error("verify found {0} differences")]
    Unsound(usize),
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads has seen enough, as `head` does: no failure of ours.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            // Where standard error is gone too, the exit code is left.
            let _ = writeln!(io::stderr(), "inbox: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    // Before the store is made: a mistyped name must not leave an empty one behind.
    let source = Source::open(arguments.file.as_deref())?;
    let place = Place::new(arguments.db)?;
    let path = place.path();
    let store = Store::open(&path).map_err(|error| Failure::Open {
        path: path.clone(),
        error,
    })?;
    let mut output = Output::new(arguments.json);

    let name = source.name().to_owned();
    let imported = timed(|| source.import_into(&store))?;
    output.tell(|screen| tables::imported(screen, &name, &imported))?;
    run_show(&store, &mut output)?;

    let stats = store.stats()?;
    store.close()?;
    let kept = place.leave()?;
    output.tell(|_| tables::ending(&path, kept, &stats))?;
    Ok(())
}

/// Where the store lies.
enum Place {
    Given(PathBuf),
    Temporary(TempDir),
}

impl Place {
    fn new(given: Option<PathBuf>) -> Result<Self, Failure> {
        match given {
            Some(path) => Ok(Self::Given(path)),
            None => tempfile::tempdir()
                .map(Self::Temporary)
                .map_err(Failure::Temporary),
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::Given(path) => path.clone(),
            Self::Temporary(directory) => directory.path().join("inbox.redb"),
        }
    }

    /// Removes what was temporary; answers whether the store is still there.
    fn leave(self) -> Result<bool, Failure> {
        match self {
            Self::Given(_) => Ok(true),
            Self::Temporary(directory) => match directory.close() {
                Ok(()) => Ok(false),
                Err(error) => Err(Failure::Temporary(error)),
            },
        }
    }
}

fn run_show(store: &Store, output: &mut Output) -> Result<(), Failure> {
    // One snapshot, so that the pages fit together whatever is written meanwhile.
    let before = store.snapshot()?;
    let first = show::inbox(&before, output)?;
    show::views(&before, output)?;
    show::walk(&before, &first, output)?;
    if let Some(id) = show::subject(&before, &first.value)? {
        show::conversation(&before, id, output)?;
        // A snapshot keeps the pages that it sees: it goes before anything is written.
        drop(before);
        show::commands(store, id, output)?;
    }
    show::verify(store, output)
}
