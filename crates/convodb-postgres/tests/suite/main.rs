//! The tests of the backend, on a PostgreSQL server that they start themselves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![allow(missing_docs, unreachable_pub)]

mod backend;
mod connections;
mod disturbances;
mod failures;
mod model;
mod retention;
mod sessions;
