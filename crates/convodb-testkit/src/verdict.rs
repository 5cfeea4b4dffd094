//! What a command should answer: an outcome, or one of the refusals that the rules demand.

use convodb::{Details, Effect, Error, ErrorKind, Outcome};

/// An error that the rules demand.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    kind: ErrorKind,
    field: Option<String>,
    details: Option<Details>,
}

impl Refusal {
    pub fn of(kind: ErrorKind) -> Self {
        Self {
            kind,
            field: None,
            details: None,
        }
    }

    pub fn invalid(field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::of(ErrorKind::InvalidInput)
        }
    }

    /// A precondition that does not hold, in full.
    pub fn precondition(details: Details) -> Self {
        Self {
            details: Some(details),
            ..Self::of(ErrorKind::PreconditionFailed)
        }
    }

    /// The contacts that have some of the identities.
    pub fn identity_taken(details: Details) -> Self {
        Self {
            details: Some(details),
            ..Self::of(ErrorKind::IdentityTaken)
        }
    }

    /// The same, by the name of a field.
    pub fn in_field(self, field: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..self
        }
    }

    /// The same of one import among several.
    pub fn within(mut self, index: usize) -> Self {
        self.field = self.field.map(|field| format!("import[{index}].{field}"));
        self
    }

    pub fn is(&self, error: &Error) -> bool {
        self.kind == error.kind()
            && self.field.as_deref() == error.field()
            && (self.details.as_ref()).is_none_or(|details| details == error.details())
    }
}

/// The same in full.
impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            field: error.field().map(str::to_owned),
            details: Some(error.details().clone()),
        }
    }
}

/// What a command should answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected<T> {
    pub value: T,
    pub changed: bool,
    pub created: bool,
    pub reopened: bool,
    /// Whether the same was done before.
    pub is_duplicate: bool,
}

impl<T> Expected<T> {
    pub fn plain(value: T, changed: bool) -> Self {
        Self {
            value,
            changed,
            created: false,
            reopened: false,
            is_duplicate: false,
        }
    }

    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Expected<U> {
        Expected {
            value: change(self.value),
            changed: self.changed,
            created: self.created,
            reopened: self.reopened,
            is_duplicate: self.is_duplicate,
        }
    }
}

/// What a command does answer.
impl<T> From<Outcome<T>> for Expected<T> {
    fn from(outcome: Outcome<T>) -> Self {
        let Effect {
            changed,
            created,
            reopened,
            ..
        } = outcome.effect;
        Self {
            value: outcome.value,
            changed,
            created,
            reopened,
            is_duplicate: outcome.is_duplicate,
        }
    }
}
