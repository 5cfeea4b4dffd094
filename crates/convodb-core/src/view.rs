//! Saved views.

use serde::{Deserialize, Serialize};

use crate::text::objects;
use crate::{Filter, InvalidInput, Sort, ViewId, validate};

/// A saved view: a filter and an order that the store keeps a counted list for. The section *Views* of the rules
/// of `convodb` says what holds of it.
///
/// Its JSON is `{"id", "name", "filter", "sort"}`, then `building` until it is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "an object")]
#[non_exhaustive]
pub struct View {
    /// The id.
    pub id: ViewId,
    /// The name that people read.
    pub name: String,
    /// Which conversations it has.
    pub filter: Filter,
    /// Their order.
    pub sort: Sort,
    /// How far it has been built, until it is complete. Until then it has no pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub building: Option<ViewProgress>,
}

objects! { View }

/// How far a view has been built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
#[non_exhaustive]
pub struct ViewProgress {
    /// How many conversations were looked at.
    pub done: u64,
    /// How many there are.
    pub of: u64,
}

impl View {
    #[doc(hidden)]
    pub fn new(id: ViewId, name: impl Into<String>, filter: Filter, sort: Sort) -> Self {
        Self {
            id,
            name: name.into(),
            filter,
            sort,
            building: None,
        }
    }

    /// Whether another one has the same list.
    #[doc(hidden)]
    pub fn has_list_of(&self, other: &Self) -> bool {
        self.filter == other.filter && self.sort == other.sort
    }

    pub(crate) fn validate(&self) -> Result<(), InvalidInput> {
        validate::name("name", &self.name)?;
        let checked = self.filter.validate_saved();
        checked.map_err(|error| error.within("filter"))
    }
}

#[doc(hidden)]
impl ViewProgress {
    pub const fn new(done: u64, of: u64) -> Self {
        Self { done, of }
    }
}
