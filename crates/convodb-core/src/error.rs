//! The one error of every call: opaque, one word, with its kind and what it is about as data.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::{AssigneeId, InvalidInput, Rejection};

/// The result of every call that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for programs to decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file, conversation, message, user or team is not there.
    NotFound,
    /// An input breaks a rule; [`Error::field`] and [`Error::reason`] tell which and how. Nothing
    /// was written.
    Invalid,
    /// The state does not allow it: somebody else has the conversation ([`Error::winner`]), it has
    /// changed since it was seen ([`Error::revision`]), or what should be created exists. Nothing
    /// was written.
    Conflict,
    /// The message was erased, and is not stored again.
    Erased,
    /// The file is open elsewhere, in this process or another.
    Locked,
    /// The store was closed.
    Closed,
    /// A command was given from within one's own transaction, which would wait for itself for
    /// ever: give it to the transaction instead.
    InTransaction,
    /// An earlier storage error within the transaction, or a panic in another command of its
    /// group: it cannot commit, and wrote nothing.
    TransactionPoisoned,
    /// The file is not a store of convodb.
    NotAStore,
    /// The file has a format that this version does not know.
    UnsupportedFormat,
    /// The file is damaged.
    Corrupted,
    /// The journal that lies beside the file is not the one that belongs to it, or the one that
    /// belongs to it is missing: what was acknowledged last is in that.
    WrongJournal,
    /// The commit failed in a way that leaves open whether it happened. After
    /// `Store::reopen`, [`Error::sequence`] tells: it happened if the store's last sequence has
    /// reached it.
    OutcomeUnknown,
    /// An I/O error came before: writing goes on after `Store::reopen`.
    NeedsReopen,
    /// The snapshot was ended, by `reopen`, by `compact` or by its age (`Options::snapshot_age`):
    /// take another one.
    SnapshotExpired,
    /// Events were purged that were not read yet; [`Error::oldest_event`] tells from which on they
    /// are left.
    EventsGap,
    /// The operating system refused or failed; [`source`](std::error::Error::source) tells how.
    Io,
}

/// The error of every call. One word large; its [`kind`](Error::kind) is for programs, its
/// `Display` for people, its [`source`](std::error::Error::source) for who digs deeper.
///
/// ```
/// use convodb::{ErrorKind, PageRequest};
///
/// let error = PageRequest::new(1, 101).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert_eq!(error.field(), Some("limit"));
/// assert_eq!(error.to_string(), "limit: must be between 1 and 100");
/// ```
#[derive(Clone)]
pub struct Error(Box<Repr>);

#[derive(Clone)]
struct Repr {
    kind: ErrorKind,
    message: Cow<'static, str>,
    detail: Detail,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// Bytes as people read them.
#[doc(hidden)]
#[derive(Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[derive(Clone)]
enum Detail {
    None,
    Invalid(InvalidInput),
    Winner(AssigneeId),
    Sequence(u64),
    Revision(u64),
    OldestEvent(u64),
}

impl Error {
    #[doc(hidden)]
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Repr {
            kind,
            message: message.into(),
            detail: Detail::None,
            source: None,
        }))
    }

    #[doc(hidden)]
    pub fn corrupted(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Corrupted, message)
    }

    #[doc(hidden)]
    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the store was closed")
    }

    #[doc(hidden)]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// The commit of this sequence may or may not have happened.
    #[doc(hidden)]
    pub fn outcome_unknown(sequence: u64, source: Self) -> Self {
        let mut error = Self::new(
            ErrorKind::OutcomeUnknown,
            format!("commit {sequence} failed, and may have happened all the same"),
        )
        .with_source(source);
        error.0.detail = Detail::Sequence(sequence);
        error
    }

    /// Events before this one were asked for, and are gone.
    #[doc(hidden)]
    pub fn events_gap(oldest: u64) -> Self {
        let mut error = Self::new(
            ErrorKind::EventsGap,
            format!("the events before {oldest} were purged"),
        );
        error.0.detail = Detail::OldestEvent(oldest);
        error
    }

    /// The same error; an invalid field is told of within an item of a list.
    #[doc(hidden)]
    pub fn within(self, item: &str) -> Self {
        match self.0.detail {
            Detail::Invalid(invalid) => invalid.within(item).into(),
            _ => self,
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The field of an invalid input.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match &self.0.detail {
            Detail::Invalid(invalid) => Some(invalid.field()),
            _ => None,
        }
    }

    /// What the field of an invalid input must be and is not.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match &self.0.detail {
            Detail::Invalid(invalid) => Some(invalid.reason()),
            _ => None,
        }
    }

    /// Who has the conversation that a `claim` or an `assign_if` did not get (R15).
    #[must_use]
    pub fn winner(&self) -> Option<&AssigneeId> {
        match &self.0.detail {
            Detail::Winner(winner) => Some(winner),
            _ => None,
        }
    }

    /// The present revision of a conversation that has changed since it was seen, for a `resolve_if`
    /// or a `reply_if`.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        match self.0.detail {
            Detail::Revision(revision) => Some(revision),
            _ => None,
        }
    }

    /// The sequence of a commit whose outcome is unknown.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        match self.0.detail {
            Detail::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }

    /// The oldest event that is left, where some before it were asked for. Where none is left, the
    /// number of the next one.
    #[must_use]
    pub fn oldest_event(&self) -> Option<u64> {
        match self.0.detail {
            Detail::OldestEvent(oldest) => Some(oldest),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug
            .field("kind", &self.0.kind)
            .field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<InvalidInput> for Error {
    fn from(invalid: InvalidInput) -> Self {
        let mut error = Self::new(ErrorKind::Invalid, invalid.to_string());
        error.0.detail = Detail::Invalid(invalid);
        error
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        match rejection {
            Rejection::Invalid(invalid) => invalid.into(),
            Rejection::NotFound { .. } => Self::new(ErrorKind::NotFound, message),
            Rejection::Erased { .. } => Self::new(ErrorKind::Erased, message),
            Rejection::Exists(_)
            | Rejection::ThreadExists { .. }
            | Rejection::ProviderIdTaken { .. }
            | Rejection::KeyUsed
            | Rejection::ProviderIdSet(_)
            | Rejection::Unassigned(_) => Self::new(ErrorKind::Conflict, message),
            Rejection::Taken { winner, .. } => {
                let mut error = Self::new(ErrorKind::Conflict, message);
                error.0.detail = Detail::Winner(winner);
                error
            }
            Rejection::Revised { present, .. } => {
                let mut error = Self::new(ErrorKind::Conflict, message);
                error.0.detail = Detail::Revision(present);
                error
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_large() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn the_source_of_an_unknown_outcome_leads_to_the_operating_systems_error() {
        let io = std::io::Error::other("the cable");
        let error =
            Error::outcome_unknown(7, Error::new(ErrorKind::Io, "cannot write").with_source(io));
        assert_eq!(error.sequence(), Some(7));
        let mut chain = Vec::new();
        let mut source = StdError::source(&error);
        while let Some(error) = source {
            chain.push(error.to_string());
            source = error.source();
        }
        assert_eq!(chain, ["cannot write", "the cable"]);
    }
}
