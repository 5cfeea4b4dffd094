//! The error type: what returns each kind, its text, its details and its source.
//!
//! `CommitUnknown` and `Aborted` need a disk that fails; other modules test them, and damage.

mod details;
mod files;
mod kinds;

use std::error::Error as _;
use std::io;

use convodb::{Details, Error, ErrorKind};

/// The text is a phrase and not a dump of a value.
#[track_caller]
fn assert_readable(error: &Error) {
    let text = error.to_string();
    assert!(!text.is_empty());
    for dump in [
        "{", "}", "[", "]", "Some(", "Err(", "Error(", "\"", "\\", "::",
    ] {
        assert!(!text.contains(dump), "{dump} in: {text}");
    }
    assert!(!text.starts_with(char::is_uppercase), "{text}");
    assert!(!text.ends_with('.'), "{text}");
}

/// The error of a call, after the checks that hold for every error.
#[track_caller]
fn failure<T>(result: Result<T, Error>, kind: ErrorKind) -> Error {
    let Err(error) = result else {
        panic!("it succeeded, and should not: {kind:?}");
    };
    assert_eq!(error.kind(), kind, "{error}");
    assert_readable(&error);
    assert_eq!(error.field().is_some(), kind == ErrorKind::InvalidInput);
    assert_eq!(error.reason().is_some(), kind == ErrorKind::InvalidInput);
    let is_commit = matches!(error.details(), Details::Commit(_));
    assert!(!is_commit, "{:?}", error.details());
    error
}

/// The operating system's own error, at the end of the chain.
#[track_caller]
fn io_source(error: &Error) -> &io::Error {
    let mut source = error.source().expect("a source");
    while let Some(deeper) = source.source() {
        source = deeper;
    }
    source.downcast_ref().expect("an I/O error")
}
