//! What ends a command early, the one line that says so, and the exit code.

use std::any::Any;
use std::error::Error as _;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use convodb::ErrorKind;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line says what cannot be.
    Usage(String),
    /// Of the file that the command is about.
    Store(convodb::Error),
    /// Of another file.
    File { path: PathBuf, reason: String },
    /// A line of an import.
    Line {
        source: String,
        line: u64,
        reason: String,
    },
    /// What is read for an import.
    Input { source: String, error: io::Error },
    /// Standard output.
    Output(io::Error),
    /// Ctrl-C, or the like, before anything was committed.
    Interrupted,
    /// The engine, or this tool, went astray.
    Panicked(String),
}

impl From<convodb::Error> for Failure {
    fn from(error: convodb::Error) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let said = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::Panicked(said.unwrap_or("without a word").to_owned())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Interrupted => 130,
            _ => 3,
        })
    }

    /// Says it in one line on standard error. Where that is gone too, the exit code is left.
    pub(crate) fn tell(&self, subject: Option<&Path>) {
        let about = subject.map(|path| format!("{}: ", path.display()));
        let about = about.unwrap_or_default();
        let said = match self {
            Self::Store(error) => format!("{about}{}", Told(error)),
            Self::Panicked(said) => format!(
                "{about}reading failed, so the file may be damaged; \
                 an opening without --no-check tells ({said})"
            ),
            other => other.to_string(),
        };
        // Names and texts from elsewhere may have line ends of their own.
        let said = said.replace(|c: char| c.is_control(), " ");
        let _ = writeln!(io::stderr(), "convodb: {said}");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(said) | Self::Panicked(said) => f.write_str(said),
            Self::Store(error) => Told(error).fmt(f),
            Self::File { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Line {
                source,
                line,
                reason,
            } => write!(f, "{source}:{line}: {reason}; nothing of it was stored"),
            Self::Input { source, error } => write!(f, "{source}: {error}; nothing was stored"),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                f.write_str("standard output was closed before all was written")
            }
            Self::Output(error) => write!(f, "standard output: {error}"),
            Self::Interrupted => f.write_str("interrupted: nothing was stored"),
        }
    }
}

/// The store's error with what it came from, and in the words of who has the file before them.
pub(crate) struct Told<'a>(pub(crate) &'a convodb::Error);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        if error.kind() == ErrorKind::Locked {
            return f.write_str("the file is open in another process, and locked");
        }
        let mut said = error.to_string();
        f.write_str(&said)?;
        let mut source = error.source();
        while let Some(error) = source {
            let next = error.to_string();
            // An I/O error's message has its source already.
            if !said.contains(&next) {
                write!(f, ": {next}")?;
                said = next;
            }
            source = error.source();
        }
        Ok(())
    }
}
