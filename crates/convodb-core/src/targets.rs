//! Which conversations a bulk command is about.

use std::collections::HashSet;

use crate::Filter;
use crate::{ConversationId, InvalidInput};

/// The conversations of one bulk command: by their ids, or the first of a list.
///
/// ```
/// use convodb::{Channel, Filter, Targets};
///
/// let spam = Targets::first(&Filter::open().channel(Channel::Webchat).unassigned(), 100)?;
/// assert!(Targets::first(&Filter::open(), 1_001).is_err());
/// # let _ = spam;
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Targets(Named);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub enum Named {
    Ids(Vec<ConversationId>),
    First(Filter, u32),
}

impl Targets {
    /// The most conversations of one bulk command: it is one transaction, and others wait for it.
    pub const MAX: u32 = 1_000;

    /// Conversations by their ids, each once.
    ///
    /// # Errors
    ///
    /// More than [`MAX`](Self::MAX) ids, or one that stands twice; the field is `ids`.
    pub fn ids(ids: impl IntoIterator<Item = ConversationId>) -> Result<Self, InvalidInput> {
        let ids: Vec<_> = ids.into_iter().take(Self::MAX as usize + 1).collect();
        if ids.len() > Self::MAX as usize {
            let reason = format!("must be at most {}", Self::MAX);
            return Err(InvalidInput::new("ids", reason));
        }
        let mut known = HashSet::with_capacity(ids.len());
        if let Some(twice) = ids.iter().find(|id| !known.insert(**id)) {
            return Err(InvalidInput::new("ids", format!("has `{twice}` twice")));
        }
        Ok(Self(Named::Ids(ids)))
    }

    /// The first conversations of a list, as it is when the command is run: at most so many.
    ///
    /// # Errors
    ///
    /// A `limit` of zero or more than [`MAX`](Self::MAX).
    pub fn first(filter: &Filter, limit: u32) -> Result<Self, InvalidInput> {
        if !(1..=Self::MAX).contains(&limit) {
            let reason = format!("must be between 1 and {}", Self::MAX);
            return Err(InvalidInput::new("limit", reason));
        }
        Ok(Self(Named::First(filter.clone(), limit)))
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn named(&self) -> &Named {
        &self.0
    }
}
