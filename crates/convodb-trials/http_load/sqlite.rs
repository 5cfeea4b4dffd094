//! The opponent: what the load asks of the API server, answered over SQLite in the same framework.
//!
//! The schema, its indexes, its triggers and its settings are those of `sqlite` in
//! `benches/compare`; receiving needs two things more, which `schema` adds. There is no history of
//! events here, no idempotency key and no provider's id: SQLite is asked for less.

mod json;
mod reads;
mod schema;
mod serve;
#[cfg(test)]
mod tests;
mod writes;

pub(crate) use schema::prepare;
pub(crate) use serve::Serve;
