//! What callers send: query strings, cursors, ids and ranges, read strictly and printed as they
//! are read.

mod list_query;
mod ranges;
// By its path, as a fuzz target takes it too.
#[path = "../support/text.rs"]
mod text;
mod texts;
