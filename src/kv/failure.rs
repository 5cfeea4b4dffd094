//! redb's errors in the store's words, with the operating system's error as the source.

use convodb_core::{Error, ErrorKind};

pub(super) fn storage(error: redb::StorageError) -> Error {
    match error {
        redb::StorageError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Error::corrupted("the file is cut short").with_source(error)
        }
        redb::StorageError::Io(error) => io("the file could not be read or written", error),
        redb::StorageError::Corrupted(what) => {
            Error::corrupted(format!("the file is damaged: {what}"))
        }
        redb::StorageError::PreviousIo => Error::new(
            ErrorKind::NeedsReopen,
            "an I/O error came before: reopen the store",
        ),
        redb::StorageError::DatabaseClosed => Error::closed(),
        other => Error::new(ErrorKind::Io, other.to_string()),
    }
}

pub(super) fn database(error: redb::DatabaseError) -> Error {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => locked(),
        redb::DatabaseError::UpgradeRequired(version) => Error::new(
            ErrorKind::UnsupportedVersion,
            format!("the file has version {version} of the engine's format, which is not read"),
        ),
        redb::DatabaseError::Storage(redb::StorageError::Io(error))
            if error.kind() == std::io::ErrorKind::InvalidData =>
        {
            Error::new(ErrorKind::NotADatabase, "the file is not a store").with_source(error)
        }
        redb::DatabaseError::Storage(error) => storage(error),
        other => Error::new(ErrorKind::Io, other.to_string()),
    }
}

pub(super) fn locked() -> Error {
    Error::new(ErrorKind::Locked, "the file is open elsewhere")
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
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{what}: {error}")).with_source(error)
}
