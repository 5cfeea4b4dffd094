//! Query strings, cursors, ids and ranges: parsed strictly, and printed as they are parsed.

mod query_string;
mod ranges;
mod texts;
