//! The opponent: the requests of the load, served from SQLite in the same framework.
//!
//! The schema, its indexes, its triggers and its settings are those of `sqlite` in
//! `benches/compare`; `schema` adds what receiving needs. It has no events, no idempotency keys and no
//! providers' ids, so SQLite does less.

mod json;
mod reads;
mod schema;
mod serve;
#[cfg(test)]
mod tests;
mod writes;

pub(crate) use schema::prepare;
pub(crate) use serve::Serve;
