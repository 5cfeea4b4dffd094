//! convodb beside what a user would pick instead: the same data and the same questions, on one
//! machine in one run. `README.md` says what is measured and how the opponents are set.
//!
//! A library for the load on an API server alone, which has the same data and SQLite's layout.

mod cases;
mod check;
mod commands;
pub mod data;
pub mod engine;
pub mod engines;
mod measure;
mod memory;
pub mod plan;
#[cfg(feature = "postgres")]
pub mod postgres;
mod readers;
mod replay;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod views;
pub mod workdir;
mod writes;

pub use report::number;
pub use run::run;
