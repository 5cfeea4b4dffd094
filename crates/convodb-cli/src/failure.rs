//! The failures of commands: their messages and exit codes.

use std::any::Any;
use std::error::Error as _;
use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::conceal::concealed;

#[derive(Debug)]
pub(crate) enum Failure {
    /// Invalid arguments.
    Usage(String),
    /// An error of the store.
    Store(convodb::Error),
    /// An error of a database, and what to do about it.
    #[cfg(feature = "postgres")]
    Database {
        error: convodb::Error,
        advice: &'static str,
    },
    /// A database in place of a file, and what to do instead.
    FileOnly {
        command: &'static str,
        instead: &'static str,
    },
    /// A server in place of a store, and what to do instead.
    NoServer {
        command: &'static str,
        instead: &'static str,
    },
    /// An error of a server, or of the way to it.
    Server(String),
    /// An error of another file.
    File { path: PathBuf, reason: String },
    /// A rejected line of an import.
    Line {
        source: String,
        line: u64,
        reason: String,
    },
    /// An import that cannot be read.
    Input { source: String, error: io::Error },
    /// An error of standard output.
    Output(io::Error),
    /// Ctrl-C or the like, before anything was committed.
    Interrupted,
    /// The same, while the answer to these lines of an import was awaited.
    Unknown { first: u64, last: u64 },
    /// The same, after some lines were imported.
    Stopped { line: u64 },
    /// A bug in redb or in this tool.
    Panicked(String),
}

impl From<convodb::Error> for Failure {
    fn from(error: convodb::Error) -> Self {
        Self::Store(error)
    }
}

impl From<convodb_upkeep::Stopped> for Failure {
    fn from(stopped: convodb_upkeep::Stopped) -> Self {
        match stopped {
            convodb_upkeep::Stopped::Store(error) => Self::Store(error),
            convodb_upkeep::Stopped::Output(error) => Self::Output(error),
        }
    }
}

impl From<convodb::InvalidInput> for Failure {
    fn from(invalid: convodb::InvalidInput) -> Self {
        Self::Store(invalid.into())
    }
}

impl Failure {
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::Panicked(message.unwrap_or("no message").to_owned())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) | Self::FileOnly { .. } | Self::NoServer { .. } => 2,
            Self::Interrupted | Self::Unknown { .. } | Self::Stopped { .. } => 130,
            _ => 3,
        })
    }

    /// Prints the failure in one line on standard error. If standard error is closed too, the exit
    /// code remains.
    pub(crate) fn report(&self, subject: Option<&str>) {
        let prefix = subject.map(|name| format!("{name}: "));
        let prefix = prefix.unwrap_or_default();
        let text = match self {
            Self::Store(_) | Self::Server(_) => format!("{prefix}{self}"),
            #[cfg(feature = "postgres")]
            Self::Database { .. } => format!("{prefix}{self}"),
            Self::Panicked(message) => format!("{prefix}this is a bug: {message}"),
            other => other.to_string(),
        };
        // Names and texts of others may have line ends.
        let text = concealed(&text).replace(|c: char| c.is_control(), " ");
        let _ = writeln!(io::stderr(), "convodb: {text}");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Server(message) | Self::Panicked(message) => {
                f.write_str(message)
            }
            Self::Store(error) => WithSources(error).fmt(f),
            #[cfg(feature = "postgres")]
            Self::Database { error, advice: "" } => error.fmt(f),
            #[cfg(feature = "postgres")]
            Self::Database { error, advice } => write!(f, "{error}: {advice}"),
            Self::FileOnly { command, instead } => {
                write!(f, "{command} works on a file alone: {instead}")
            }
            Self::NoServer { command, instead } => {
                write!(f, "{command} does not run on a server: {instead}")
            }
            Self::File { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Line {
                source,
                line,
                reason,
            } => write!(f, "{source}:{line}: {reason}; nothing of it was stored"),
            Self::Input { source, error } => write!(f, "{source}: {error}; nothing was stored"),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                f.write_str("standard output was closed before everything was written")
            }
            Self::Output(error) => write!(f, "standard output: {error}"),
            Self::Interrupted => f.write_str("interrupted: nothing was stored"),
            Self::Unknown { first, last } => write!(
                f,
                "interrupted: it is unknown whether lines {first} to {last} were stored"
            ),
            Self::Stopped { line } => write!(
                f,
                "interrupted behind line {line}: the same command goes on from there"
            ),
        }
    }
}

/// An error of the store with the messages of its sources.
pub(crate) struct WithSources<'a>(pub(crate) &'a convodb::Error);

impl fmt::Display for WithSources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        let mut previous = error.to_string();
        f.write_str(&previous)?;
        let mut source = error.source();
        while let Some(error) = source {
            let next = error.to_string();
            // The message of an I/O error contains that of its source.
            if !previous.contains(&next) {
                write!(f, ": {next}")?;
                previous = next;
            }
            source = error.source();
        }
        Ok(())
    }
}
