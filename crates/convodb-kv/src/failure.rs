//! redb's errors in the store's words, with the operating system's error as the source.

use convodb_core::{Details, Error, ErrorKind};

use crate::disk;
use crate::pager::{DamagedPage, Replaced};

/// An error of any of redb's kinds.
pub(super) fn storage(error: impl Into<redb::Error>) -> Error {
    match error.into() {
        redb::Error::Io(error) => storage_io(error),
        redb::Error::Corrupted(what) => Error::corrupted(format!("the file is damaged: {what}")),
        // Or the handle of redb was replaced after one.
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => ended(),
        redb::Error::UpgradeRequired(version) => Error::new(
            ErrorKind::UnsupportedVersion,
            format!("the file has version {version} of the engine's format, which is not read"),
        ),
        error @ (redb::Error::TableDoesNotExist(_)
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }) => Error::new(
            ErrorKind::NotADatabase,
            format!("the file is not a store: {error}"),
        ),
        error @ redb::Error::TransactionPoisoned => {
            Error::new(ErrorKind::Aborted, error.to_string())
        }
        other => Error::new(ErrorKind::Io, other.to_string()),
    }
}

/// redb's handle answers nothing more.
fn ended() -> Error {
    let message = "an I/O error came before: reopen the store";
    Error::new(ErrorKind::NeedsReopen, message)
}

/// Whether an error is of a page that is missing or does not match its checksum.
pub(super) fn is_damage(error: &redb::StorageError) -> bool {
    let redb::StorageError::Io(error) = error else {
        return false;
    };
    error.kind() == std::io::ErrorKind::UnexpectedEof
        || error
            .get_ref()
            .is_some_and(|inner| inner.is::<DamagedPage>())
}

fn storage_io(error: std::io::Error) -> Error {
    let inner = error.get_ref();
    if inner.is_some_and(|inner| inner.is::<Replaced>()) {
        return ended();
    }
    let message = match inner.and_then(|inner| inner.downcast_ref::<DamagedPage>()) {
        Some(damaged) => format!("the file is damaged: {damaged}"),
        None if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            "the file is damaged: it is cut short".to_owned()
        }
        None => return io("the file could not be read or written", error),
    };
    let page = Details::Page {
        table: None,
        key: Box::default(),
    };
    Error::corrupted(message)
        .with_details(page)
        .with_source(error)
}

/// The file is open elsewhere: in this process, where the system has it.
pub(super) fn locked(holder: Option<u32>) -> Error {
    let Some(process) = holder else {
        return Error::new(ErrorKind::Locked, "the file is open elsewhere");
    };
    let message = match process == std::process::id() {
        true => "the file is open already, in this process".to_owned(),
        false => match disk::program(process) {
            Some(name) => format!("the file is open elsewhere, in process {process} ({name})"),
            None => format!("the file is open elsewhere, in process {process}"),
        },
    };
    Error::new(ErrorKind::Locked, message).with_details(Details::Process(process))
}

/// Whether there is no room.
pub(super) fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// An error of the file system, with the error kind that it calls for. `what` says what failed.
pub fn io(what: &'static str, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ if is_full(&error) => ErrorKind::StorageFull,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{what}: {error}")).with_source(error)
}
