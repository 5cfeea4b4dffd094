//! Which conversations a bulk command is about.

use std::collections::HashSet;

use serde::Serialize;

use crate::{ConversationId, Filter, InvalidInput};

/// The conversations of one bulk command: by their ids, or the first of a list.
///
/// ```
/// use convodb::{Channel, Filter, Selection};
///
/// let spam = Selection::first(&Filter::open().channel(Channel::Webchat).unassigned(), 100)?;
/// assert!(Selection::first(&Filter::open(), 1_001).is_err());
/// # let _ = spam;
/// # Ok::<(), convodb::InvalidInput>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Selection(#[doc(hidden)] pub Selected);

#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Selected {
    Ids(Vec<ConversationId>),
    First(Box<Filter>, u32),
}

impl Selection {
    /// The most conversations of one bulk command: it is one transaction, and others wait for it.
    pub const MAX: u32 = 1_000;

    /// Conversations by their ids, each once.
    ///
    /// # Errors
    ///
    /// More than [`MAX`](Self::MAX) ids, or one that occurs twice; the field is `ids`.
    pub fn ids(ids: impl IntoIterator<Item = ConversationId>) -> Result<Self, InvalidInput> {
        let ids: Vec<_> = ids.into_iter().take(Self::MAX as usize + 1).collect();
        let reason = format_args!("must be at most {}", Self::MAX);
        InvalidInput::unless(ids.len() <= Self::MAX as usize, "ids", reason)?;
        let mut known = HashSet::with_capacity(ids.len());
        if let Some(twice) = ids.iter().find(|id| !known.insert(**id)) {
            return Err(InvalidInput::new("ids", format!("has `{twice}` twice")));
        }
        Ok(Self(Selected::Ids(ids)))
    }

    /// The first conversations of a list, as it is when the command runs: at most `limit`.
    ///
    /// # Errors
    ///
    /// A `limit` of zero or more than [`MAX`](Self::MAX).
    pub fn first(filter: &Filter, limit: u32) -> Result<Self, InvalidInput> {
        let reason = format_args!("must be between 1 and {}", Self::MAX);
        InvalidInput::unless((1..=Self::MAX).contains(&limit), "limit", reason)?;
        Ok(Self(Selected::First(Box::new(filter.clone()), limit)))
    }
}
