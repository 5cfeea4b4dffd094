//! The error of an invalid value.

use std::borrow::Cow;
use std::fmt::Display;

/// An invalid value: the field that holds it, and the reason.
///
/// Constructors of ids and values return it. A command wraps it in an [`Error`](crate::Error) of kind
/// [`InvalidInput`](crate::ErrorKind::InvalidInput), so `?` converts it.
///
/// ```
/// let error = convodb::UserId::new("alice").unwrap_err();
/// assert_eq!(error.field(), "user_id");
/// assert_eq!(error.to_string(), "user_id: must begin with `usr_`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidInput {
    pub(crate) field: Cow<'static, str>,
    pub(crate) reason: Cow<'static, str>,
}

impl InvalidInput {
    #[doc(hidden)]
    pub fn new(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }

    pub(crate) fn unless(
        holds: bool,
        field: impl Into<Cow<'static, str>>,
        reason: impl Display,
    ) -> Result<(), Self> {
        match holds {
            true => Ok(()),
            false => Err(Self::new(field, reason.to_string())),
        }
    }

    /// The field by its name in JSON; within a list `messages[3].content`.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// What the field must be and is not.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The same reason for another field.
    pub(crate) fn in_field(self, field: impl Into<Cow<'static, str>>) -> Self {
        Self {
            field: field.into(),
            ..self
        }
    }

    /// The same reason for this field within an item of a list.
    pub(crate) fn within(self, item: &str) -> Self {
        let field = format!("{item}.{}", self.field);
        self.in_field(field)
    }
}
