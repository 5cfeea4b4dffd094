//! The error of a value that breaks a rule: which field, and why.

use std::borrow::Cow;

/// A value that was refused before anything was written: the field that holds it, and the reason.
///
/// Constructors of ids and values return it; a command wraps it in an
/// [`Error`](crate::Error) of kind [`Invalid`](crate::ErrorKind::Invalid), so `?` carries it on.
///
/// ```
/// let error = convodb::UserId::new("alice").unwrap_err();
/// assert_eq!(error.field(), "user_id");
/// assert_eq!(error.to_string(), "user_id: must begin with `usr_`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidInput {
    field: Cow<'static, str>,
    reason: Cow<'static, str>,
}

impl InvalidInput {
    #[doc(hidden)]
    pub fn new(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// The field, as the specification names it; within a list `messages[3].content`.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What the field must be and is not.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The same reason, told of the field that the caller knows.
    pub(crate) fn in_field(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            ..self
        }
    }

    /// The same reason, told of this field within an item of a list.
    pub(crate) fn within(self, item: &str) -> Self {
        let field = format!("{item}.{}", self.field);
        self.in_field(field)
    }
}
