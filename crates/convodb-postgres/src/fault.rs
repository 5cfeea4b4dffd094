//! Why a unit of work stopped.

use convodb_core::{Error, Halt};
use tokio_postgres::Error as PgError;
use tokio_postgres::error::SqlState;

use crate::error::{self, Remedy};

/// Why a unit of work stopped.
#[derive(Debug)]
pub(crate) enum Fault {
    /// What was asked for breaks a rule, or what is stored does.
    Refused(Error),
    /// Something that was read has changed since: the same is to be loaded and decided anew.
    Stale,
    /// What a command asks has to be answered by rows that are written: it runs in a unit of its own.
    Alone,
    /// What a command asks or changes reaches beyond single entities: it runs while no other one does.
    Exclusive,
    Statement(PgError),
    /// The server did not answer until the deadline.
    Late,
}

impl Fault {
    /// How to go on.
    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::Stale => Remedy::Again,
            Self::Statement(error) => error::remedy(error),
            Self::Late => Remedy::Reconnect,
            Self::Refused(_) | Self::Alone | Self::Exclusive => Remedy::None,
        }
    }

    /// Whether the server has written nothing, though another one may.
    pub(crate) fn is_refusal(&self) -> bool {
        let code = match self {
            Self::Statement(error) => error.code(),
            _ => None,
        };
        code == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// The error of a caller that does not go on.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Refused(error) => error,
            Self::Statement(error) => error::failed(error),
            Self::Late => Error::new(
                convodb_core::ErrorKind::Unavailable,
                "the server did not answer until the deadline",
            ),
            Self::Stale => Error::new(
                convodb_core::ErrorKind::Conflict,
                "other commands changed what this one rests on, again and again",
            ),
            Self::Alone | Self::Exclusive => Error::new(
                convodb_core::ErrorKind::Unsupported,
                "a transaction of PostgreSQL takes no command that asks for a list, or that changes more than \
                 single entities: give it to the store",
            ),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<PgError> for Fault {
    fn from(error: PgError) -> Self {
        Self::Statement(error)
    }
}

/// The fault of a halt where every entity is loaded: one that is missing is corruption.
pub(crate) fn refusal(halt: Halt) -> Fault {
    match halt {
        Halt::Rejected(error) => error.into(),
        Halt::Missing(keys) => {
            Error::corrupted(format!("what a change is about is missing: {keys:?}")).into()
        }
    }
}

pub(crate) type Done<T> = std::result::Result<T, Fault>;
