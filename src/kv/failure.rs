//! redb's errors in the store's words, with the operating system's error as the source.

use convodb_core::{Details, Error, ErrorKind};

use super::pager::{DamagedPage, Replaced};

pub(super) fn storage(error: redb::StorageError) -> Error {
    match error {
        redb::StorageError::Io(error) => storage_io(error),
        redb::StorageError::Corrupted(what) => {
            Error::corrupted(format!("the file is damaged: {what}"))
        }
        // Or the handle of redb was replaced after one.
        redb::StorageError::PreviousIo | redb::StorageError::DatabaseClosed => ended(),
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

pub(super) fn database(error: redb::DatabaseError) -> Error {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => locked(None),
        redb::DatabaseError::UpgradeRequired(version) => Error::new(
            ErrorKind::UnsupportedVersion,
            format!("the file has version {version} of the engine's format, which is not read"),
        ),
        redb::DatabaseError::Storage(error) => storage(error),
        other => Error::new(ErrorKind::Io, other.to_string()),
    }
}

/// The file is open elsewhere: in this process, where the system has it.
pub(super) fn locked(holder: Option<u32>) -> Error {
    let Some(process) = holder else {
        return Error::new(ErrorKind::Locked, "the file is open elsewhere");
    };
    let message = match process == std::process::id() {
        true => "the file is open already, in this process".to_owned(),
        false => format!("the file is open elsewhere, in process {process}"),
    };
    Error::new(ErrorKind::Locked, message).with_details(Details::Process(process))
}

pub(super) fn transaction(error: redb::TransactionError) -> Error {
    match error {
        redb::TransactionError::Storage(error) => storage(error),
        other => Error::new(ErrorKind::Io, other.to_string()),
    }
}

pub(super) fn table(error: redb::TableError) -> Error {
    match error {
        redb::TableError::Storage(error) => storage(error),
        redb::TableError::TableDoesNotExist(_)
        | redb::TableError::TableTypeMismatch { .. }
        | redb::TableError::TypeDefinitionChanged { .. } => Error::new(
            ErrorKind::NotADatabase,
            format!("the file is not a store: {error}"),
        ),
        other => Error::corrupted(other.to_string()),
    }
}

pub(super) fn cursor(error: redb::CursorError) -> Error {
    match error {
        redb::CursorError::Storage(error) => storage(error),
        other => Error::corrupted(other.to_string()),
    }
}

pub(super) fn commit(error: redb::CommitError) -> Error {
    match error {
        redb::CommitError::Storage(error) => storage(error),
        other => Error::new(ErrorKind::Aborted, other.to_string()),
    }
}

pub(super) fn compaction(error: redb::CompactionError) -> Error {
    match error {
        redb::CompactionError::Storage(error) => storage(error),
        other => Error::new(ErrorKind::Io, other.to_string()),
    }
}

pub(super) fn io(what: &'static str, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::StorageFull
        | std::io::ErrorKind::QuotaExceeded
        | std::io::ErrorKind::FileTooLarge => ErrorKind::StorageFull,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{what}: {error}")).with_source(error)
}
