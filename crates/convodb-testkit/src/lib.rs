//! What the tests share: the operations that a harness does to a store, and a naive model beside
//! it.
//!
//! Property tests, crash tests, fault tests and fuzz targets all take their operations from
//! [`op`] and [`bytes`], and hold a [`backend`] against [`model`] by [`apply`] and [`compare`]. The
//! model never calls what it checks: it takes from the crate the types and nothing else.

pub mod apply;
pub mod backend;
pub mod body;
pub mod bytes;
pub mod changes;
pub mod child;
pub mod compare;
pub mod contacts;
pub mod events;
#[cfg(feature = "postgres")]
pub mod failures;
pub mod fixture;
pub mod harness;
pub mod keys;
pub mod lines;
pub mod memory;
pub mod model;
pub mod more;
pub mod op;
pub mod plan;
pub mod postgres;
pub mod probe;
pub mod provided;
pub mod ranks;
pub mod records;
pub mod removals;
pub mod replay;
pub mod rules;
pub mod specification;
pub mod store;
pub mod strategy;
pub mod tables;
pub mod text;
pub mod verdict;
pub mod views;
pub mod watermarks;
