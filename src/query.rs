//! What to read: filters, pages, cursors and ranges, as pure values.
//!
//! Invariant: no value here has seen the store; each is checked when it is made, or says when it is
//! checked.

mod cursor;
mod filter;
mod list_query;
mod page;
mod range;
mod request;
mod targets;

pub use cursor::Cursor;
pub use filter::{Filter, StatusFilter};
pub use list_query::ListQuery;
pub(crate) use page::check_limit;
pub use page::{CursorPage, Page, PageRequest, Window};
pub use range::MessageRange;
pub use request::{AssignRequest, NoteRequest};
pub(crate) use targets::Named;
pub use targets::Targets;
