//! What the tests share: the operations that a harness does to a store, and a naive model beside
//! it.
//!
//! Property tests, crash tests, fault tests and fuzz targets all take their operations from
//! [`op`] and [`bytes`], and hold the store against [`model`] by [`apply`] and [`compare`]. The
//! model never calls what it checks: it takes from the crate the types and nothing else.

pub(crate) mod apply;
pub(crate) mod bytes;
pub(crate) mod child;
pub(crate) mod compare;
pub(crate) mod events;
pub(crate) mod fixture;
pub(crate) mod harness;
pub(crate) mod keys;
pub(crate) mod memory;
pub(crate) mod model;
pub(crate) mod op;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod provided;
pub(crate) mod rules;
pub(crate) mod takeovers;
pub(crate) mod verdict;
