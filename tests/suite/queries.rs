//! What callers send: query strings, cursors, ids and ranges, read strictly and printed as they
//! are read.

mod list_query;
mod ranges;
mod texts;
