//! What a command should answer: an outcome, or one of the refusals that the rules demand.

use convodb::{AssigneeId, Error, ErrorKind, Outcome};

/// An error that the rules demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    kind: ErrorKind,
    field: Option<String>,
    pub winner: Option<AssigneeId>,
    pub revision: Option<u64>,
}

impl Refusal {
    pub fn of(kind: ErrorKind) -> Self {
        Self {
            kind,
            field: None,
            winner: None,
            revision: None,
        }
    }

    pub fn invalid(field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..Self::of(ErrorKind::Invalid)
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
            && self.winner.as_ref() == error.winner()
            && self.revision == error.revision()
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
    pub duplicate: bool,
}

impl<T> Expected<T> {
    pub fn plain(value: T, changed: bool) -> Self {
        Self {
            value,
            changed,
            created: false,
            reopened: false,
            duplicate: false,
        }
    }
}

/// What a command does answer.
impl<T> From<Outcome<T>> for Expected<T> {
    fn from(outcome: Outcome<T>) -> Self {
        Self {
            value: outcome.value,
            changed: outcome.changed,
            created: outcome.created,
            reopened: outcome.reopened,
            duplicate: outcome.duplicate,
        }
    }
}
