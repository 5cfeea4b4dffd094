//! Pages of a list.

use serde::Serialize;

use crate::Cursor;
use crate::Result;
use crate::{Conversation, InvalidInput};

/// Which page of a list, and how long it is (R13).
///
/// ```
/// use convodb::PageRequest;
///
/// let second = PageRequest::new(2, 50)?;
/// assert_eq!((second.page(), second.limit()), (2, 50));
/// assert_eq!(PageRequest::default(), PageRequest::new(1, 20)?);
/// assert!(PageRequest::new(0, 20).is_err());
/// # Ok::<(), convodb::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    page: u64,
    limit: u32,
}

impl PageRequest {
    /// The longest page.
    pub const MAX_LIMIT: u32 = 100;

    /// Page `page`, from 1, of pages of `limit` rows, 1 to 100.
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for page 0, and for a limit outside its bounds.
    pub fn new(page: u64, limit: u32) -> Result<Self> {
        if page == 0 {
            return Err(InvalidInput::new("page", "must be at least 1").into());
        }
        check_limit(limit)?;
        Ok(Self { page, limit })
    }

    /// The number of the page, from 1.
    #[must_use]
    pub const fn page(self) -> u64 {
        self.page
    }

    /// The number of rows of a page.
    #[must_use]
    pub const fn limit(self) -> u32 {
        self.limit
    }

    /// The rows before the page; what is more than any list has stands for itself.
    #[doc(hidden)]
    pub fn skip(self) -> u64 {
        (self.page - 1).saturating_mul(u64::from(self.limit))
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { page: 1, limit: 20 }
    }
}

#[doc(hidden)]
pub fn check_limit(limit: u32) -> Result<(), InvalidInput> {
    if (1..=PageRequest::MAX_LIMIT).contains(&limit) {
        Ok(())
    } else {
        Err(InvalidInput::new("limit", "must be between 1 and 100"))
    }
}

/// A page of a list, latest activity first.
///
/// Serialises as the specification's `{"data", "total", "page"}`; `next` follows only where there
/// are more rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Page {
    /// The rows. A page past the end has none.
    pub data: Vec<Conversation>,
    /// How many conversations the filter selects, on whatever page.
    pub total: u64,
    /// The number of the page.
    pub page: u64,
    /// Where `list_after` goes on, if there are more rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// The rows of a list behind a cursor, latest activity first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CursorPage {
    /// The rows.
    pub data: Vec<Conversation>,
    /// How many conversations the filter selects, before and behind the cursor.
    pub total: u64,
    /// Where to go on, if there are more rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

/// The rows of a list around one conversation, latest activity first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Window {
    /// The rows, that of the conversation among them.
    pub data: Vec<Conversation>,
    /// How many conversations the filter selects.
    pub total: u64,
    /// How many rows of the list stand before the first of these.
    pub offset: u64,
    /// Where to go on, if there are more rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Cursor>,
}

impl Window {
    #[doc(hidden)]
    pub fn new(offset: u64, rows: CursorPage) -> Self {
        Self {
            data: rows.data,
            total: rows.total,
            offset,
            next: rows.next,
        }
    }
}

impl Page {
    #[doc(hidden)]
    pub fn new(page: u64, rows: CursorPage) -> Self {
        Self {
            data: rows.data,
            total: rows.total,
            page,
            next: rows.next,
        }
    }
}

impl CursorPage {
    #[doc(hidden)]
    pub fn new(data: Vec<Conversation>, total: u64, next: Option<Cursor>) -> Self {
        Self { data, total, next }
    }
}
