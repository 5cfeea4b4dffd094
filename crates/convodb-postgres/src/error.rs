//! What errors of PostgreSQL mean.

use convodb_core::{Error, ErrorKind};
use tokio_postgres::Error as PgError;
use tokio_postgres::error::SqlState;

/// How to go on behind an error of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Load and decide anew: another command changed what was read.
    Again,
    /// Connect anew. What was sent may have been done.
    Reconnect,
    /// Nothing.
    None,
}

pub(crate) const READ_ONLY: &str = "the server is a standby, or read-only: give the URL of the primary, with \
     `target_session_attrs=read-write` where it names several";

/// By the state of a statement that a pipeline stops itself with where a version differs.
const STALE: &SqlState = &SqlState::DIVISION_BY_ZERO;

pub(crate) fn remedy(error: &PgError) -> Remedy {
    let Some(code) = error.code() else {
        return Remedy::Reconnect;
    };
    let again = [
        STALE,
        &SqlState::UNIQUE_VIOLATION,
        &SqlState::T_R_SERIALIZATION_FAILURE,
        &SqlState::T_R_DEADLOCK_DETECTED,
        &SqlState::LOCK_NOT_AVAILABLE,
    ];
    if again.contains(&code) {
        return Remedy::Again;
    }
    let lost = [
        &SqlState::ADMIN_SHUTDOWN,
        &SqlState::CRASH_SHUTDOWN,
        &SqlState::CANNOT_CONNECT_NOW,
        &SqlState::TOO_MANY_CONNECTIONS,
        &SqlState::READ_ONLY_SQL_TRANSACTION,
        &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        &SqlState::IDLE_SESSION_TIMEOUT,
    ];
    match lost.contains(&code) || code.code().starts_with("08") {
        true => Remedy::Reconnect,
        false => Remedy::None,
    }
}

/// The error of a statement, as a caller sees it.
pub(crate) fn failed(error: PgError) -> Error {
    let code = error.code().cloned();
    let text = match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None => cause(&error),
    };
    let (kind, message) = match &code {
        None => (
            ErrorKind::Unavailable,
            format!("the connection to PostgreSQL failed: {text}"),
        ),
        Some(code) => of_state(code, &text),
    };
    Error::new(kind, message).with_source(error)
}

fn of_state(code: &SqlState, text: &str) -> (ErrorKind, String) {
    match code {
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => (
            ErrorKind::NotPermitted,
            format!(
                "the role may not do this in PostgreSQL: {text}: grant it what `convodb_postgres::roles` \
                 names"
            ),
        ),
        code if *code == SqlState::INVALID_PASSWORD
            || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
        {
            (
                ErrorKind::NotPermitted,
                format!("PostgreSQL refuses the user or the password: {text}"),
            )
        }
        code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            (ErrorKind::ReadOnly, READ_ONLY.to_owned())
        }
        code if *code == SqlState::UNDEFINED_TABLE
            || *code == SqlState::INVALID_SCHEMA_NAME
            || *code == SqlState::UNDEFINED_COLUMN =>
        {
            (
                ErrorKind::UnsupportedVersion,
                format!("the schema is missing or older than this version: run `migrate`: {text}"),
            )
        }
        code if *code == SqlState::INVALID_CATALOG_NAME => (
            ErrorKind::NotADatabase,
            format!("there is no such database: {text}"),
        ),
        code if *code == SqlState::INVALID_SQL_STATEMENT_NAME
            || *code == SqlState::DUPLICATE_PSTATEMENT =>
        {
            (
                ErrorKind::Unavailable,
                format!(
                    "a pooler keeps no named statements: open the store with \
                     `PgOptions::unnamed_statements`: {text}"
                ),
            )
        }
        code if *code == SqlState::DISK_FULL => (
            ErrorKind::StorageFull,
            format!("PostgreSQL has no room left: {text}"),
        ),
        code if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED => (
            ErrorKind::Corrupted,
            format!("PostgreSQL found damaged data: {text}"),
        ),
        _ => (
            ErrorKind::Unavailable,
            format!("PostgreSQL refused a statement: {text} ({})", code.code()),
        ),
    }
}

/// The last cause beneath an error, which names what happened.
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

pub(crate) fn of_pool(error: deadpool_postgres::PoolError) -> Error {
    use deadpool_postgres::PoolError;
    match error {
        PoolError::Timeout(_) => Error::new(
            ErrorKind::Unavailable,
            "no connection to PostgreSQL was free in time",
        ),
        other => {
            let message = format!("no connection to PostgreSQL: {}", cause(&other));
            Error::new(ErrorKind::Unavailable, message)
        }
    }
}
